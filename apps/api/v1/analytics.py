from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from django.utils import timezone
from ninja import Query, Schema
from pydantic import BaseModel, Field, StringConstraints

from apps.analytics.filtering import Filters
from apps.analytics.measures import Measures, Step, Way, measures_of, series_of, usual_step
from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.problems import FieldError, invalid
from apps.keys.models import Scope
from apps.usage.periods import Period, period_between, today_utc

area = Area("Analytics")

_MOST_HOURLY_DAYS = 7
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class PercentilesOut(Schema):
    """In ms; null where no turn had the stage."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class MeasuresOut(Schema):
    """Of a group of sessions, which count when they began, and of turns, which count when they were spoken. A share
    is null where there is nothing that it could be of."""

    sessions: int
    minutes: float
    turns: int
    responses: int
    interruptions: int
    errors: int
    failing: int = Field(description="Sessions that had an error.")
    error_rate: float | None = Field(description="The share of sessions that had an error.")
    price_micro: int = Field(description="What the sessions are billed, in millionths of a US dollar.")
    micro_per_minute: float | None = Field(description="That, by the sessions' minutes.")
    spoken: int = Field(description="Spoken turns.")
    answered: int = Field(description="Spoken turns after which the agent was heard.")
    interrupted: int = Field(description="Those of them whose answer the user talked over.")
    interrupted_share: float | None = Field(description="Of the answered turns.")
    latency: dict[str, PercentilesOut] = Field(
        description="By stage: `transcript`, `first_token`, `first_audio`, and `total` from the end of speech to "
        "the first audio."
    )
    outcomes: dict[str, int] = Field(description="Sessions by outcome.", examples=[{"resolved": 3}])
    resolved_share: float | None = Field(description="Of the sessions whose outcome can be told.")
    sentiments: dict[str, int] = Field(description="Sessions by how the user felt.")
    end_reasons: dict[str, int] = Field(description="Sessions by why they ended.")


class GroupOut(MeasuresOut):
    group: str | None = Field(
        description="The agent's slug, the version's id, the model, the language or the outcome; null: of none. "
        "Empty where nothing is told apart."
    )
    label: str


class PointOut(MeasuresOut):
    at: datetime = Field(description="When the hour, day or week of UTC begins.")


class AnalyticsOut(Schema):
    first: date
    last: date
    data: list[GroupOut]


class SeriesOut(Schema):
    first: date
    last: date
    step: Step
    data: list[PointOut]


class FilterQuery(BaseModel):
    first: date | None = Field(None, description="The first day, in UTC. Null: 29 days before the last.")
    last: date | None = Field(None, description="The last day, in UTC. Null: today.")
    agent: Text | None = Field(
        None, description="The agent's slug, or the id of a version; `-`: without an agent."
    )
    model: Text | None = Field(
        None, description="The model that the agent's version names, or that was asked for."
    )
    language: Text | None = Field(None, description="A code like `en`; `-`: not known.")
    outcome: Text | None = Field(None, description="`-`: not told yet.")

    @property
    def filters(self) -> Filters:
        return Filters(self.agent, self.model, self.language, self.outcome)


class GroupQuery(FilterQuery):
    by: Way | None = Field(None, description="What a group is. Null: all together.")


class SeriesQuery(FilterQuery):
    step: Step | None = Field(None, description="Null: as fits the period.")


@area.operation("GET", "/analytics", "analytics_groups", scope=Scope.USAGE_READ, response=AnalyticsOut)
def groups(request: ApiRequest, query: Query[GroupQuery]) -> Any:
    """Measure how well agents do: latencies, interruptions, errors, outcomes and cost.

    All together, or by agent, version, model, language or outcome.
    """
    period = _period(query)
    rows = measures_of(period, query.by, query.filters)
    data = [{"group": row.key, "label": row.label, **_presented(row.measures)} for row in rows]
    return {"first": period.first, "last": period.last, "data": data}


@area.operation("GET", "/analytics/series", "analytics_series", scope=Scope.USAGE_READ, response=SeriesOut)
def series(request: ApiRequest, query: Query[SeriesQuery]) -> Any:
    """Measure the same by hour, day or week. Hours are told of 7 days at most."""
    period = _period(query)
    step = query.step or usual_step(period)
    if step == "hour" and period.days > _MOST_HOURLY_DAYS:
        message = f"Choose at most {_MOST_HOURLY_DAYS} days, or a longer step."
        raise invalid([FieldError(field="step", message=message)])
    course = series_of(period, step, query.filters, until=timezone.now())
    data = [{"at": at, **_presented(measures)} for at, measures in course]
    return {"first": period.first, "last": period.last, "step": step, "data": data}


def _presented(measures: Measures) -> Mapping[str, Any]:
    return {name: getattr(measures, name) for name in MeasuresOut.model_fields}


def _period(query: FilterQuery) -> Period:
    """Raises Problem."""
    try:
        return period_between(query.first, query.last, today=today_utc())
    except ValueError as error:
        raise invalid([FieldError(field="first", message=str(error))]) from None
