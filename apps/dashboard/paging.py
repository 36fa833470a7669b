"""Pages of long lists by cursor: a page's address stays what it is while the list grows at its head."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from django.db.models import Model, Q, QuerySet, UUIDField

Row = TypeVar("Row", bound=Model)
PAGE_ROWS = 25
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """`newer` and `older` are cursors, empty where there is nothing."""

    rows: Sequence[Row]
    newer: str
    older: str


def page_of(rows: QuerySet[Row], *, by: str, cursor: str = "", size: int = PAGE_ROWS) -> Page[Row]:
    """The page that a cursor leads to, newest first by the moment `by` and the id. One that can't be read leads to
    the first page."""
    place = place_of(cursor, rows.model)
    if place is None:
        found = list(rows.order_by(f"-{by}", "-id")[: size + 1])
        return Page(found[:size], "", _cursor("o", found[size - 1], by) if len(found) > size else "")
    backwards, at, id = place
    side, order = ("gt", "") if backwards else ("lt", "-")
    # The first condition says nothing new, but it is one that an index serves.
    beyond = Q(**{f"{by}__{side}e": at}) & (Q(**{f"{by}__{side}": at}) | Q(**{f"id__{side}": id}))
    found = list(rows.filter(beyond).order_by(f"{order}{by}", f"{order}id")[: size + 1])
    has_more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    if not found:
        return page_of(rows, by=by, size=size)
    newer = _cursor("n", found[0], by) if has_more or not backwards else ""
    older = _cursor("o", found[-1], by) if has_more or backwards else ""
    return Page(found, newer, older)


def _cursor(side: str, row: Model, by: str) -> str:
    return f"{side}{(getattr(row, by) - _EPOCH) // _MICROSECOND}.{row.pk}"


def place_of(cursor: str, model: type[Model]) -> tuple[bool, datetime, object] | None:
    """Whether a page of such rows goes on towards newer ones, and from which moment and id; None for the first."""
    key: Callable[[str], object] = uuid.UUID if isinstance(model._meta.pk, UUIDField) else int
    try:
        moment, _, id = cursor[1:].partition(".")
        return cursor[0] == "n", _EPOCH + int(moment) * _MICROSECOND, key(id)
    except (ValueError, IndexError, OverflowError):
        return None
