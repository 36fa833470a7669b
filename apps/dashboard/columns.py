"""What a person wants to see of each session in the list: kept in a cookie, in no particular tenant."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

COOKIE = "session_columns"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    label: str
    default: bool = True
    is_number: bool = False


COLUMNS = (
    Column("started", "Started"),
    Column("agent", "Agent"),
    Column("model", "Model"),
    Column("key", "API key", default=False),
    Column("kind", "Kind", default=False),
    Column("duration", "Duration", is_number=True),
    Column("turns", "Turns", is_number=True),
    Column("interruptions", "Interruptions", default=False, is_number=True),
    Column("response", "Response", default=False, is_number=True),
    Column("errors", "Errors", is_number=True),
    Column("cost", "Cost", is_number=True),
    Column("ended", "Ended"),
)


def columns_of(request: HttpRequest) -> Sequence[Column]:
    """Those that the person chose; without a choice, the usual ones."""
    chosen = request.COOKIES.get(COOKIE, "").split(".")
    return [column for column in COLUMNS if column.name in chosen] or [
        column for column in COLUMNS if column.default
    ]
