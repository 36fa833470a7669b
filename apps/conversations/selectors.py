import uuid
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet

from apps.conversations.models import EndReason, RealtimeSession, SessionEvent
from apps.tenants.models import Tenant

_EVENTS_AT_ONCE = 1000


def session_list(
    *,
    model: str | None = None,
    end_reason: EndReason | None = None,
    api_key_id: uuid.UUID | None = None,
    is_open: bool | None = None,
    started_from: datetime | None = None,
    started_before: datetime | None = None,
) -> QuerySet[RealtimeSession]:
    """The current tenant's sessions, the newest first; what is None is not asked for."""
    wanted = {
        "model": model,
        "end_reason": end_reason,
        "api_key_id": api_key_id,
        "ended_at__isnull": is_open,
        "started_at__gte": started_from,
        "started_at__lt": started_before,
    }
    return RealtimeSession.objects.filter(
        **{name: value for name, value in wanted.items() if value is not None}
    )


def session_find(session_id: str) -> RealtimeSession | None:
    """By the session's id in the protocol, or that of its call."""
    if not session_id:
        return None
    return RealtimeSession.objects.filter(Q(session_id=session_id) | Q(call_id=session_id)).first()


def session_events(session: RealtimeSession, *, after: int = -1) -> Iterator[SessionEvent]:
    """The log of a session in order, from the event after number `after`; read in chunks as it is consumed."""
    while True:
        events = SessionEvent.objects.filter(session=session, seq__gt=after).order_by("seq")
        chunk = list(events[:_EVENTS_AT_ONCE])
        yield from chunk
        if len(chunk) < _EVENTS_AT_ONCE:
            return
        after = chunk[-1].seq


def log_days(tenant: Tenant) -> int:
    """How many days a session and its log are kept after the session's end."""
    days: int = tenant.log_days or settings.SESSION_LOG_DAYS
    return days
