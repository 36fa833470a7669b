"""How many extra calls hedges may make."""

BURST = 5.0  # hedges that may follow each other at once


class HedgeBudget:
    """A token bucket: each answer earns `share` of a hedge, and BURST are there at first: by the time they are
    spent, the breaker of a model that stalls is open."""

    def __init__(self) -> None:
        self._left = BURST

    def earn(self, share: float) -> None:
        self._left = min(self._left + share, BURST)

    def spend(self) -> bool:
        """Whether there may be a hedge; it then counts."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
