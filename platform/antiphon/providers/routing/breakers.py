"""Circuit breakers: a model that fails, or is slow, too often is left alone for a while, then tried once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """Shares are of the calls of the last minute or less, of which there must be `least_calls`."""

    least_calls: int = 3
    error_share: float = 0.5
    slow_share: float = 0.5
    slow_ms: float = 3_000  # a first word that comes later is slow, and so is one that a hedge overtook
    open_s: float = 15.0


Verdict = Literal["well", "ill", "unknown"]


class Tally(NamedTuple):
    calls: int = 0
    errors: int = 0
    slow: int = 0


Tallies = Mapping[int, Tally]
"""By the number of the stretch of time."""


def trips(tally: Tally, rules: BreakerRules) -> bool:
    if tally.calls < rules.least_calls:
        return False
    return tally.errors >= rules.error_share * tally.calls or tally.slow >= rules.slow_share * tally.calls


@dataclass(slots=True)
class Breaker:
    """Closed, until what is tallied trips it; then open for `open_s`; then half open: one call probes the model,
    and closes the breaker or opens it again. Times are in seconds."""

    rules: BreakerRules
    _opened_at: float | None = None
    _probing: bool = False
    _forgiven: Tallies = field(default_factory=dict)  # what was tallied when it closed

    def look(self, now: float, tallies: Tallies) -> BreakerState:
        """`half_open` says that the next call may probe. What trips the breaker does so when somebody looks."""
        if self._opened_at is None:
            if not trips(self._unforgiven(tallies), self.rules):
                return "closed"
            self._opened_at = now
        if self._probing or now < self._opened_at + self.rules.open_s:
            return "open"
        return "half_open"

    def probe(self) -> None:
        """A call begins. One at a time while half open."""
        self._probing = self._opened_at is not None

    def ended(self, now: float, tallies: Tallies, verdict: Verdict) -> None:
        """A call is over, and tallied."""
        if not self._probing:
            return
        self._probing = False
        if verdict == "well":
            self._opened_at = None
            self._forgiven = dict(tallies)
        elif verdict == "ill":
            self._opened_at = now

    def _unforgiven(self, tallies: Tallies) -> Tally:
        none = Tally()
        counted = [
            (
                counts - forgiven
                for counts, forgiven in zip(tally, self._forgiven.get(number, none), strict=True)
            )
            for number, tally in tallies.items()
        ]
        return Tally(*(max(sum(column), 0) for column in zip(*counted, strict=True))) if counted else none
