"""What `static/dashboard/js/chart.js` draws."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Literal

Series = tuple[str, str, Sequence[float | None]]
"""A label, the name of a colour in the style sheet, and a number for each moment; a line has a gap at None."""


def chart_of(
    moments: Iterable[date],
    *series: Series,
    step: Literal["week", "day", "hour"] = "day",
    unit: Literal["", "dollars", "ms"] = "",
    stacked: bool = False,
    lines: bool = False,
) -> dict[str, Any]:
    """As JSON. Days begin at midnight, UTC. Bars, or `lines`."""
    return {
        "step": step,
        "moments": [_seconds(moment) for moment in moments],
        "series": [{"label": label, "colour": colour, "values": values} for label, colour, values in series],
        "unit": unit,
        "stacked": stacked,
        "lines": lines,
    }


def _seconds(moment: date) -> int:
    at = moment if isinstance(moment, datetime) else datetime.combine(moment, time.min, UTC)
    return int(at.timestamp())
