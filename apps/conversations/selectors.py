import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from antiphon.providers.catalogue import loader as catalogue
from apps.conversations import runtime
from apps.conversations.models import EndReason, RealtimeSession, SessionEvent
from apps.keys.services import KeyGrant
from apps.tenants.models import Tenant

_EVENTS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model that a tenant's sessions can name. `created` is in seconds since 1970; 0 is unknown."""

    id: str
    owned_by: str
    created: int = 0
    shutdown_date: date | None = None


async def model_list(grant: KeyGrant) -> list[ModelInfo]:
    """The models that a session of this tenant can name, of every kind, by name: embedded ones, routers, those
    of the operator's own servers, and what the catalogue knows of vendors for which there is a key. Others of
    these vendors may work as well."""
    models = await runtime.models_of(grant)
    listed = {model.name: ModelInfo(model.name, model.provider) for model in models.list()}
    usable, today = models.usable, _today()
    for entry in catalogue.entries():
        if entry.provider in usable and entry.lifecycle_on(today) != "retired":
            listed[entry.name] = ModelInfo(entry.name, entry.provider, shutdown_date=entry.shutdown_at)
    return [listed[name] for name in sorted(listed)]


def _today() -> date:
    return timezone.now().date()


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
    days: int = settings.SESSION_LOG_DAYS
    return days
