import uuid
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from django.utils import timezone
from ninja import Query, Schema
from pydantic import BaseModel, Field, StringConstraints

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of, read_cursor
from apps.api.v1.problems import FieldError, invalid
from apps.api.v1.sessions import find_session
from apps.api.v1.types import Moment
from apps.conversations.grouped import Grouping, session_totals
from apps.keys.models import Scope
from apps.usage.filtering import UsageFilter
from apps.usage.groups import Way, usage_groups
from apps.usage.lines import Around, line_list
from apps.usage.models import Kind, UsageLine
from apps.usage.periods import Period, period_between, today_utc

area = Area("Usage")

_MOST_HOURLY_DAYS = 7
_MICRO = "In millionths of a US dollar."
Text = Annotated[str, StringConstraints(max_length=200)]


class UsageLineOut(Schema):
    """How much of one unit was used, and what it is billed."""

    id: int
    at: datetime
    session_id: str = Field(examples=["sess_8f14e45fceea167a5a36d"])
    response_id: str | None
    item_id: str | None
    attempt: int
    kind: Kind
    provider: str = Field(examples=["groq"])
    model: str = Field(examples=["groq/openai/gpt-oss-120b"])
    unit: str = Field(examples=["input_text_token"])
    quantity: int
    price_micro: int = Field(description=_MICRO)
    estimated: bool = Field(description="Whether the quantity or the rate is an estimate.")
    is_priced: bool = Field(description="False: nobody knows a price, so none is counted for now.")
    outcome: str | None
    api_key_id: uuid.UUID | None
    agent_version_id: uuid.UUID | None
    customer_id: uuid.UUID | None


class UsagePage(Page[UsageLineOut]):
    pass


class UsageGroupOut(Schema):
    """What one group used, and what it is billed."""

    group: str | None = Field(
        description="The day, hour, kind, provider, model, unit, id of the key, slug of the agent, id of its "
        "version, or id of the customer. Null: of none. A deleted agent is told by the ids of its versions."
    )
    label: str | None = Field(description="What the key or the agent is called.")
    price_micro: int = Field(description=_MICRO)
    estimated_micro: int = Field(description="The part of the price that is an estimate.")
    unpriced: int = Field(description="How many records have no price: they count as 0 until one is known.")
    records: int
    quantities: dict[str, int] = Field(
        description="By unit.", examples=[{"input_text_token": 1200, "output_text_token": 80}]
    )


class UsageOut(Schema):
    first: date
    last: date
    price_micro: int = Field(description=_MICRO)
    data: list[UsageGroupOut]


class UsageFilterQuery(BaseModel):
    kind: Kind | None = None
    model: Text | None = Field(None, description="`provider/model`")
    agent: Text | None = Field(
        None, description="The agent's slug, or the id of a version; `-`: without an agent."
    )
    api_key_id: uuid.UUID | Literal["-"] | None = Field(None, description="`-`: without a key.")
    customer_id: uuid.UUID | Literal["-"] | None = Field(None, description="`-`: for no customer.")

    @property
    def wanted(self) -> UsageFilter:
        return UsageFilter(self.kind, self.model, self.agent, self.api_key_id, self.customer_id)


class UsageQuery(UsageFilterQuery):
    by: Way = Field("day", description="What a group is; days and hours are those of UTC.")
    first: date | None = Field(None, description="The first day, in UTC. Null: 29 days before the last.")
    last: date | None = Field(None, description="The last day, in UTC. Null: today.")


class RecordsQuery(UsageFilterQuery, PageQuery):
    session_id: Text | None = None
    only_unpriced: bool = Field(False, description="Only what nobody knows a price of.")
    since: Moment | None = Field(None, description="Only from then on.")
    before: Moment | None = Field(None, description="Only earlier ones.")


class Totals(Schema):
    """Sums of the sessions of one group."""

    group: str | None = Field(description="The day, model, API key or agent; null: of none.")
    sessions: int
    turns: int = Field(alias="total_turns")
    responses: int = Field(alias="total_responses")
    errors: int = Field(alias="total_errors")
    user_audio_ms: int = Field(alias="total_user_audio_ms")
    assistant_audio_ms: int = Field(alias="total_assistant_audio_ms")
    cost_micro: int = Field(alias="total_cost_micro", description=_MICRO)


class AllTotals(Schema):
    data: list[Totals]


class TotalsQuery(BaseModel):
    by: Grouping = Field("day", description="What a group is; days are those of UTC.")
    started_from: Moment | None = Field(None, description="Null: 30 days ago.")
    started_before: Moment | None = Field(None, description="Null: now.")


@area.operation("GET", "/usage", "usage_sums", scope=Scope.USAGE_READ, response=UsageOut)
def sums(request: ApiRequest, query: Query[UsageQuery]) -> Any:
    """Sum up what was used and what it is billed.

    By day, hour, kind, provider, model, unit, API key, agent or customer. Hours are told of 7 days at most.
    """
    period = _period(query)
    groups = usage_groups(by=query.by, period=period, wanted=query.wanted)
    price_micro = sum(group.price_micro for group in groups)
    return {"first": period.first, "last": period.last, "price_micro": price_micro, "data": groups}


@area.operation("GET", "/usage/records", "usage_records_list", scope=Scope.USAGE_READ, response=UsagePage)
def list_records(request: ApiRequest, query: Query[RecordsQuery]) -> Any:
    """List usage records, the newest first: a record for each unit that was used."""
    at = None if query.cursor is None else read_cursor(UsageLine, query.cursor, "at")[0]
    lines = line_list(
        query.wanted,
        since=query.since,
        before=query.before,
        session_id=query.session_id,
        only_unpriced=query.only_unpriced,
        around=Around(query.limit, at),
    )
    return page_of(lines, query, by="at")


@area.operation(
    "GET",
    "/sessions/{session_id}/usage",
    "session_usage_list",
    scope=Scope.USAGE_READ,
    response=UsagePage,
)
def list_of_session(request: ApiRequest, session_id: str, query: Query[PageQuery]) -> Any:
    """List the usage records of a session, in order."""
    lines = line_list(UsageFilter(), session_id=find_session(session_id).session_id)
    return page_of(lines, query, by="at", newest_first=False)


@area.operation("GET", "/activity", "activity_sums", scope=Scope.USAGE_READ, response=AllTotals)
def activity(request: ApiRequest, query: Query[TotalsQuery]) -> Any:
    """Sum up the sessions of a time, by day, model, API key or agent."""
    before = query.started_before or timezone.now()
    since = query.started_from or before - timedelta(days=30)
    return {"data": list(session_totals(by=query.by, started_from=since, started_before=before))}


def _period(query: UsageQuery) -> Period:
    """Raises Problem."""
    try:
        period = period_between(query.first, query.last, today=today_utc())
    except ValueError as error:
        raise invalid([FieldError(field="first", message=str(error))]) from None
    if query.by == "hour" and period.days > _MOST_HOURLY_DAYS:
        message = f"Choose at most {_MOST_HOURLY_DAYS} days, or `by=day`."
        raise invalid([FieldError(field="by", message=message)])
    return period
