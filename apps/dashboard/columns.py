"""What a person wants to see of each session in the list: kept in a cookie, in no particular tenant.

Cells are made here rather than in the template, where the rows of a page took longer than all else of it.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from apps.conversations.models import EndReason, RealtimeSession
from apps.conversations.selectors import Piece
from apps.dashboard.templatetags.amounts import dollars, in_ms, lasting
from apps.dashboard.templatetags.dashboard import ago

COOKIE = "session_columns"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    label: str
    show: Callable[[RealtimeSession], object]
    default: bool = True
    is_number: bool = False

    @property
    def html_class(self) -> str:
        return "number" if self.is_number else ""


def columns_of(request: HttpRequest) -> Sequence[Column]:
    """Those that the person chose; without a choice, the usual ones."""
    chosen = request.COOKIES.get(COOKIE, "").split(".")
    return [column for column in COLUMNS if column.name in chosen] or [
        column for column in COLUMNS if column.default
    ]


def rows_of(
    sessions: Sequence[RealtimeSession],
    columns: Sequence[Column],
    *,
    said: Mapping[uuid.UUID, Sequence[Piece]],
) -> Iterator[tuple[RealtimeSession, str, str]]:
    """Each session with its cells, and with what of it was looked for."""
    for session in sessions:
        shown = ((column.label, column.html_class, column.show(session)) for column in columns)
        cells = format_html_join("", '<td data-label="{}" class="{}">{}</td>', shown)
        yield session, cells, _snippet(said.get(session.id, ()))


def _snippet(pieces: Sequence[Piece]) -> str:
    marked = ((format_html("<mark>{}</mark>", text) if is_match else text,) for text, is_match in pieces)
    return format_html_join("", "{}", marked)


def _moment(at: datetime) -> str:
    return format_html(
        '<time class="whitespace-nowrap" datetime="{}" title="{}" data-relative>{}</time>',
        at.isoformat(),
        f"{at:%d %b %Y, %H:%M:%S} UTC",
        ago(at),
    )


def _agent(session: RealtimeSession) -> str:
    version = session.agent_version
    if version is None:
        return format_html('<span class="text-quiet">{}</span>', "none")
    return format_html(
        '<span>{} <span class="text-quiet">v{}</span></span>', version.agent.name, version.number
    )


def _errors(session: RealtimeSession) -> str:
    if not session.errors:
        return "0"
    return format_html('<span class="font-semibold text-error">{}</span>', session.errors)


_ENDS = {
    EndReason.CLIENT_CLOSED: "Closed",
    EndReason.CONNECTION_LOST: "Lost",
    EndReason.HUNG_UP: "Hung up",
    EndReason.KEY_REVOKED: "Key revoked",
    EndReason.BALANCE_USED_UP: "Balance used up",
    EndReason.EXPIRED: "Time was up",
    EndReason.TOO_SLOW: "Read too slowly",
    EndReason.REFUSED: "Refused",
    EndReason.SERVER_STOPPED: "Server stopped",
    EndReason.SERVER_ERROR: "Error of ours",
    EndReason.CRASHED: "Server lost",
}


def _ended(session: RealtimeSession) -> str:
    """A word or two, for the width of a column; the sentence stands over it."""
    if session.is_open:
        return format_html('<span class="font-medium text-success">{}</span>', "Running")
    short = _ENDS[EndReason(session.end_reason)] if session.end_reason else ""
    return format_html('<span title="{}">{}</span>', session.get_end_reason_display(), short)


def _outcome(session: RealtimeSession) -> str:
    return session.insights.get_outcome_display() if hasattr(session, "insights") else ""


COLUMNS = (
    Column("started", "Started", lambda session: _moment(session.started_at)),
    Column("agent", "Agent", _agent),
    Column("model", "Model", lambda session: session.model),
    Column("key", "API key", lambda session: session.api_key or "none", default=False),
    Column("kind", "Kind", lambda session: session.get_kind_display(), default=False),
    Column("duration", "Duration", lambda session: lasting(session.lasted), is_number=True),
    Column("turns", "Turns", lambda session: session.turns, is_number=True),
    Column("interruptions", "Interruptions", lambda session: session.interruptions, False, is_number=True),
    Column("response", "Response", lambda session: in_ms(session.usual_response_ms), False, is_number=True),
    Column("errors", "Errors", _errors, is_number=True),
    Column("outcome", "Outcome", _outcome, False),
    Column("cost", "Cost", lambda session: dollars(session.cost_micro), is_number=True),
    Column("ended", "Ended", _ended),
)
