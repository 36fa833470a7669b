"""What a report says, apart from how it is written: sections with tables and charts. Three writers write it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

Value = str | int | float | bool | date | datetime | None
Row = Sequence[Value]


class Shows(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"  # with a fraction
    MONEY = "money"  # micro-dollars
    MS = "ms"
    PERCENT = "percent"  # of 100
    DATE = "date"
    MOMENT = "moment"


NUMBERS = frozenset({Shows.INTEGER, Shows.NUMBER, Shows.MONEY, Shows.MS, Shows.PERCENT})


@dataclass(frozen=True, slots=True)
class Column:
    """`width` is its share of a page's, next to the others'; of a summed one the table's end has the sum."""

    label: str
    shows: Shows = Shows.TEXT
    width: float = 1.0
    is_summed: bool = False

    @property
    def full_label(self) -> str:
        """With its unit."""
        unit = {Shows.MONEY: "USD", Shows.MS: "ms", Shows.PERCENT: "%", Shows.MOMENT: "UTC"}.get(self.shows)
        return f"{self.label} ({unit})" if unit else self.label


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars for each label, stacked where there are several series, or lines. Money is in dollars."""

    title: str
    labels: Sequence[str]
    series: Sequence[tuple[str, Sequence[float]]]
    shape: Literal["bars", "lines"] = "bars"
    shows: Shows = Shows.INTEGER


@dataclass(frozen=True, slots=True)
class Section:
    """A table. `rows` makes them anew, each time that it is called and one after the other, for there may be very
    many; `count` is how many are expected. A sheet's own facts are no section of a CSV that is one table."""

    title: str
    columns: Sequence[Column]
    rows: Callable[[], Iterable[Row]]
    count: int = 0
    note: str = ""
    chart: Chart | None = None
    in_csv: bool = True

    @property
    def has_sums(self) -> bool:
        return any(column.is_summed for column in self.columns)


@dataclass(frozen=True, slots=True)
class Document:
    """`about` says what it is of, a label and a text each; `remarks` are sentences for its end."""

    title: str
    workspace: str
    about: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    remarks: Sequence[str] = ()

    @property
    def count(self) -> int:
        return sum(section.count for section in self.sections)


@dataclass(slots=True)
class Sums:
    """Counts rows, and adds up the summed columns of those that pass through it."""

    columns: Sequence[Column]
    rows: int = 0
    _sums: dict[int, int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sums = {n: 0 for n, column in enumerate(self.columns) if column.is_summed}

    def through(self, rows: Iterable[Row]) -> Iterator[Row]:
        sums = self._sums
        for row in rows:
            self.rows += 1
            for n in sums:
                sums[n] += row[n] or 0  # type: ignore[operator]
            yield row

    @property
    def line(self) -> Row:
        """The table's last: the sums, below their columns."""
        line: list[Value] = [self._sums.get(n) for n in range(len(self.columns))]
        if line and line[0] is None:
            line[0] = "Total"
        return line


def fixed(rows: Sequence[Row]) -> Callable[[], Iterable[Row]]:
    """Of few rows, which are there already."""
    return lambda: rows
