"""How much a model reasons before it answers, in the words of OpenAI's `reasoning_effort`."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

Row = TypeVar("Row")


def nearest(wanted: str | None, taken: Sequence[str]) -> str:
    """The effort to ask for, of those that the model takes, the least first: `wanted`, else more, else the most.

    Without a wish, or with one that means nothing, it is the least: in a conversation, thinking is silence.
    """
    if wanted not in EFFORTS:
        return taken[0]
    least = EFFORTS.index(wanted)
    return next((effort for effort in taken if EFFORTS.index(effort) >= least), taken[-1])


def of_family(model: str, families: Mapping[str, Row]) -> Row | None:
    """What is known of the longest beginning of the model's name."""
    beginnings = [beginning for beginning in families if model.startswith(beginning)]
    return families[max(beginnings, key=len)] if beginnings else None
