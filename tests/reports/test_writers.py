"""One document in three formats, read back by readers of these."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pypdfium2
import pytest

from apps.core.spreadsheets import safe_text
from apps.reports import pdf_writer, xlsx_writer
from apps.reports.fonts import Letters, letters, marked
from apps.reports.tables import Chart, Column, Document, Row, Section, Shows, Sums, fixed
from tests.reports.reading import as_csv, as_pdf, as_workbook, pdf_pages, pdf_totals, sheet_rows, sheet_sum

AT = datetime(2026, 6, 8, 9, 30, 5, tzinfo=UTC)
COLUMNS = (
    Column("At", Shows.MOMENT, 1.5),
    Column("Day", Shows.DATE),
    Column("Who", width=2),
    Column("Records", Shows.INTEGER, is_summed=True),
    Column("Price", Shows.MONEY, is_summed=True),
    Column("Took", Shows.MS),
    Column("Share", Shows.PERCENT),
)
ROWS: list[Row] = [
    (AT, date(2026, 6, 8), "Jürgen Größe", 3, 1_000_001, 412, 12.5),
    (AT, date(2026, 6, 9), "Привет Ωμέγα", 4, 2, None, 87.5),
]


def document(*sections: Section, **fields: object) -> Document:
    return Document("Cost, June", "Müller & Söhne", [("Period", "June")], sections, **fields)  # type: ignore[arg-type]


def table(rows: list[Row] = ROWS, **fields: object) -> Section:
    return Section("By day", COLUMNS, fixed(rows), len(rows), **fields)  # type: ignore[arg-type]


def test_csv_is_one_table_with_exact_numbers() -> None:
    assert as_csv(document(table())) == [
        ["At (UTC)", "Day", "Who", "Records", "Price (USD)", "Took (ms)", "Share (%)"],
        ["2026-06-08T09:30:05Z", "2026-06-08", "Jürgen Größe", "3", "1.000001", "412", "12.5"],
        ["2026-06-08T09:30:05Z", "2026-06-09", "Привет Ωμέγα", "4", "0.000002", "", "87.5"],
    ]


def test_csv_of_several_tables_parts_them() -> None:
    small = Section("Notes", (Column("Text"),), fixed([("one",)]), 1)
    hidden = Section("Not here", (Column("Text"),), fixed([("two",)]), 1, in_csv=False)
    rows = as_csv(document(small, hidden, small))
    assert rows == [["Notes"], ["Text"], ["one"], [], ["Notes"], ["Text"], ["one"]]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@cmd", "\tx", "\r=1"])
def test_text_is_no_formula(text: str) -> None:
    assert safe_text(text) == f"'{text}"
    section = Section("Names", (Column("Name"),), fixed([(text,)]), 1)
    assert as_csv(document(section))[1][0].replace("\n", "\r")[0] == "'"
    cell = as_workbook(document(section))["Names"]["A2"]
    assert cell.data_type == "s"


def test_negative_numbers_are_left_alone() -> None:
    columns = (Column("N", Shows.INTEGER), Column("Price", Shows.MONEY))
    section = Section("Numbers", columns, fixed([(-3, -1_500_000)]), 1)
    assert as_csv(document(section))[1] == ["-3", "-1.500000"]
    assert "-$1.500000" in pdf_pages(as_pdf(document(section)))[0]


def test_a_workbook_has_numbers_and_their_sums() -> None:
    book = as_workbook(document(table()))
    rows = sheet_rows(book, "By day")
    assert rows[1] == (
        AT.replace(tzinfo=None),
        datetime.fromisoformat("2026-06-08"),
        "Jürgen Größe",
        3,
        1.000001,
        412,
        12.5,
    )
    assert rows[-1][0] == "Total"
    assert rows[-1][3] == 7
    assert sheet_sum(rows, "Price (USD)") == (1_000_003, 1_000_003)
    assert sheet_rows(book, "Report")[0][0] == "Cost, June"


def test_a_workbook_goes_on_on_further_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_writer, "MOST_ROWS", 10)
    section = Section(
        "By day", (Column("N", Shows.INTEGER, is_summed=True),), lambda: ((n,) for n in range(25))
    )
    book = as_workbook(document(section))
    assert book.sheetnames == ["Report", "By day", "By day 2", "By day 3"]
    lengths = [len(sheet_rows(book, name)) for name in book.sheetnames[1:]]
    assert lengths == [11, 11, 7]
    assert sheet_rows(book, "By day 3")[-1] == (sum(range(25)),)


def test_names_of_sheets_are_what_excel_allows() -> None:
    title = "What: became/of [very] many? sessions*of\\agents"
    sections = [Section(title, (Column("N"),), fixed([("x",)])) for _ in range(2)]
    names = as_workbook(document(*sections)).sheetnames
    assert len(set(names)) == 3
    assert all(len(name) <= 31 for name in names)


def test_a_workbook_has_native_charts() -> None:
    chart = Chart("Course", ["a", "b"], [("One", [1.0, 2.0]), ("Two", [2.0, 3.0])], shows=Shows.MONEY)
    book = as_workbook(document(table(chart=chart)))
    assert len(book["By day"]._charts) == 1


def test_a_pdf_has_what_the_document_has() -> None:
    content = as_pdf(document(table(note="A note.")))
    (page,) = pdf_pages(content)
    for text in ("Cost, June", "Müller & Söhne", "A note.", "Jürgen Größe", "Page 1 of 1"):
        assert text in page
    assert pdf_totals([page]) == [1_000_003]


def test_a_pdf_repeats_heads_and_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_writer, "MOST_ROWS", 120)
    rows = [(AT, date(2026, 6, 8), f"Who {n}", 1, 1_000_000, 1, 1.0) for n in range(300)]
    pages = pdf_pages(as_pdf(document(table(rows))))
    assert len(pages) > 2
    assert all("Price (USD)" in page for page in pages)
    assert "the first 120 of 300 rows" in pages[0]
    assert "Who 119" in "".join(pages)
    assert "Who 120" not in "".join(pages)
    assert pdf_totals(pages) == [300_000_000]


def test_long_text_wraps_and_what_is_longer_than_a_page_is_cut() -> None:
    long = "word " * 400 + "x" * 500
    huge = "y" * 50_000
    columns = (Column("Text"), *(Column(f"C{n}") for n in range(6)))
    rows = [(text, *"abcdef") for text in (long, huge)]
    pages = pdf_pages(as_pdf(document(Section("Said", columns, fixed(rows)))))
    assert "(cut here)" in "".join(pages)


def test_markup_in_text_is_text() -> None:
    (page,) = pdf_pages(as_pdf(document(Section("S", (Column("T"),), fixed([("<b>bold</b> & <img/>",)])))))
    assert "<b>bold</b> & <img/>" in page


def test_nothing_is_said_to_be_nothing() -> None:
    (page,) = pdf_pages(as_pdf(document(table([]))))
    assert "There is nothing of this in the period." in page


def test_the_letters_of_most_alphabets_are_in_the_file_whatever_the_machine_has() -> None:
    known = letters().known
    assert all(ord(letter) in known for letter in "ÄöüßŁşđ Ελλάδα Київ Հայ ქართ ₽€→")


def test_letters_find_a_face() -> None:
    letters = Letters(frozenset(map(ord, "abc ")))
    assert list(letters.runs("ab 日本 かな 한글 c")) == [
        ("", "ab "),
        ("STSong-Light", "日本"),
        ("", " "),
        ("HeiseiKakuGo-W5", "かな"),
        ("", " "),
        ("HYSMyeongJo-Medium", "한글"),
        ("", " c"),
    ]
    assert list(letters.runs("aþ")) == [("", "a?")]
    assert "日本" in marked("日本")


def test_charts_are_drawn() -> None:
    """Looked at as pixels: each series has its colour."""
    bars = Chart("Bars", ["a", "b", "c"], [("One", [1.0, 2.0, 3.0]), ("Two", [2.0, 1.0, 2.0])])
    lines = Chart("Lines", ["a", "b", "c"], [("p50", [10.0, 20.0, 30.0])], "lines", Shows.MS)
    content = as_pdf(document(table(chart=bars), table(chart=lines)))
    pixels: set[tuple[int, ...]] = set()
    for page in pypdfium2.PdfDocument(content):
        picture = page.render(scale=1).to_pil().convert("RGB")
        pixels |= {colour for _, colour in picture.getcolors(1_000_000)}
    assert {(0x4F, 0x46, 0xE5), (0x08, 0x91, 0xB2)} <= pixels
    assert "Bars" in "".join(pdf_pages(content))


def test_a_chart_of_nothing_is_drawn_too() -> None:
    nothing = Chart("Nothing", ["a", "b"], [("One", [0.0, 0.0])], shows=Shows.MONEY)
    assert "Nothing" in pdf_pages(as_pdf(document(table(chart=nothing))))[0]


def test_rows_are_taken_one_after_the_other() -> None:
    """Nothing holds them all."""
    alive: list[int] = []

    def rows() -> Iterator[Row]:
        for n in range(10_000):
            alive.append(n)
            yield (n,)

    sums = Sums((Column("N", Shows.INTEGER, is_summed=True),))
    through = sums.through(rows())
    next(through)
    assert alive == [0]
    assert sum(1 for _ in through) == 9_999
    assert sums.line == [sum(range(10_000))]
