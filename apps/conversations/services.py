from datetime import timedelta
from typing import Any

from django.db import connections
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Greatest, Now

from antiphon.engine.connection import TOO_SLOW
from antiphon.engine.machine import GOING_AWAY
from antiphon.engine.ports import Ending
from antiphon.engine.session import INTERNAL_ERROR
from apps.conversations.calls import BALANCE_USED_UP, KEY_REVOKED
from apps.conversations.log_store import published
from apps.conversations.models import EndReason, RealtimeSession, SessionEvent
from apps.core.tenancy import current_database
from apps.transcripts.sql import ADD_TRANSCRIPT_JOB
from apps.webhooks.outbox import PUBLISH_OF_SESSION

ABANDONED_AFTER = timedelta(minutes=2)  # without a sign of life, of which there is one in 30 s

_RESTARTING = 1012
_FIRST_OWN_CODE = 3000  # close codes of applications
_LOST_CODES = (1006, 1011)  # no close frame; no answer to a ping


def end_reason_of(ending: Ending) -> EndReason:
    """Why a session ended, from how its connection was closed."""
    if ending.reason == BALANCE_USED_UP:
        return EndReason.BALANCE_USED_UP
    if ending.code == _RESTARTING:
        return EndReason.SERVER_STOPPED
    if ending.by_client:
        return EndReason.CONNECTION_LOST if ending.code in _LOST_CODES else EndReason.CLIENT_CLOSED
    if ending.code == GOING_AWAY:
        return EndReason.EXPIRED if ending.reason == "session_expired" else EndReason.SERVER_STOPPED
    if ending.reason == KEY_REVOKED:
        return EndReason.KEY_REVOKED
    if ending.code == TOO_SLOW:
        return EndReason.TOO_SLOW
    if ending.code == INTERNAL_ERROR:
        return EndReason.SERVER_ERROR
    return EndReason.REFUSED if ending.code >= _FIRST_OWN_CODE else EndReason.HUNG_UP


def sessions_close_abandoned() -> int:
    """Ends the sessions whose process gave no sign of life for ABANDONED_AFTER, with what is known last of each:
    what it logged counts as one. Returns how many those were.

    Should the process live after all, and have only lost the database, its next sign of life opens them again.
    """
    abandoned = RealtimeSession.objects.filter(ended_at=None, alive_at__lt=Now() - ABANDONED_AFTER)
    lost: list[Any] = list(abandoned.values("tenant_id", "id"))
    ended = RealtimeSession.objects.filter(id__in=[row["id"] for row in lost])
    last_event = (
        SessionEvent.objects.filter(tenant=OuterRef("tenant"), session=OuterRef("pk"))
        .order_by("-seq")
        .values("at")[:1]
    )
    closed = ended.update(ended_at=Greatest("alive_at", Subquery(last_event)), end_reason=EndReason.CRASHED)
    with connections[current_database()].cursor() as cursor:
        cursor.executemany(ADD_TRANSCRIPT_JOB, lost)
        cursor.executemany(PUBLISH_OF_SESSION, [published("session.ended", **row) for row in lost])
    return closed
