from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from ninja import Query, Schema
from pydantic import BaseModel, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.sessions import find_session
from apps.api.v1.types import Moment
from apps.conversations.costs import TYPES
from apps.conversations.grouped import Grouping, session_totals
from apps.conversations.models import SessionEvent
from apps.keys.models import Scope

area = Area("Usage")


class UsageLine(Schema):
    unit: str = Field(examples=["input_text_token"])
    quantity: int
    unit_price: str = Field(description="In US dollars, for `per` units, as a decimal.", examples=["0.59"])
    per: int = Field(examples=[1_000_000])
    price_micro: int = Field(description="In millionths of a US dollar.")


class UnpricedLine(Schema):
    unit: str
    quantity: int


class UsageRecordOut(Schema):
    """What one answer, transcription, speech or connection used, and what that costs."""

    id: str
    at: datetime
    kind: str = Field(examples=["response"])
    model: str = Field(examples=["groq/openai/gpt-oss-120b"])
    response_id: str | None
    item_id: str | None
    attempt: int
    lines: list[UsageLine]
    unpriced: list[UnpricedLine] = Field(description="What nobody knows the price of.")
    price_micro: int = Field(description="In millionths of a US dollar.")
    estimated: bool
    outcome: str | None


class UsagePage(Page[UsageRecordOut]):
    pass


class Totals(Schema):
    """Sums of the sessions of one group."""

    group: str | None = Field(description="The day, model, API key or agent; null: of none.")
    sessions: int
    turns: int = Field(alias="total_turns")
    responses: int = Field(alias="total_responses")
    errors: int = Field(alias="total_errors")
    user_audio_ms: int = Field(alias="total_user_audio_ms")
    assistant_audio_ms: int = Field(alias="total_assistant_audio_ms")
    cost_micro: int = Field(alias="total_cost_micro", description="In millionths of a US dollar.")


class AllTotals(Schema):
    data: list[Totals]


class TotalsQuery(BaseModel):
    by: Grouping = Field("day", description="What a group is; days are those of UTC.")
    started_from: Moment | None = Field(None, description="Null: 30 days ago.")
    started_before: Moment | None = Field(None, description="Null: now.")


@area.operation(
    "GET",
    "/sessions/{session_id}/usage",
    "usage_records_list",
    scope=Scope.USAGE_READ,
    response=UsagePage,
)
def list_records(request: ApiRequest, session_id: str, query: Query[PageQuery]) -> Any:
    """List the usage records of a session, in order."""
    events = SessionEvent.objects.filter(session=find_session(session_id), type__in=TYPES)
    page = page_of(events, query, by="seq", newest_first=False)
    return {**page, "data": [{**event.body, "at": event.at} for event in page["data"]]}


@area.operation("GET", "/usage", "usage_totals", scope=Scope.USAGE_READ, response=AllTotals)
def totals(request: ApiRequest, query: Query[TotalsQuery]) -> Any:
    """Sum up the sessions of a time, by day, model, API key or agent."""
    before = query.started_before or timezone.now()
    since = query.started_from or before - timedelta(days=30)
    return {"data": list(session_totals(by=query.by, started_from=since, started_before=before))}
