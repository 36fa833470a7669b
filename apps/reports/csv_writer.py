"""A report as CSV: UTF-8, a comma between values, dots in numbers, moments in UTC; money in dollars, exactly."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice

from apps.core.spreadsheets import csv_lines
from apps.reports.tables import Document, Row, Section, Shows, Value

_ROWS_AT_ONCE = 1000


def written(document: Document) -> Iterator[bytes]:
    """A document of one table is that, from its column heads to its last row; several are parted by an empty line,
    each below its title. There are no sums: whoever reads it adds up."""
    sections = [section for section in document.sections if section.in_csv]
    for number, section in enumerate(sections):
        if len(sections) > 1:
            yield csv_lines([*([[]] if number else []), [section.title]]).encode()
        yield from _table(section)


def _table(section: Section) -> Iterator[bytes]:
    yield csv_lines([[column.full_label for column in section.columns]]).encode()
    kinds = [column.shows for column in section.columns]
    rows = iter(section.rows())
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        yield csv_lines(_cells(some, kinds)).encode()


def _cells(rows: Iterable[Row], kinds: list[Shows]) -> Iterator[list[object]]:
    money = [n for n, shows in enumerate(kinds) if shows == Shows.MONEY]
    other = [
        n for n, shows in enumerate(kinds) if shows in (Shows.DATE, Shows.MOMENT, Shows.PERCENT, Shows.NUMBER)
    ]
    for row in rows:
        cells: list[object] = list(row)
        for n in money:
            cells[n] = _dollars(row[n])
        for n in other:
            cells[n] = _cell(row[n])
        yield cells


def _dollars(micro: Value) -> object:
    return Decimal(micro).scaleb(-6) if isinstance(micro, int) else None


def _cell(value: Value) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return round(value, 4) if isinstance(value, float) else value
