"""What sessions may spend: decisions without I/O.

A running session is **granted** micro-dollars in small steps, ahead of what it uses. What is granted and not yet in
the ledger is its **hold**: posting takes from both at once. So a tenant can spend what it has (its balance, and its
cap if it pays later) less all holds, and a session never more than it was granted but by what it uses between two
looks.
"""

import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

STEP_SECONDS = 5.0
LEAST_STEP_MICRO = 10_000
HOLD_SECONDS = 20.0  # after which nobody believes in a hold that its process has not renewed
GRACE_SECONDS = 60.0  # for which sessions go on beyond what they hold while the database is away
_STEPS = 6  # the last ones, of which the dearest says what the next may cost


@dataclass(frozen=True, slots=True)
class Spender:
    """A session, and whom budgets know it by."""

    tenant_id: uuid.UUID
    session_id: str
    api_key_id: uuid.UUID | None = None
    agent_version_id: uuid.UUID | None = None
    customer_id: uuid.UUID | None = None


@dataclass(slots=True)
class Spending:
    """What one session was granted, and what it has used: kept by its process from its beginning to its end."""

    spender: Spender
    granted_micro: int = 0
    used_micro: int = 0
    _steps: deque[int] = field(default_factory=lambda: deque(maxlen=_STEPS))
    _step_began: float = 0.0
    _used_before: int = 0

    @property
    def over_micro(self) -> int:
        """What it has used beyond what it was granted; below 0: what it may use yet."""
        return self.used_micro - self.granted_micro

    def tick(self, now: float) -> None:
        """Called at every look; `now` is in seconds."""
        if now - self._step_began >= STEP_SECONDS * 0.9:
            self._steps.append(self.used_micro - self._used_before)
            self._step_began, self._used_before = now, self.used_micro

    @property
    def step_micro(self) -> int:
        """For the next step: twice what the dearest of the last ones used, and LEAST_STEP_MICRO at least."""
        latest = self.used_micro - self._used_before
        return max(LEAST_STEP_MICRO, 2 * max((latest, *self._steps)))


@dataclass(frozen=True, slots=True)
class Wish:
    """What a session asks for: to cover what it has used beyond its grant, and a step. `only_cover`: no step, but
    the cover in any case, since that was used already; it has been refused, or is over."""

    spender: Spender
    agent_id: uuid.UUID | None
    over_micro: int
    step_micro: int
    only_cover: bool = False


Why = Literal["balance", "cap", "budget"]


@dataclass(frozen=True, slots=True)
class Refusal:
    why: Why
    budget_id: uuid.UUID | None = None


@dataclass(slots=True)
class BudgetLeft:
    """What is left of a budget that ends sessions. With neither a key, an agent nor a customer it is the whole
    tenant's."""

    id: uuid.UUID
    api_key_id: uuid.UUID | None
    agent_id: uuid.UUID | None
    left_micro: int
    customer_id: uuid.UUID | None = None

    def binds(self, wish: Wish) -> bool:
        return (
            self.api_key_id in (None, wish.spender.api_key_id)
            and self.agent_id in (None, wish.agent_id)
            and self.customer_id in (None, wish.spender.customer_id)
        )


@dataclass(slots=True)
class Purse:
    """What a tenant can still spend, beside all holds. `left_micro` is None where nothing ends but by a budget."""

    left_micro: int | None
    pays_later: bool = False
    budgets: Sequence[BudgetLeft] = ()

    def least_left(self, wish: Wish) -> tuple[int | None, Refusal]:
        """What the wish may take at most, and why not more."""
        left = self.left_micro
        refusal = Refusal("cap" if self.pays_later else "balance")
        for budget in self.budgets:
            if budget.binds(wish) and (left is None or budget.left_micro < left):
                left, refusal = budget.left_micro, Refusal("budget", budget.id)
        return left, refusal

    def take(self, wish: Wish, amount_micro: int) -> None:
        """Below 0: gives back."""
        if self.left_micro is not None:
            self.left_micro -= amount_micro
        for budget in self.budgets:
            if budget.binds(wish):
                budget.left_micro -= amount_micro


@dataclass(frozen=True, slots=True)
class Decision:
    """`grant_micro` is added to the session's grant and hold, and may be below 0. With a `refusal` it is no more
    than the cover."""

    grant_micro: int
    refusal: Refusal | None = None


def decide(wishes: Sequence[Wish], purse: Purse) -> list[Decision]:
    """In turn. Who can't have a whole step gets what is left, if it is LEAST_STEP_MICRO at least beyond the cover;
    else it is refused."""
    decisions = []
    for wish in wishes:
        decision = _decide(wish, purse)
        purse.take(wish, decision.grant_micro)
        decisions.append(decision)
    return decisions


def _decide(wish: Wish, purse: Purse) -> Decision:
    if wish.only_cover:
        return Decision(wish.over_micro)
    wanted, least = wish.over_micro + wish.step_micro, wish.over_micro + LEAST_STEP_MICRO
    left, refusal = purse.least_left(wish)
    if left is None or wanted <= max(left, 0):
        return Decision(wanted)
    if least <= left:
        return Decision(left)
    if least <= 0:  # it has a least step yet, of what it was granted before
        return Decision(0)
    return Decision(wish.over_micro, refusal)
