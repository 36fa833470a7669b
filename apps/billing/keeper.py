"""Keeps the sessions of this process within what their tenants can spend.

A thread holds money for them, a step ahead, every STEP_SECONDS and whenever one of them is short: in one
transaction for all, over a connection of its own, so that neither can pile up. The event loop only counts.
"""

import asyncio
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import structlog

from antiphon.protocol import errors
from antiphon.protocol.errors import Refused
from apps.billing.holds import Answer, Ask, HoldStore, Round
from apps.billing.selectors import Terms
from apps.billing.spending import GRACE_SECONDS, HOLD_SECONDS, STEP_SECONDS, Spender, Spending
from apps.core.tenancy import across_tenants

OPENING_SECONDS = 5.0  # the longest that a session waits for money to begin with
_AGAIN_SECONDS = 1.0  # until the database is tried again
_AT_ONCE_SECONDS = 0.1  # between two looks for those who are short

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SpendEnded:
    """Why a session may spend nothing more, and what its user is told aloud; empty: nothing."""

    refused: Refused
    goodbye: str
    is_outage: bool = False


class SpendRefused(Exception):
    """A session may not begin."""

    def __init__(self, ended: SpendEnded) -> None:
        super().__init__(ended.refused.body.message)
        self.ended = ended


class Money:
    """One session's: `used` counts, on the event loop, and costs nothing."""

    def __init__(self, spender: Spender, page: str, keeper: "SpendKeeper") -> None:
        self.spending = Spending(spender)
        self.page = page  # where people do something about it
        self._keeper = keeper
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[SpendEnded | None] = self._loop.create_future()
        self._on_end: Callable[[SpendEnded], None] | None = None
        self._ended: SpendEnded | None = None
        self.over_since: float | None = None
        self.last_contact = 0.0
        self.unlimited = False
        self.terms: Terms | None = None

    def used(self, price_micro: int) -> None:
        spending = self.spending
        spending.used_micro += price_micro
        if spending.over_micro > 0 and self._ended is None and not self.unlimited:
            self._keeper.hurry()

    @property
    def markup_bp(self) -> int:
        """What its tenant's plan adds to what vendors list, in 1/100 %, as it was when the session began."""
        return self.terms.markup_bp if self.terms else 0

    def close(self) -> None:
        """The session is over: what it holds and has not used is free, and the rest once it is in the ledger."""
        self._keeper.close(self)

    def when_ended(self, on_end: Callable[[SpendEnded], None]) -> None:
        """`on_end` is called on the event loop, once, when the session must end for want of money."""
        self._on_end = on_end
        if self._ended is not None:
            on_end(self._ended)

    @property
    def is_ended(self) -> bool:
        return self._ended is not None

    @property
    def is_wanted(self) -> bool:
        """Whether the session still waits to begin, or runs."""
        return self.over_since is None and not self._opened.cancelled()

    # In the thread

    def open(self, ended: SpendEnded | None) -> None:
        self._call(self._settle_opening, ended)

    def end(self, ended: SpendEnded) -> None:
        self._ended = ended
        if self._on_end is not None:
            self._call(self._on_end, ended)

    def _call(self, call: Callable[..., None], *args: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call, *args)

    def _settle_opening(self, ended: SpendEnded | None) -> None:
        if not self._opened.done():
            self._opened.set_result(ended)
        elif ended is None:  # nobody waits any more
            self._keeper.close(self)


class SpendKeeper:
    """One for each process."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, store: HoldStore | None = None
    ) -> None:
        self._clock = clock
        self._store = store or HoldStore(uuid.uuid4())
        self._opening: deque[Money] = deque()
        self._running: dict[str, Money] = {}
        self._wake = threading.Event()
        self._hurried = False
        self._stopping = False
        self._next_look = 0.0
        self._failing_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="spending", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Settles what has ended. Blocks."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(OPENING_SECONDS)

    # On the event loop

    async def open(self, spender: Spender, *, page: str = "") -> Money:
        """Holds the first step for a session. Raises SpendRefused."""
        money = Money(spender, page, self)
        self._opening.append(money)
        self._wake.set()
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                ended = await money._opened
        except TimeoutError:
            ended = _UNKNOWN
        if ended is not None:
            raise SpendRefused(ended)
        return money

    def close(self, money: Money) -> None:
        if money.over_since is None:
            money.over_since = self._clock()
            self.hurry()

    def hurry(self) -> None:
        """Somebody is short, or over."""
        self._hurried = True
        self._wake.set()

    # In the thread

    def _run(self) -> None:
        with across_tenants(reason="spending of this process", whole_process=True):
            while not self._stopping:
                self._wake.wait(max(0.0, min(self._next_look - self._clock(), STEP_SECONDS)))
                self._wake.clear()
                try:
                    self.look()
                except Exception:  # the next look may do better: without this thread no session would begin
                    log.exception("spending_failed")
                    self._next_look = self._clock() + _AGAIN_SECONDS
                if self._hurried and not self._stopping:  # nobody makes this thread spin
                    time.sleep(_AT_ONCE_SECONDS)
            self.look()
            self._store.close()

    def look(self) -> None:
        """Asks for what this process's sessions need now, and tells those that get nothing more."""
        now = self._clock()
        self._hurried = False
        opening = [self._opening.popleft() for _ in range(len(self._opening))]
        is_due = now >= self._next_look
        if is_due:
            self._next_look = now + STEP_SECONDS
        asks = [Ask(money.spending, is_new=True) for money in opening if money.is_wanted]
        for money in list(self._running.values()):
            is_over = money.over_since is not None
            short = money.spending.over_micro > 0 and not money.is_ended and not money.unlimited
            if is_due:
                money.spending.tick(now)
            if is_due or is_over or short:
                asks.append(Ask(money.spending, only_cover=money.is_ended or is_over, is_over=is_over))
        if not asks and not is_due:
            return
        if self._failing_since is not None and not is_due:  # nobody waits for what was not there a moment ago
            for money in opening:
                money.open(_UNKNOWN)
            return
        try:
            result = self._store.round(asks)
        except psycopg.Error as error:
            self._note_failure(error, now)
            for money in opening:
                money.open(_UNKNOWN)
        else:
            self._note_success(now)
            self._tell(result, opening, now)
        self._forget_those_over(now)

    def _tell(self, result: Round, opening: list[Money], now: float) -> None:
        for money in opening:
            answer = result.answers.get(money.spending.spender.session_id)
            if answer is None:  # its client is gone
                continue
            ended = _ended(answer, money.page)
            self._take(money, answer, now)
            if ended is None:
                self._running[money.spending.spender.session_id] = money
            money.open(ended)
        for session_id, answer in result.answers.items():
            running = self._running.get(session_id)
            if running is None or running in opening:
                continue
            self._take(running, answer, now)
            if (ended := _ended(answer, running.page)) is not None and not running.is_ended:
                log.info("spending_ended", session_id=session_id, why=answer.decision.refusal)
                running.end(ended)
        for session_id in result.gone:
            self._running.pop(session_id, None)

    @staticmethod
    def _take(money: Money, answer: Answer, now: float) -> None:
        money.spending.granted_micro += answer.decision.grant_micro
        money.last_contact = now
        money.unlimited = answer.unlimited
        money.terms = answer.terms

    def _forget_those_over(self, now: float) -> None:
        """Those whose use is not in the ledger by now: their holds expire."""
        for session_id, money in list(self._running.items()):
            if money.over_since is not None and now - money.over_since > HOLD_SECONDS * 0.75:
                del self._running[session_id]

    def _note_failure(self, error: psycopg.Error, now: float) -> None:
        if self._failing_since is None:
            self._failing_since = now
            log.warning("spending_unknown", error=type(error).__name__, sessions=len(self._running))
        self._next_look = now + _AGAIN_SECONDS
        for money in self._running.values():
            is_long = now - money.last_contact > GRACE_SECONDS
            if is_long and money.spending.over_micro > 0 and not (money.unlimited or money.is_ended):
                log.warning("spending_ended_unknown", session_id=money.spending.spender.session_id)
                money.end(
                    SpendEnded(_TOO_LONG_UNKNOWN, money.terms.goodbye if money.terms else "", is_outage=True)
                )

    def _note_success(self, now: float) -> None:
        if self._failing_since is not None:
            log.info("spending_known_again", seconds=round(now - self._failing_since, 1))
            self._failing_since = None


def _ended(answer: Answer, page: str) -> SpendEnded | None:
    refusal = answer.decision.refusal
    if refusal is None:
        return None
    at = f" at {page}" if page else " on the page Billing"
    sentences = {
        "balance": f"The balance of this workspace is used up: top it up{at}, then connect again.",
        "cap": f"This workspace has reached its spending cap: pay what is open or raise the cap{at}, then connect "
        "again.",
        "budget": f"The budget of {answer.budget} is used up: raise it{at}, or wait until it begins anew.",
    }
    return SpendEnded(errors.insufficient_quota(sentences[refusal.why]), answer.terms.goodbye)


_UNKNOWN = SpendEnded(
    errors.server_error(
        "What this workspace may spend can't be looked up now, so no session is opened: try again in a moment."
    ),
    "",
    is_outage=True,
)
_TOO_LONG_UNKNOWN = errors.server_error(
    "What this workspace may spend could not be looked up for too long: open a new session in a moment."
)
