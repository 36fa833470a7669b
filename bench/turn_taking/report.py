"""Curves of false cut-offs against delay, their operating points, and how they are printed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median

TARGETS = (0.05, 0.10, 0.20, 0.30, 0.50)  # false cut-offs at which delays are compared


@dataclass(frozen=True, slots=True)
class Point:
    """One way of turn taking over one set of clips."""

    name: str
    false_cut_offs: float  # share of the pauses in which the turn was ended
    delays_ms: tuple[float, ...]  # after each end that was noticed
    missed: int  # ends after which no turn was ended: the detector had ended it before, or never did

    @property
    def mean_ms(self) -> float:
        return mean(self.delays_ms)

    @property
    def median_ms(self) -> float:
        return median(self.delays_ms)


Curves = Mapping[str, Sequence[Point]]


def delay_at(curve: Iterable[Point], false_cut_offs: float) -> float | None:
    """The mean delay in ms at which a curve cuts off this share, interpolated; None outside the curve."""
    points = sorted((point.false_cut_offs, point.mean_ms) for point in curve)
    for (less, slower), (more, faster) in pairwise(points):
        if less <= false_cut_offs <= more:
            between = (false_cut_offs - less) / (more - less) if more > less else 0.0
            return slower + (faster - slower) * between
    return None


def points_table(points: Sequence[Point], reference: Sequence[Point]) -> str:
    """Each point, and what the reference curve's mean delay is at the same share of false cut-offs."""
    rows = [
        ("", "false cut-offs", "delay mean", "median", "p90", "missed", "VAD alone, as often", "ahead by")
    ]
    for point in points:
        equal = delay_at(reference, point.false_cut_offs)
        rows.append(
            (
                point.name,
                f"{point.false_cut_offs:.1%}",
                f"{point.mean_ms:.0f} ms",
                f"{point.median_ms:.0f} ms",
                f"{_p90(point.delays_ms):.0f} ms",
                str(point.missed),
                "" if equal is None else f"{equal:.0f} ms",
                "" if equal is None else f"{equal - point.mean_ms:+.0f} ms",
            )
        )
    return _aligned(rows)


def operating_points(curves: Curves) -> str:
    """Mean delays at given false cut-offs, one line for each curve."""
    rows = [("mean delay at false cut-offs of", *(f"{target:.0%}" for target in TARGETS))]
    for name, curve in curves.items():
        delays = (delay_at(curve, target) for target in TARGETS)
        rows.append((name, *("-" if delay is None else f"{delay:.0f} ms" for delay in delays)))
    return _aligned(rows)


def drawn(curve: Sequence[Point], width: int = 60) -> str:
    """A curve as text: a bar of false cut-offs for each point, with its delays."""
    return "\n".join(
        f"{point.name:>28}  {point.mean_ms:5.0f} ms  {'#' * round(point.false_cut_offs * width):<{width}} "
        f"{point.false_cut_offs:.1%}"
        for point in curve
    )


def csv_lines(curves: Curves) -> Iterable[str]:
    yield "curve,point,false_cut_offs,mean_delay_ms,median_delay_ms,missed"
    for name, curve in curves.items():
        for point in curve:
            figures = f"{point.false_cut_offs:.4f},{point.mean_ms:.0f},{point.median_ms:.0f},{point.missed}"
            yield f"{name},{point.name},{figures}"


def _p90(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.9)]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [
                f"{row[0]:<{widths[0]}}",
                *(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    )
