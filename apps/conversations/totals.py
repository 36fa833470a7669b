"""What a tenant's sessions come to over a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connections
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce, Now, TruncDay, TruncHour

from apps.conversations.models import RealtimeSession
from apps.core.tenancy import current_database, require_tenant
from apps.usage.filtering import UsageFilter

_PERCENTILES = """
    SELECT started_at >= %(middle)s, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY ms)
    FROM conversations_realtimesession, unnest(response_ms) AS ms
    WHERE "tenant_id" = %(tenant)s AND started_at >= %(since)s AND started_at < %(until)s
    GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """`failing` of the sessions had an error. The responses' times are None where nobody spoke."""

    sessions: int = 0
    minutes: float = 0.0
    failing: int = 0
    response_p50_ms: float | None = None
    response_p95_ms: float | None = None

    @property
    def error_rate(self) -> float | None:
        return self.failing / self.sessions if self.sessions else None


def totals_of(*, until: datetime, length: timedelta) -> tuple[Totals, Totals]:
    """Of the sessions that began in a period, and in the one of the same length before it. Two queries."""
    middle, since = until - length, until - 2 * length
    began = RealtimeSession.objects.filter(started_at__gte=since, started_at__lt=until)
    counted = (
        began.order_by()
        .annotate(is_later=Q(started_at__gte=middle))
        .values("is_later")
        .annotate(
            sessions=Count("id"),
            time=Sum(Coalesce("ended_at", Now()) - F("started_at")),
            failing=Count("id", filter=Q(errors__gt=0)),
        )
    )
    with connections[current_database()].cursor() as cursor:
        asked: dict[str, Any] = {
            "tenant": str(require_tenant()),
            "since": since,
            "middle": middle,
            "until": until,
        }
        cursor.execute(_PERCENTILES, asked)
        percentiles = dict(cursor.fetchall())
    found = {
        row["is_later"]: Totals(
            row["sessions"],
            row["time"].total_seconds() / 60,
            row["failing"],
            *percentiles.get(row["is_later"], (None, None)),
        )
        for row in counted
    }
    return found.get(True, Totals()), found.get(False, Totals())


def sessions_by_day(*, until: datetime, days: int) -> Sequence[tuple[date, int, int]]:
    """Of each of the last days, in UTC and the oldest first: how many sessions began, and how many of them had an
    error."""
    first = until.astimezone(UTC).date() - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    rows = (
        RealtimeSession.objects.filter(started_at__gte=since, started_at__lt=until)
        .order_by()
        .annotate(day=TruncDay("started_at", tzinfo=UTC))
        .values("day")
        .annotate(began=Count("id"), failed=Count("id", filter=Q(errors__gt=0)))
    )
    found = {row["day"].date(): (row["began"], row["failed"]) for row in rows}
    wanted = (first + timedelta(days=n) for n in range(days))
    return [(day, *found.get(day, (0, 0))) for day in wanted]


@dataclass(frozen=True, slots=True)
class Activity:
    """Of sessions that began in a time. What they heard and said, in ms."""

    sessions: int = 0
    responses: int = 0
    user_audio_ms: int = 0
    assistant_audio_ms: int = 0

    def __add__(self, other: "Activity") -> "Activity":
        return Activity(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Activity)))


def activity_of(
    *, since: datetime, before: datetime, wanted: UsageFilter, hourly: bool = False
) -> Mapping[datetime, Activity]:
    """By the beginning of the day, or of the hour, in UTC; without an entry no session began. `wanted` is one of
    whole sessions."""
    truncated = (TruncHour if hourly else TruncDay)("started_at", tzinfo=UTC)
    rows = (
        RealtimeSession.objects.filter(started_at__gte=since, started_at__lt=before, **wanted.conditions)
        .order_by()
        .annotate(at=truncated)
        .values_list("at")
        .annotate(Count("id"), Sum("responses"), Sum("user_audio_ms"), Sum("assistant_audio_ms"))
    )
    return {at: Activity(*map(int, sums)) for at, *sums in rows}
