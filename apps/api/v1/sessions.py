import uuid
from datetime import datetime
from typing import Any, Literal

from ninja import Query, Schema
from pydantic import Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import not_found
from apps.api.v1.types import Moment
from apps.conversations.live import session_end
from apps.conversations.models import Direction, EndReason, RealtimeSession, SessionEvent, SessionKind
from apps.conversations.selectors import session_find, session_list
from apps.keys.models import Scope
from apps.privacy.erasing import session_delete
from apps.transcripts.models import Outcome, Sentiment, Source
from apps.transcripts.presenting import document
from apps.transcripts.selectors import insights_find

area = Area("Sessions")


class SessionOut(Schema):
    """A session, which is or was. While it is open its figures follow it by half a minute at most."""

    session_id: str = Field(examples=["sess_8f14e45fceea167a5a36d"])
    call_id: str = Field(examples=["rtc_c9f0f895fb98ab9159f51"])
    kind: SessionKind
    model: str = Field(examples=["local/dialogue"])
    api_key_id: uuid.UUID | None = Field(
        description="The key that opened it; null: a person, or a deleted key."
    )
    safety_identifier: str
    started_at: datetime
    ended_at: datetime | None
    end_reason: EndReason | None = Field(description="Null: it is open.")
    turns: int
    responses: int
    interruptions: int
    errors: int
    user_audio_ms: int
    assistant_audio_ms: int
    cost_micro: int = Field(description="In millionths of a US dollar.")

    @staticmethod
    def resolve_end_reason(session: RealtimeSession) -> str | None:
        return session.end_reason or None


class SessionPage(Page[SessionOut]):
    pass


class TranscriptEntryOut(Schema):
    """What was said, done or went wrong at one time. Times are in ms since the session's start."""

    kind: Literal["user", "assistant", "system", "call", "result", "problem"]
    start_ms: int
    end_ms: int
    text: str = Field("", description="What was heard; a tool's arguments or result; what went wrong.")
    unheard: str = Field("", description="What the agent had said and nobody heard, as the user spoke first.")
    words: list[tuple[int, int, str]] = Field([], description="Begin, end and text of each word.")
    exact: bool = Field(False, description="False: the words' times are estimates.")
    item_id: str = ""
    response_id: str = ""
    call_id: str = ""
    name: str = Field("", description="Of the function.")
    is_cut: bool = False
    aside: bool = Field(False, description="It is no part of the conversation.")
    failed: bool = False
    language: str = ""


class TranscriptOut(Schema):
    """What was said in a session."""

    session_id: str
    format: int
    is_final: bool = Field(description="False: it is read from the log, as its transcript isn't made yet.")
    is_redacted: bool
    source: Source
    started_at: datetime
    ended_at: datetime | None
    languages: list[str] = Field(examples=[["en"]])
    words: int
    summary: str | None
    outcome: Outcome | None
    sentiment: Sentiment | None
    data: dict[str, Any] | None
    entries: list[TranscriptEntryOut]


class InsightsOut(Schema):
    """What came of a session. `data` are the fields that its agent asks for."""

    summary: str
    outcome: Outcome
    sentiment: Sentiment
    data: dict[str, Any]
    model: str
    cost_micro: int = Field(description="Of finding it out, in millionths of a US dollar.")
    made_at: datetime


class SessionEventOut(Schema):
    """One line of a session's log."""

    seq: int
    at: datetime
    direction: Direction
    type: str = Field(examples=["response.done"])
    response_id: str | None
    item_id: str | None
    body: Any = Field(description="The event as it was on the wire, without audio.")


class SessionEventPage(Page[SessionEventOut]):
    pass


class SessionQuery(PageQuery):
    model: str | None = Field(None, max_length=200, description="How the model's name begins.")
    kind: SessionKind | None = None
    end_reason: EndReason | None = None
    api_key_id: uuid.UUID | None = None
    is_open: bool | None = None
    has_errors: bool | None = None
    outcome: Outcome | None = None
    sentiment: Sentiment | None = None
    language: str | None = Field(None, max_length=35, description="One that was spoken.", examples=["en"])
    started_from: Moment | None = None
    started_before: Moment | None = None
    text: str | None = Field(None, max_length=200, description="Words that were said in it.")


@area.operation("GET", "/sessions", "sessions_list", scope=Scope.SESSIONS_READ, response=SessionPage)
def list_sessions(request: ApiRequest, query: Query[SessionQuery]) -> Any:
    """List sessions, the newest first."""
    return page_of(session_list(**query.model_dump(exclude={"limit", "cursor"})), query, by="started_at")


@area.operation(
    "GET", "/sessions/{session_id}", "sessions_get", scope=Scope.SESSIONS_READ, response=SessionOut
)
def get(request: ApiRequest, session_id: str) -> RealtimeSession:
    """Show a session, by its id or that of its call."""
    return find_session(session_id)


@area.operation(
    "GET",
    "/sessions/{session_id}/events",
    "sessions_events",
    scope=Scope.SESSIONS_READ,
    response=SessionEventPage,
)
def list_events(request: ApiRequest, session_id: str, query: Query[PageQuery]) -> Any:
    """List what came to pass in a session, in order."""
    events = SessionEvent.objects.filter(session=find_session(session_id))
    return page_of(events, query, by="seq", newest_first=False)


@area.operation(
    "GET",
    "/sessions/{session_id}/transcript",
    "sessions_transcript",
    scope=Scope.SESSIONS_READ,
    response=TranscriptOut,
)
def get_transcript(request: ApiRequest, session_id: str) -> Any:
    """Show what was said in a session, also while it runs."""
    return document(find_session(session_id))


@area.operation(
    "GET",
    "/sessions/{session_id}/insights",
    "sessions_insights",
    scope=Scope.SESSIONS_READ,
    response=InsightsOut,
)
def get_insights(request: ApiRequest, session_id: str) -> Any:
    """Show what came of a session: there once it is over and its transcript was read."""
    found = insights_find(find_session(session_id))
    if found is None:
        raise not_found("summary of this session")
    return found


@area.operation(
    "POST",
    "/sessions/{session_id}/end",
    "sessions_end",
    scope=Scope.SESSIONS_END,
    response=None,
    status=204,
)
def end(request: ApiRequest, session_id: str) -> None:
    """Hang up on a session that is open."""
    session_end(session=find_session(session_id))


@area.operation(
    "DELETE",
    "/sessions/{session_id}",
    "sessions_delete",
    scope=Scope.SESSIONS_DELETE,
    response=None,
    status=204,
)
def delete(request: ApiRequest, session_id: str) -> None:
    """Delete a session that is over, with its log and all that was said."""
    session_delete(session=find_session(session_id))


def find_session(session_id: str) -> RealtimeSession:
    """Raises Problem."""
    session = session_find(session_id)
    if session is None:
        raise not_found("session")
    return session
