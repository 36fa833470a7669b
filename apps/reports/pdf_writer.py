"""A report as PDF, to be printed and passed on: A4, across where tables are wide, heads repeated on each page."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, BinaryIO

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    LongTable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)

from apps.reports.fonts import BOLD, TEXT, letters, marked
from apps.reports.pdf_charts import drawn
from apps.reports.tables import NUMBERS, Document, Row, Section, Shows, Sums, Value

MOST_ROWS = 2000
"""Of a table; nobody reads more on paper."""
_MARGIN = 14 * mm
_PADDING = 6  # of the frame that text is set in
_WIDE_COLUMNS, _SMALL_COLUMNS = 8, 11  # with so many, the page lies across, and letters are smaller
_LONGEST_CELL = 4000  # characters: a cell that does not fit on a page could not be set
_INK, _FAINT, _SHADE = HexColor("#1e293b"), HexColor("#cbd5e1"), HexColor("#f1f5f9")
_MICRO = 1_000_000


def write(document: Document, file: BinaryIO) -> None:
    letters()
    wide = any(len(section.columns) >= _WIDE_COLUMNS for section in document.sections)
    size = landscape(A4) if wide else A4
    page = SimpleDocTemplate(
        file,
        pagesize=size,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=18 * mm,
        title=document.title,
        author=document.workspace,
        subject="Report",
    )
    width = size[0] - 2 * (_MARGIN + _PADDING)
    numbered = _numbered(f"{document.workspace} · {document.title}")
    page.build(list(_story(document, width)), canvasmaker=numbered)


def _story(document: Document, width: float) -> Iterator[Flowable]:
    yield Paragraph(marked(document.title), _TITLE)
    about = [("Workspace", document.workspace), *document.about]
    facts = [[_paragraph(name, _LABEL), _paragraph(value, _CELL)] for name, value in about]
    yield LongTable(facts, colWidths=[90, width - 90], style=_FACTS, hAlign="LEFT")
    for section in document.sections:
        yield from _section(section, width)
    if document.remarks:
        yield Spacer(1, 5 * mm)
    for remark in document.remarks:
        yield _paragraph(remark, _NOTE)


def _section(section: Section, width: float) -> Iterator[Flowable]:
    chart = drawn(section.chart, width=width) if section.chart and section.chart.labels else None
    # A head is not left alone at the end of a page.
    yield CondPageBreak(45 * mm + (chart.height if chart else 0))
    yield Spacer(1, 6 * mm)
    yield Paragraph(marked(section.title), _HEADING)
    if section.note:
        yield _paragraph(section.note, _NOTE)
        yield Spacer(1, 2 * mm)
    if chart:
        yield chart
        yield Spacer(1, 3 * mm)
    sums = Sums(section.columns)
    rows = sums.through(section.rows())
    first = list(islice(rows, MOST_ROWS))
    for _ in rows:  # the others count
        pass
    if sums.rows > len(first):
        yield _paragraph(
            f"These are the first {len(first):,} of {sums.rows:,} rows: the CSV has them all. "
            "The sums at the end are of all of them.",
            _NOTE,
        )
        yield Spacer(1, 2 * mm)
    if not first:
        yield _paragraph("There is nothing of this in the period.", _NOTE)
        return
    yield _table(section, first, sums.line if section.has_sums else None, width)


def _table(section: Section, rows: Sequence[Row], last: Row | None, width: float) -> Flowable:
    kinds = [column.shows for column in section.columns]
    text, number, head, head_number = _SMALL if len(kinds) >= _SMALL_COLUMNS else _USUAL
    styles = [number if shows in NUMBERS else text for shows in kinds]
    heads = [head_number if shows in NUMBERS else head for shows in kinds]
    share = width / sum(column.width for column in section.columns)
    cells = [
        [_paragraph(column.full_label, style) for column, style in zip(section.columns, heads, strict=True)],
        *(_cells(row, kinds, styles) for row in rows),
    ]
    style = list(_TABLE)
    if last is not None:
        cells.append(_cells(last, kinds, heads))
        style.append(("LINEABOVE", (0, -1), (-1, -1), 0.8, _INK))
    widths = [column.width * share for column in section.columns]
    return LongTable(cells, colWidths=widths, repeatRows=1, splitInRow=1, style=TableStyle(style))


def _cells(row: Row, kinds: Sequence[Shows], styles: Sequence[ParagraphStyle]) -> list[Paragraph]:
    told = zip(row, kinds, styles, strict=True)
    return [_paragraph(shown(value, shows), style) for value, shows, style in told]


def shown(value: Value, shows: Shows) -> str:
    """As people read it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if shows == Shows.MONEY:
        return f"{'-' if value < 0 else ''}${abs(int(value)) // _MICRO:,}.{abs(int(value)) % _MICRO:06}"
    if shows == Shows.PERCENT:
        return f"{value:.1f}"
    return f"{value:,.2f}" if shows == Shows.NUMBER else f"{round(value):,}"


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    if len(text) > _LONGEST_CELL:
        text = f"{text[:_LONGEST_CELL]}… (cut here)"
    return Paragraph(marked(text), style)


def _numbered(foot: str) -> type[Canvas]:
    """Page n of m, which is known at the end only."""

    class Numbered(Canvas):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, 1):
                self.__dict__.update(page)
                self._foot(f"Page {number} of {len(self._pages)}")
                super().showPage()
            super().save()

        def _foot(self, number: str) -> None:
            width = self._pagesize[0]
            line = Paragraph(marked(foot[:120]), _FOOT)
            line.wrap(width - 2 * _MARGIN - 80, 12)
            line.drawOn(self, _MARGIN + _PADDING, 9 * mm)
            self.setFont(TEXT, 7)
            self.setFillColor(HexColor("#64748b"))
            self.drawRightString(width - _MARGIN - _PADDING, 9 * mm + 2, number)

    return Numbered


def _style(name: str, **fields: Any) -> ParagraphStyle:
    usual = {
        "fontName": TEXT,
        "fontSize": 7.5,
        "leading": 9.5,
        "textColor": _INK,
        "splitLongWords": 1,
        "wordWrap": "LTR",
    }
    return ParagraphStyle(name, **(usual | fields))


_TITLE = _style("title", fontName=BOLD, fontSize=18, leading=23, spaceAfter=8)
_HEADING = _style("heading", fontName=BOLD, fontSize=11.5, leading=15, spaceAfter=5)
_NOTE = _style("note", fontSize=8, leading=11, textColor=HexColor("#475569"))
_FOOT = _style("foot", fontSize=7, textColor=HexColor("#64748b"))


def _of_size(size: float) -> tuple[ParagraphStyle, ...]:
    """For text and numbers, and for the heads and sums of both. Numbers are never broken."""
    fields = {"fontSize": size, "leading": size * 1.25}
    number = fields | {"alignment": 2, "splitLongWords": 0}
    return (
        _style("text", **fields),
        _style("number", **number),
        _style("head", fontName=BOLD, **fields),
        _style("head of numbers", fontName=BOLD, **number),
    )


_USUAL, _SMALL = _of_size(7.5), _of_size(6)
_CELL, _, _LABEL, _ = _USUAL
_FACTS = TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0)])
_TABLE = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LINEBELOW", (0, 0), (-1, -1), 0.3, _FAINT),
    ("LEFTPADDING", (0, 0), (-1, -1), 3),
    ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ("BACKGROUND", (0, 0), (-1, 0), _SHADE),
    ("LINEBELOW", (0, 0), (-1, 0), 0.8, _INK),
]
