import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet

from apps.core.tenancy import tenant_context
from apps.limits import scripts
from apps.limits.blocking import thread_store
from apps.limits.models import Limit, LimitRequest, TenantLimits
from apps.limits.resolving import Limits, PlanLimits, resolved, resolved_with_source
from apps.limits.store import Unreachable, events_of, sessions_of

_KEPT_SECONDS = 10.0
_MOST_KEPT = 10_000


def _no_plan(tenant_id: uuid.UUID) -> PlanLimits | None:
    return None


plan_limits: Callable[[uuid.UUID], PlanLimits | None] = _no_plan
"""What a tenant's plan says. Whoever has plans puts theirs here when the process starts; it runs where limits are
loaded: in a thread, within the tenant's context."""

_kept: dict[uuid.UUID, tuple[float, Limits]] = {}


def platform_limits() -> Limits:
    """As the settings have them."""
    return Limits(
        sessions=settings.SESSIONS_PER_TENANT,
        events_per_second=settings.EVENTS_PER_SECOND,
        requests_per_minute=settings.API_REQUESTS_PER_MINUTE,
        sessions_per_key=settings.SESSIONS_PER_KEY,
        events_per_second_per_key=settings.EVENTS_PER_SECOND_PER_KEY,
        sessions_per_address=settings.SESSIONS_PER_ADDRESS,
    )


def own_limits(tenant_id: uuid.UUID) -> PlanLimits | None:
    """What staff granted the tenant; None: nothing."""
    with tenant_context(tenant_id):
        row = TenantLimits.objects.first()
        return row.limits if row else None


def plan_limits_of(tenant_id: uuid.UUID) -> PlanLimits | None:
    with tenant_context(tenant_id):
        return plan_limits(tenant_id)


def limits_of(tenant_id: uuid.UUID) -> Limits:
    """What holds for the tenant now. One query, and that of the plan."""
    return resolved(own_limits(tenant_id), plan_limits_of(tenant_id), platform_limits())


def recent_limits_of(tenant_id: uuid.UUID) -> Limits:
    """The same, as it was at most _KEPT_SECONDS ago: for what happens so often that it should cost no query."""
    now = time.monotonic()
    kept = _kept.get(tenant_id)
    if kept is not None and kept[0] > now:
        return kept[1]
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    limits = limits_of(tenant_id)
    _kept[tenant_id] = (now + _KEPT_SECONDS, limits)
    return limits


@dataclass(frozen=True, slots=True)
class Use:
    """What a tenant uses right now: sessions that run, and about how many client events it sends a second."""

    sessions: int
    events_per_second: int


def use_now(tenant_id: uuid.UUID, limits: Limits) -> Use | None:
    """None while it is not known, because Valkey does not answer."""
    tenant = str(tenant_id)
    try:
        running, full_in = thread_store(settings.REDIS_URL).run(
            scripts.USE, [sessions_of(tenant), events_of(tenant)], []
        )
    except Unreachable:
        return None
    # A bucket of a second's worth, from which as much is missing as was taken in about the last second.
    used = math.ceil(full_in / 1_000_000 * limits.events_per_second)
    return Use(running, min(used, limits.events_per_second))


@dataclass(frozen=True, slots=True)
class Row:
    """A limit as people read it. `value` None: none of its own; `used` None: not known, or counted by key."""

    limit: Limit
    value: int | None
    source: str  # own, plan or platform
    used: int | None = None


def limit_rows(tenant_id: uuid.UUID) -> list[Row]:
    """All limits of a tenant, where each comes from, and what of it is used right now."""
    own, plan, platform = own_limits(tenant_id), plan_limits_of(tenant_id), platform_limits()
    use = use_now(tenant_id, resolved(own, plan, platform))
    rows = []
    for limit in Limit:
        value, source = resolved_with_source(limit, own, plan, platform)
        rows.append(Row(limit, value, source, getattr(use, limit, None)))
    return rows


def limit_request_list() -> QuerySet[LimitRequest]:
    """The current tenant's, newest first."""
    return LimitRequest.objects.select_related("created_by__user")
