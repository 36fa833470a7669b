from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """Something personal: from character `start` to before `end`."""

    start: int
    end: int
    kind: str


def apart(found: Iterable[Span]) -> list[Span]:
    """In order, and none over another: of two that meet, that which was found first stays, made as long as both, so
    that nothing of either shows."""
    kept: list[Span] = []
    for span in found:
        meets = [other for other in kept if other.start < span.end and span.start < other.end]
        if meets:
            kind = meets[0].kind
            span = Span(
                min(span.start, *(m.start for m in meets)), max(span.end, *(m.end for m in meets)), kind
            )
            kept = [other for other in kept if other not in meets]
        kept.append(span)
    return sorted(kept)
