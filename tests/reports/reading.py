"""Reads what reports wrote, with readers of their formats."""

import csv
import io
import re
from decimal import Decimal
from typing import Any

import openpyxl
import pypdf

from apps.reports import csv_writer, pdf_writer, xlsx_writer
from apps.reports.tables import Document


def as_csv(document: Document) -> list[list[str]]:
    return csv_rows(b"".join(csv_writer.written(document)))


def csv_rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def as_workbook(document: Document) -> Any:
    file = io.BytesIO()
    xlsx_writer.write(document, file)
    file.seek(0)
    return openpyxl.load_workbook(file)


def sheet_rows(book: Any, name: str) -> list[tuple[Any, ...]]:
    return list(book[name].iter_rows(values_only=True))


def as_pdf(document: Document) -> bytes:
    file = io.BytesIO()
    pdf_writer.write(document, file)
    return file.getvalue()


def pdf_pages(content: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]


def csv_sum(rows: list[list[str]], column: str) -> int:
    """Micro-dollars."""
    n = rows[0].index(column)
    return int(sum(Decimal(row[n]) for row in rows[1:]).scaleb(6))


def sheet_sum(rows: list[tuple[Any, ...]], column: str) -> tuple[int, int]:
    """Micro-dollars: of the rows, and what stands in the last one."""
    n = rows[0].index(column)
    values = [round(Decimal(repr(row[n])).scaleb(6)) for row in rows[1:]]
    return sum(values[:-1]), values[-1]


def pdf_totals(pages: list[str]) -> list[int]:
    """Micro-dollars: the first of each line of sums."""
    found = re.findall(r"^Total\b.*?\$([\d,]+\.\d{6})", "\n".join(pages), re.MULTILINE | re.DOTALL)
    return [int(Decimal(text.replace(",", "")).scaleb(6)) for text in found]
