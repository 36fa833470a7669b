"""Takes what is due out of the outbox and sends it.

A delivery is claimed under a lease, in the order of its session's events, and what came of it is noted under that
lease. A sender that dies in between leaves it to the next one: it may arrive twice, under the same id, and never
not at all. Whatever decides is decided under a lock on the endpoint's row.
"""

import math
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import Exists, F, Min, OuterRef, Q
from django.utils import timezone

from apps.core.tenancy import across_tenants, atomic, tenant_context
from apps.credentials.sealing import Unsealable
from apps.webhooks import schedule
from apps.webhooks.endpoints import endpoint_disable
from apps.webhooks.messages import Request, request_of
from apps.webhooks.models import Attempt, Delivery, DeliveryState, Endpoint, WebhookEvent
from apps.webhooks.posting import GONE, Outcome, Post, poster
from apps.webhooks.selectors import active_secrets

AT_ONCE = 8  # deliveries to one endpoint
_ALL_AT_ONCE = 500  # of one sender
_ENDPOINTS_AT_ONCE = 200
_LEASE = timedelta(seconds=60)  # longer than any attempt
_LONGEST = 30.0  # seconds, so that a worker can stop; the next sweep goes on
_LOOK_EVERY = 0.25  # seconds, while requests are on their way

_GATHER = 0.02  # seconds in which more may come back

Now = Callable[[], datetime]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours until its lease ends. Without a `request` there is a `problem`."""

    tenant_id: uuid.UUID
    delivery_id: uuid.UUID
    endpoint_id: uuid.UUID
    lease: uuid.UUID
    number: int
    at: datetime
    is_test: bool
    request: Request | None
    problem: str = ""


Come = tuple[Claimed, Outcome]

_NOTED = (
    *("state", "lease", "leased_until", "failures", "next_at"),
    *("last_status", "last_error", "finished_at"),
)
_sending = threading.Lock()
_again = threading.Event()


def send_here() -> None:
    """Sends what is due, unless another thread of this process does: then that one looks again."""
    _again.set()
    until = time.monotonic() + _LONGEST
    while _again.is_set() and time.monotonic() < until and _sending.acquire(blocking=False):
        try:
            _again.clear()
            send_due(until=until)
        finally:
            _sending.release()


def send_due(*, now: Now = timezone.now, until: float = math.inf) -> int:
    """Sends until nothing is due, and begins nothing after the monotonic clock's `until`. Returns how many attempts
    it made."""
    flying: dict[Future[Outcome], Claimed] = {}
    made = 0
    with poster() as post:
        while True:
            room = _ALL_AT_ONCE - len(flying) if time.monotonic() < until else 0
            for claimed in _claim_due(now(), room) if room else ():
                flying[_start(post, claimed)] = claimed
                made += 1
            if not flying:
                return made
            wait(flying, timeout=_LOOK_EVERY, return_when=FIRST_COMPLETED)
            # To look for more costs as much as to note several.
            come: defaultdict[tuple[uuid.UUID, uuid.UUID], list[Come]] = defaultdict(list)
            for future in wait(flying, timeout=_GATHER).done:
                claimed = flying.pop(future)
                come[claimed.tenant_id, claimed.endpoint_id].append((claimed, future.result()))
            for (tenant_id, endpoint_id), together in come.items():
                with tenant_context(tenant_id):
                    _note(endpoint_id, together, now())


def send_claimed(claimed: Claimed, *, now: Now = timezone.now) -> None:
    """Sends this one of the current tenant's, and notes what came of it."""
    with poster() as post:
        _note(claimed.endpoint_id, [(claimed, _start(post, claimed).result())], now())


def claimed_of(
    delivery: Delivery, event: WebhookEvent, endpoint: Endpoint, signing: "Signing", now: datetime
) -> Claimed:
    """Of one that has its lease."""
    assert delivery.lease is not None
    request = request_of(endpoint.url, event, signing.secrets, now) if signing.secrets else None
    return Claimed(
        tenant_id=delivery.tenant_id,
        delivery_id=delivery.id,
        endpoint_id=endpoint.id,
        lease=delivery.lease,
        number=delivery.attempts,
        at=now,
        is_test=event.is_test,
        request=request,
        problem=signing.problem,
    )


@dataclass(frozen=True, slots=True)
class Signing:
    """What an endpoint's deliveries are signed with. Without `secrets` there is a `problem`."""

    secrets: Sequence[str]
    problem: str = ""

    @classmethod
    def of(cls, endpoint: Endpoint, now: datetime) -> "Signing":
        try:
            secrets = [secret.unseal_key() or "" for secret in active_secrets(endpoint, now)]
        except Unsealable as error:
            return cls((), f"The signing secret can't be decrypted: rotate it. {error}"[:500])
        return cls(secrets, "" if secrets else "There is no signing secret: rotate it, and there is one.")


def new_lease(now: datetime) -> dict[str, Any]:
    """What a delivery that is being sent has."""
    return {"state": DeliveryState.SENDING, "lease": uuid.uuid4(), "leased_until": now + _LEASE}


def _start(post: Post, claimed: Claimed) -> "Future[Outcome]":
    if claimed.request is not None:
        return post(claimed.request)
    failed: Future[Outcome] = Future()
    failed.set_result(Outcome(0, error=claimed.problem))
    return failed


def _due(now: datetime) -> Q:
    """Those that wait, and those whose sender was lost."""
    return Q(state=DeliveryState.WAITING, next_at__lte=now) | Q(
        state=DeliveryState.SENDING, leased_until__lt=now
    )


def _claim_due(now: datetime, room: int) -> list[Claimed]:
    with across_tenants(reason="webhooks that are due", whole_process=True):
        due = Delivery.objects.filter(_due(now)).order_by().values("tenant_id", "endpoint_id")
        endpoints = list(due.annotate(first=Min("next_at")).order_by("first")[:_ENDPOINTS_AT_ONCE])
    claimed: list[Claimed] = []
    for row in endpoints:
        if len(claimed) >= room:
            break
        with tenant_context(row["tenant_id"]):
            claimed += _claim(row["endpoint_id"], now, room - len(claimed))
    return claimed


@atomic()
def _claim(endpoint_id: uuid.UUID, now: datetime, room: int) -> list[Claimed]:
    endpoint = Endpoint.objects.select_for_update(no_key=True).filter(id=endpoint_id).first()
    if endpoint is None:
        return []
    all_of_it = Delivery.objects.filter(endpoint=endpoint)
    if not endpoint.is_enabled:
        # Written while it was being disabled, or its sender was lost.
        all_of_it.filter(_due(now)).update(
            state=DeliveryState.CANCELLED, lease=None, leased_until=None, finished_at=now
        )
        return []
    sent_now = Q(state=DeliveryState.SENDING, leased_until__gte=now)
    room = min(room, AT_ONCE - all_of_it.filter(sent_now).count())
    if room <= 0:
        return []
    ahead = Delivery.objects.filter(
        Q(event_id__lt=OuterRef("event_id"), state__in=[DeliveryState.WAITING, DeliveryState.SENDING])
        | sent_now,
        endpoint=endpoint,
        session_id=OuterRef("session_id"),
    )
    first_in_line = all_of_it.filter(_due(now)).filter(Q(session_id="") | ~Exists(ahead))
    rows = list(first_in_line.select_related("event").order_by("next_at", "event_id")[:room])
    mine = new_lease(now)
    Delivery.objects.filter(id__in=[row.id for row in rows]).update(**mine, attempts=F("attempts") + 1)
    signing = Signing.of(endpoint, now)
    for row in rows:
        row.lease, row.attempts = mine["lease"], row.attempts + 1
    return [claimed_of(row, row.event, endpoint, signing, now) for row in rows]


@atomic()
def _note(endpoint_id: uuid.UUID, come: Sequence[Come], now: datetime) -> None:
    """What came of deliveries to one endpoint, in one transaction: each costs the disk as much as all of them."""
    endpoint = Endpoint.objects.select_for_update(no_key=True).filter(id=endpoint_id).first()
    sent = {claimed.delivery_id: claimed.lease for claimed, _ in come}
    found = Delivery.objects.filter(id__in=sent, state=DeliveryState.SENDING)
    ours = {delivery.id: delivery for delivery in found if delivery.lease == sent[delivery.id]}
    noted = [one for one in come if one[0].delivery_id in ours]
    for claimed, _ in come:
        if endpoint is None or claimed.delivery_id not in ours:  # another sender has it, or nobody
            log.warning("webhook_came_late", delivery_id=str(claimed.delivery_id))
    if endpoint is None:
        return
    Attempt.objects.bulk_create([_attempt(*one) for one in noted])
    for claimed, outcome in noted:
        delivery = ours[claimed.delivery_id]
        delivery.lease = delivery.leased_until = None
        delivery.last_status, delivery.last_error = outcome.status, outcome.error
        if not outcome.error:
            delivery.state, delivery.finished_at = DeliveryState.DELIVERED, now
        elif claimed.is_test:
            delivery.state, delivery.finished_at = DeliveryState.FAILED, now
        else:
            _put_off(delivery, endpoint, outcome, now)
    Delivery.objects.bulk_update(ours.values(), _NOTED)
    for claimed, outcome in noted:
        if not claimed.is_test:
            _note_health(endpoint, outcome, claimed.at, now)


def _attempt(claimed: Claimed, outcome: Outcome) -> Attempt:
    return Attempt(
        delivery_id=claimed.delivery_id,
        number=claimed.number,
        at=claimed.at,
        duration_ms=outcome.duration_ms,
        request_headers=dict(claimed.request.headers) if claimed.request else {},
        status=outcome.status,
        response_body=outcome.body,
        error=outcome.error,
    )


def _put_off(delivery: Delivery, endpoint: Endpoint, outcome: Outcome, now: datetime) -> None:
    delivery.failures += 1
    wait = schedule.wait_after(delivery.failures, chance=random.random(), asked=outcome.asked)
    if wait is None or outcome.status == GONE:
        delivery.state, delivery.finished_at = DeliveryState.FAILED, now
    elif not endpoint.is_enabled:
        delivery.state, delivery.finished_at = DeliveryState.CANCELLED, now
    else:
        delivery.state, delivery.next_at = DeliveryState.WAITING, now + wait


def _note_health(endpoint: Endpoint, outcome: Outcome, began: datetime, now: datetime) -> None:
    """Disables an endpoint that is gone, or that nothing got through to for long."""
    if not outcome.error:
        if endpoint.failing_since is not None:
            endpoint.failing_since = None
            Endpoint.objects.filter(id=endpoint.id).update(failing_since=None)
        return
    if endpoint.failing_since is None:
        endpoint.failing_since = began
        Endpoint.objects.filter(id=endpoint.id).update(failing_since=began)
    if not endpoint.is_enabled:
        return
    if outcome.status == GONE:
        endpoint_disable(endpoint=endpoint, reason="It answered that it is gone (status 410).", now=now)
    elif now - endpoint.failing_since >= schedule.GIVEN_UP_AFTER:
        endpoint_disable(endpoint=endpoint, reason="Every delivery to it failed for three days.", now=now)
