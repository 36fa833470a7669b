"""A report as a workbook: a sheet that says what it is of, and one for each table, whose numbers are numbers.

Rows are written to disk as they come, so that very many need no memory. Text is never a formula.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import BinaryIO

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from apps.reports.tables import NUMBERS, Chart, Document, Row, Section, Shows, Sums, Value

MOST_ROWS = 1_048_576 - 2
"""On a sheet, besides the heads and the sums: what Excel opens at most."""
_LONGEST_TEXT = 32_767
_LONGEST_NAME = 31
_FORMATS = {
    Shows.INTEGER: "#,##0",
    Shows.NUMBER: "#,##0.00",
    Shows.MONEY: "$#,##0.000000",
    Shows.MS: "#,##0",
    Shows.PERCENT: "0.0",
    Shows.DATE: "yyyy-mm-dd",
    Shows.MOMENT: "yyyy-mm-dd hh:mm:ss",
}
_WIDTHS = {Shows.MONEY: 16, Shows.DATE: 12, Shows.MOMENT: 20, Shows.TEXT: 18}
_DOLLARS = 1_000_000

Look = dict[Shows, Format]


def write(document: Document, file: BinaryIO) -> None:
    options = {"constant_memory": True, "default_date_format": _FORMATS[Shows.MOMENT]}
    book = xlsxwriter.Workbook(file, options)
    book.set_properties({"title": document.title, "company": document.workspace})
    plain = {shows: book.add_format({"num_format": form}) for shows, form in _FORMATS.items()}
    plain[Shows.TEXT] = book.add_format()
    bold = {
        shows: book.add_format({"num_format": _FORMATS.get(shows, ""), "bold": True, "top": 1})
        for shows in Shows
    }
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    _front(book, document)
    names: set[str] = {"report"}
    for section in document.sections:
        _Table(book, section, plain, bold, head, names).write()
    book.close()


def _front(book: Workbook, document: Document) -> None:
    sheet = book.add_worksheet("Report")
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 80)
    big, label = (
        book.add_format({"bold": True, "font_size": 16}),
        book.add_format({"bold": True, "valign": "top"}),
    )
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.write_string(0, 0, _text(document.title), big)
    row = 2
    for name, value in (("Workspace", document.workspace), *document.about):
        sheet.write_string(row, 0, _text(name), label)
        sheet.write_string(row, 1, _text(value), wrapped)
        row += 1
    for remark in document.remarks:
        row += 1
        sheet.write_string(row, 0, "")
        sheet.write_string(row, 1, _text(remark), wrapped)


class _Table:
    """A section on its sheet, and on further ones where it has too many rows for one."""

    def __init__(
        self, book: Workbook, section: Section, plain: Look, bold: Look, head: Format, names: set[str]
    ) -> None:
        self._book, self._section, self._head, self._bold, self._names = book, section, head, bold, names
        self._sheet: Worksheet = book.add_worksheet(self._name())
        self._writers = [_writer(column.shows, plain[column.shows]) for column in section.columns]

    def write(self) -> None:
        section, at = self._section, 0
        sums = Sums(section.columns)
        self._begin()
        for row in sums.through(section.rows()):
            if at == MOST_ROWS:
                self._sheet = self._book.add_worksheet(self._name())
                self._begin()
                at = 0
            at += 1
            self._row(at, row)
        last = [_writer(column.shows, self._bold[column.shows]) for column in section.columns]
        if section.has_sums:
            for n, value in enumerate(sums.line):
                # "Total" may stand below numbers.
                (_string(self._bold[Shows.TEXT]) if isinstance(value, str) else last[n])(
                    self._sheet, at + 1, n, value
                )
        if section.chart is not None:
            _chart(self._book, self._sheet, section.chart, column=len(section.columns) + 1)

    def _begin(self) -> None:
        """Widths, and the heads, which stay in sight."""
        self._sheet.freeze_panes(1, 0)
        for n, column in enumerate(self._section.columns):
            width = max(_WIDTHS.get(column.shows, 12), min(len(column.full_label) + 2, 24))
            self._sheet.set_column(n, n, width * (column.width if column.width > 1 else 1))
            self._sheet.write_string(0, n, column.full_label, self._head)

    def _row(self, at: int, row: Row) -> None:
        sheet = self._sheet
        for n, write in enumerate(self._writers):
            if row[n] is not None:
                write(sheet, at, n, row[n])

    def _name(self) -> str:
        """Excel allows 31 characters, not all of them, and no name twice, whatever its case."""
        clean = "".join(" " if letter in "[]:*?/\\'" else letter for letter in self._section.title).strip()
        for number in range(1, 1000):
            end = f" {number}" if number > 1 else ""
            name = (clean or "Table")[: _LONGEST_NAME - len(end)] + end
            if name.lower() not in self._names:
                self._names.add(name.lower())
                return name
        raise ValueError("A workbook has at most 999 sheets of one name.")


Write = Callable[[Worksheet, int, int, Value], object]


def _writer(shows: Shows, look: Format) -> Write:
    if shows == Shows.TEXT:
        return _string(look)
    if shows == Shows.MONEY:
        return lambda sheet, row, column, micro: _number(sheet, row, column, micro, look, _DOLLARS)
    if shows in NUMBERS:
        return lambda sheet, row, column, value: _number(sheet, row, column, value, look, 1)
    return lambda sheet, row, column, at: (
        sheet.write_datetime(row, column, _naive(at), look) if isinstance(at, date) else None
    )


def _number(sheet: Worksheet, row: int, column: int, value: Value, look: Format, of: int) -> None:
    if isinstance(value, int | float):
        sheet.write_number(row, column, value / of if of > 1 else value, look)


def _string(look: Format) -> Write:
    return lambda sheet, row, column, value: sheet.write_string(row, column, _text(value), look)


def _text(value: Value) -> str:
    return "" if value is None else str(value)[:_LONGEST_TEXT]


def _naive(at: date) -> date:
    """Cells know no time zones: it is UTC's."""
    return at.astimezone(UTC).replace(tzinfo=None) if isinstance(at, datetime) else at


def _chart(book: Workbook, sheet: Worksheet, chart: Chart, *, column: int) -> None:
    """A native one, beside the table. Its numbers stand on a sheet of their own, for rows of the table's that are
    written are out of reach."""
    numbers = book.add_worksheet()
    numbers.hide()
    heads: Sequence[str] = ["", *(label for label, _ in chart.series)]
    for n, label in enumerate(heads):
        numbers.write_string(0, n, _text(label))
    for row, label in enumerate(chart.labels, 1):
        numbers.write_string(row, 0, _text(label))
        for n, (_, values) in enumerate(chart.series, 1):
            numbers.write_number(row, n, values[row - 1])
    shape = {"type": "line"} if chart.shape == "lines" else {"type": "column", "subtype": "stacked"}
    drawn = book.add_chart(shape)
    last, name = len(chart.labels), numbers.get_name()
    for n in range(1, len(heads)):
        drawn.add_series(
            {
                "name": [name, 0, n],
                "categories": [name, 1, 0, last, 0],
                "values": [name, 1, n, last, n],
            }
        )
    drawn.set_title({"name": chart.title, "name_font": {"size": 12}})
    drawn.set_legend({"position": "bottom"})
    if chart.shows == Shows.MONEY:
        drawn.set_y_axis({"num_format": "$#,##0.00"})
    drawn.set_size({"width": 760, "height": 380})
    sheet.insert_chart(0, column, drawn)
