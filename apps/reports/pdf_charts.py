"""Charts of a report, drawn as PDF draws: lines and letters, no pictures."""

from collections.abc import Callable, Sequence

from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.charts.legends import Legend
from reportlab.graphics.charts.linecharts import HorizontalLineChart
from reportlab.graphics.shapes import Drawing, String
from reportlab.lib.colors import Color, HexColor

from apps.reports.fonts import BOLD, TEXT, plain
from apps.reports.tables import Chart, Shows

COLOURS: Sequence[Color] = [
    HexColor(code) for code in ("#4f46e5", "#0891b2", "#d97706", "#be123c", "#15803d", "#7e22ce", "#64748b")
]
_INK, _FAINT = HexColor("#334155"), HexColor("#cbd5e1")
_LONGEST_LABEL = 14
_MOST_LABELS = 16
_WIDEST_BAR = 80.0
_HEIGHT, _LEGEND_LINE = 190.0, 12.0


def drawn(chart: Chart, *, width: float) -> Drawing:
    columns = 4 if width > 600 else 3
    legend_lines = -(-len(chart.series) // columns) if len(chart.series) > 1 else 0
    height = _HEIGHT + legend_lines * _LEGEND_LINE
    drawing = Drawing(width, height)
    drawing.add(String(0, height - 11, plain(chart.title), fontName=BOLD, fontSize=10, fillColor=_INK))
    plot = HorizontalLineChart() if chart.shape == "lines" else VerticalBarChart()
    plot.x, plot.y = 56, 46 + legend_lines * _LEGEND_LINE
    plot.width, plot.height = width - 70, _HEIGHT - 76
    if chart.shape == "bars":
        plot.width = min(plot.width, len(chart.labels) * _WIDEST_BAR)
    plot.data = [tuple(values) for _, values in chart.series]
    plot.categoryAxis.categoryNames = _thinned(chart.labels)
    _axes(plot, chart)
    for n in range(len(chart.series)):
        colour = COLOURS[n % len(COLOURS)]
        if chart.shape == "lines":
            plot.lines[n].strokeColor, plot.lines[n].strokeWidth = colour, 1.4
        else:
            plot.bars[n].fillColor, plot.bars[n].strokeColor = colour, None
    if chart.shape == "bars":
        plot.categoryAxis.style = "stacked"
        plot.groupSpacing = 4 if len(chart.labels) < 40 else 1
    drawing.add(plot)
    if legend_lines:
        drawing.add(_legend(chart, width, columns, legend_lines))
    return drawing


def _axes(plot: VerticalBarChart | HorizontalLineChart, chart: Chart) -> None:
    values, names = plot.valueAxis, plot.categoryAxis
    values.valueMin = 0
    if not any(value for _, line in chart.series for value in line):
        values.valueMax, values.valueStep = 1, 1
    values.labelTextFormat = _labels(chart)
    values.visibleGrid, values.gridStrokeColor, values.gridStrokeWidth = True, _FAINT, 0.4
    for axis in (values, names):
        axis.strokeColor, axis.strokeWidth = _FAINT, 0.6
        axis.labels.fontName, axis.labels.fontSize, axis.labels.fillColor = TEXT, 7, _INK
    names.labels.angle, names.labels.boxAnchor = 35, "ne"
    names.labels.dx, names.labels.dy = 2, -2
    names.visibleTicks = False


def _labels(chart: Chart) -> Callable[[float], str]:
    if chart.shows == Shows.MONEY:
        most = max((value for _, line in chart.series for value in line), default=0.0)
        digits = 2 if most >= 1 else 4 if most >= 0.01 else 6
        return lambda value: f"${value:,.{digits}f}"
    unit = {Shows.MS: " ms", Shows.PERCENT: " %"}.get(chart.shows, "")
    return lambda value: f"{value:,.{0 if value == int(value) else 1}f}{unit}"


def _thinned(labels: Sequence[str]) -> list[str]:
    """So many as can be read, in short."""
    every = -(-len(labels) // _MOST_LABELS)
    short = (plain(label) for label in labels)
    return [
        (text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…") if n % every == 0 else ""
        for n, text in enumerate(short)
    ]


def _legend(chart: Chart, width: float, columns: int, lines: int) -> Legend:
    legend = Legend()
    legend.x, legend.y = 56, lines * _LEGEND_LINE
    legend.boxAnchor, legend.alignment = "nw", "right"
    legend.fontName, legend.fontSize, legend.fillColor = TEXT, 7, _INK
    legend.dx = legend.dy = 6
    legend.strokeWidth, legend.dxTextSpace, legend.deltay = 0, 4, _LEGEND_LINE
    legend.columnMaximum, legend.deltax = lines, (width - 70) / columns
    legend.variColumn = False
    legend.autoXPadding = 4
    legend.colorNamePairs = [
        (COLOURS[n % len(COLOURS)], plain(label)[:34]) for n, (label, _) in enumerate(chart.series)
    ]
    return legend
