"""Numbers in big letters, and how they changed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`good`: yes or no, where a change is either. `what` says what the number is, `anchor` is its place in
    docs/analytics.md."""

    label: str
    value: str
    delta: str = ""
    good: str = ""
    what: str = ""
    anchor: str = ""


def change(now: float, before: float, days: int) -> str:
    """`12 % more than in the 7 days before`, `30 times the 7 days before`"""
    if not before:
        return f"none in the {days} days before" if now else ""
    percent = round(100 * (now - before) / before)
    if percent == 0:
        return f"as in the {days} days before"
    if percent >= 1000:
        return f"{round(now / before)} times the {days} days before"
    return f"{abs(percent)} % {'more' if percent > 0 else 'less'} than in the {days} days before"


def worth(
    now: float | None, before: float | None, days: int, *, more_is_better: bool = False
) -> tuple[str, str]:
    """The change of what should be little, or much, and whether it is good."""
    if now is None or not before:
        return "", ""
    good = "" if round(100 * now / before) == 100 else "yes" if (now > before) == more_is_better else "no"
    return change(now, before, days), good
