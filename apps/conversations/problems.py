"""What went wrong in a tenant's sessions, by kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, Func, Max, QuerySet, TextField, Value, When
from django.db.models.functions import Coalesce

from apps.conversations.models import PROBLEMS, SessionEvent

_WORDS = {
    "error": "A client's event was refused",
    "model.failed": "A model failed",
    "turn.not_transcribed": "A turn could not be transcribed",
    "response.mcp_call.failed": "A tool's server failed",
    "mcp_list_tools.failed": "A tool server did not tell its tools",
}


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    type: str
    code: str
    count: int
    sessions: int
    last: datetime

    @property
    def words(self) -> str:
        return _WORDS[self.type]


def problem_text(body: Mapping[str, Any]) -> str:
    """What went wrong, in the words of the event that tells."""
    error = body.get("error")
    if isinstance(error, dict):
        return str(error.get("message") or error.get("code") or "")
    return str(body.get("message") or error or "")


def with_code(events: QuerySet[SessionEvent]) -> QuerySet[SessionEvent]:
    """With `code`: the error's own, or the kind of failure of a model."""
    in_error = Coalesce(_text("error", "code"), _text("error", "type"))
    return events.annotate(
        code=Coalesce(
            Case(When(type="error", then=in_error), default=_text("kind")),
            Value(""),
            output_field=TextField(),
        )
    )


def problem_groups(*, since: datetime) -> Sequence[ProblemGroup]:
    """The most frequent first."""
    events = SessionEvent.objects.filter(type__in=PROBLEMS, at__gte=since).order_by()
    coded: Any = with_code(events)
    rows = (
        coded.values("type", "code")
        .annotate(count=Count("id"), sessions=Count("session", distinct=True), last=Max("at"))
        .order_by("-count")
    )
    return [ProblemGroup(**row) for row in rows]


def _text(*path: str) -> Func:
    keys = [Value(key) for key in path]
    return Func(F("body"), *keys, function="jsonb_extract_path_text", output_field=TextField())
