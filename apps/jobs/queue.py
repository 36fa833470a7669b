"""How the work behind the scenes is doing, for staff: workers, scheduler, broker, and what waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Min, Q
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from apps.jobs.kinds import kind_of
from apps.jobs.models import Job, JobState
from apps.jobs.running import due
from apps.jobs.selectors import SWEPT_AT

_PATIENCE = 0.5  # seconds in which workers answer
_SWEEPS_MISSED = 6  # after so many the scheduler counts as gone


@dataclass(frozen=True, slots=True)
class Broker:
    """`messages` wait for a worker, `unacked` are with one. `problem` is a sentence where there is no broker."""

    messages: int = 0
    unacked: int = 0
    workers: Sequence[str] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class KindState:
    """Jobs of one kind, of all tenants."""

    kind: str
    label: str
    waiting: int
    running: int
    failed: int
    due_since: datetime | None  # the oldest that nobody does


def broker_state() -> Broker:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            messages: Any = client.llen(current_app.conf.task_default_queue)
            unacked: Any = client.hlen("unacked")
        answers = current_app.control.inspect(timeout=_PATIENCE).ping() or {}
    except (RedisError, OperationalError, OSError) as error:
        return Broker(problem=f"The broker can't be reached ({error}). Jobs wait until it is back.")
    return Broker(messages, unacked, sorted(answers))


def swept_at() -> datetime | None:
    """When the scheduler last had jobs swept; None if nobody knows."""
    try:
        found: datetime | None = cache.get(SWEPT_AT)
    except (RedisError, OSError):
        return None
    return found


def is_scheduled(swept: datetime | None, now: datetime) -> bool:
    return swept is not None and (now - swept).total_seconds() < settings.JOB_SWEEP_SECONDS * _SWEEPS_MISSED


def job_states() -> list[KindState]:
    """Of kinds that have jobs which are not done, those that wait the longest first. Of all tenants, if it is read
    across them."""
    now = timezone.now()
    rows = (
        Job.objects.filter(state__in=[JobState.WAITING, JobState.RUNNING, JobState.FAILED])
        .order_by()
        .values("kind")
        .annotate(
            waiting=Count("id", filter=Q(state=JobState.WAITING)),
            running=Count("id", filter=Q(state=JobState.RUNNING)),
            failed=Count("id", filter=Q(state=JobState.FAILED)),
            due_since=Min("run_at", filter=due(now)),
        )
    )
    found = []
    for row in rows:
        kind = kind_of(row["kind"])
        found.append(KindState(**row, label=kind.label if kind else "Unknown here"))
    return sorted(found, key=lambda state: (state.due_since or now, state.kind))
