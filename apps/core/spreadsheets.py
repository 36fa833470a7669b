"""Text in tables that spreadsheets open."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_text(text: str) -> str:
    """What a spreadsheet would take for a formula, and run, is marked as text by an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV (RFC 4180), the text in them safe."""
    lines = StringIO()
    csv.writer(lines).writerows(
        [safe_text(value) if isinstance(value, str) else value for value in row] for row in rows
    )
    return lines.getvalue()
