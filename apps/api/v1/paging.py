"""Long lists in pages, by a cursor: nothing is shown twice or left out while a list grows."""

import base64
import binascii
from typing import Any, Generic, TypeVar

import msgspec
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from ninja import Schema
from pydantic import BaseModel, Field

from apps.api.v1.problems import FieldError, invalid

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


class PageQuery(BaseModel):
    limit: int = Field(20, ge=1, le=100, description="How many at most.")
    cursor: str | None = Field(
        None, max_length=1000, description="`next_cursor` of the page before; without, the first page."
    )


class Page(Schema, Generic[Item]):
    data: list[Item]
    next_cursor: str | None = Field(description="For the next page; null: this is the last.")


def page_of(rows: QuerySet[Row], query: PageQuery, *, by: str, newest_first: bool = True) -> dict[str, Any]:
    """The page that `query` asks for, in the order of the column `by`, then of the id. Raises Problem for a cursor
    that is none."""
    sign, beyond = ("-", "lt") if newest_first else ("", "gt")
    if query.cursor is not None:
        value, id = read_cursor(rows.model, query.cursor, by)
        # The first condition says nothing new, but it is one that an index serves.
        rows = rows.filter(**{f"{by}__{beyond}e": value}).filter(
            Q(**{f"{by}__{beyond}": value}) | Q(**{by: value, f"id__{beyond}": id})
        )
    found = list(rows.order_by(f"{sign}{by}", f"{sign}id")[: query.limit + 1])
    data = found[: query.limit]
    return {"data": data, "next_cursor": _cursor(data[-1], by) if len(found) > query.limit else None}


def _cursor(row: Model, by: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([str(getattr(row, by)), str(row.pk)])).decode()


def read_cursor(model: type[Model], cursor: str, by: str) -> tuple[Any, Any]:
    """The last row of the page before: its column `by`, and its id. Raises Problem."""
    try:
        value, id = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[str, str])
        if "\0" in value + id:
            raise ValueError
        return model._meta.get_field(by).to_python(value), model._meta.pk.to_python(id)  # type: ignore[union-attr]
    except (ValueError, binascii.Error, msgspec.DecodeError, ValidationError):
        message = "This is no cursor: take `next_cursor` of the page before."
        raise invalid([FieldError(field="cursor", message=message)]) from None
