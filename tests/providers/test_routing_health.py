"""What is known of models' speed and failures, in one process and across several."""

import asyncio
import math

import pytest

from antiphon.providers.routing.breakers import Breaker, BreakerRules, Tally, trips
from antiphon.providers.routing.health import Health, Seen, Unreachable, Vital
from antiphon.providers.routing.hedging import BURST, HedgeBudget
from antiphon.providers.routing.process import Recent
from antiphon.providers.routing.statistics import Counts, Speed, count_first_word, speed

WELL = Seen(300.0, spoke=True)
FAILED = Seen(5.0, failed=True)
SLOW = Seen(3_500.0, spoke=True)
OVERTAKEN = Seen(600.0, overtaken=True)
NOTHING = Seen(50.0)


class LocalTotals:
    """Totals of "processes" that are one."""

    def __init__(self):
        self._counts = {}

    async def exchange(self, added, wanted):
        for cell, counts in added.items():
            self._counts.setdefault(cell, Counts()).update(counts)
        return {cell: Counts(self._counts[cell]) for cell in wanted if cell in self._counts}


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    return Health(clock=clock)


def calls(health, *seen, key="acme:m/a"):
    for one in seen:
        health.began(key)
        health.ended(key, one)
    return health.vital(key).breaker


def test_it_works(health):
    assert health.vital("acme:m/a") == Vital("closed", Speed())
    assert calls(health, *[WELL] * 10) == "closed"
    found = health.vital("acme:m/a").speed
    assert 300 <= found.p50_ms <= 330
    assert found.p90_ms == found.p95_ms == found.p50_ms


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        ([FAILED] * 2, "closed"),  # too few
        ([FAILED] * 3, "open"),
        ([WELL, FAILED, FAILED], "open"),
        ([WELL, WELL, WELL, FAILED, FAILED], "closed"),
        ([SLOW] * 3, "open"),
        ([OVERTAKEN] * 3, "open"),
        ([WELL, SLOW, OVERTAKEN], "open"),
        ([FAILED, FAILED, *[NOTHING] * 5], "closed"),  # what was cancelled early tells nothing
        ([FAILED, FAILED, Seen(4_000.0)], "open"),  # but what was cancelled late does
    ],
)
def test_breakers_open_on_errors_and_on_slowness(health, seen, state):
    assert calls(health, *seen) == state


def test_a_breaker_is_that_of_one_model(health):
    calls(health, *[FAILED] * 3)
    assert health.vital("acme:m/b").breaker == "closed"
    assert health.vital("other:m/a").breaker == "closed"


def test_old_failures_are_forgotten(health, clock):
    calls(health, FAILED, FAILED)
    clock.now += 61
    assert calls(health, FAILED) == "closed"


def test_one_call_at_a_time_probes_a_breaker_that_is_half_open(health, clock):
    assert calls(health, *[FAILED] * 3) == "open"
    clock.now += 14.9
    assert health.vital("acme:m/a").breaker == "open"
    clock.now += 0.1
    assert health.vital("acme:m/a").breaker == "half_open"
    health.began("acme:m/a")
    assert health.vital("acme:m/a").breaker == "open"
    health.ended("acme:m/a", WELL)
    assert health.vital("acme:m/a").breaker == "closed"


def test_a_probe_that_fails_opens_the_breaker_again(health, clock):
    calls(health, *[FAILED] * 3)
    clock.now += 15
    assert calls(health, FAILED) == "open"
    clock.now += 15
    assert calls(health, SLOW) == "open"
    clock.now += 15
    assert calls(health, WELL) == "closed"


def test_a_probe_that_tells_nothing_is_made_again(health, clock):
    calls(health, *[FAILED] * 3)
    clock.now += 15
    assert calls(health, NOTHING) == "half_open"


def test_what_opened_a_breaker_does_not_open_it_again(health, clock):
    calls(health, *[FAILED] * 9)
    clock.now += 15
    assert calls(health, WELL) == "closed"
    assert calls(health, FAILED, WELL) == "closed"
    assert calls(health, FAILED, FAILED) == "open"


def test_shares_are_of_all_calls():
    rules = BreakerRules(least_calls=10, error_share=0.2, slow_share=0.5)
    assert not trips(Tally(9, 9, 0), rules)
    assert trips(Tally(10, 2, 0), rules)
    assert not trips(Tally(10, 1, 4), rules)
    assert trips(Tally(10, 0, 5), rules)


def test_a_breaker_that_nobody_looked_at_stays_closed():
    breaker = Breaker(BreakerRules())
    breaker.probe()
    breaker.ended(0.0, {1: Tally(5, 5, 0)}, "ill")
    assert breaker.look(0.0, {}) == "closed"


def test_quantiles_are_at_most_a_tenth_too_high():
    counts = Counts()
    for ms in range(1, 1001):
        count_first_word(counts, float(ms))
    found = speed([counts])
    for estimate, true in ((found.p50_ms, 500), (found.p90_ms, 900), (found.p95_ms, 950)):
        assert true <= estimate <= 1.1 * true + 1


def test_few_calls_tell_nothing():
    counts = Counts()
    for _ in range(4):
        count_first_word(counts, 100.0)
    assert speed([counts]) == Speed()


def test_extreme_times_are_counted_too():
    counts = Counts()
    for ms in (0.0, 1.0, 10.0, 1e6, 1e9):
        count_first_word(counts, ms)
    assert speed([counts]).p50_ms == 10.0
    assert 50_000 < speed([counts]).p95_ms < 70_000


def test_calls_that_were_overtaken_count_as_endless_but_not_for_the_hedge(health):
    calls(health, *[WELL] * 8, *[OVERTAKEN] * 2)
    found = health.vital("acme:m/a").speed
    assert found.p50_ms <= 330
    assert math.isinf(found.p90_ms)
    assert found.p95_ms <= 330
    calls(health, *[OVERTAKEN] * 6, key="acme:m/b")
    assert health.vital("acme:m/b").speed.p95_ms is None


def test_the_rate_is_that_of_the_first_tokens(health):
    calls(health, *[Seen(200.0, spoke=True, tokens=16, tokens_ms=200.0)] * 5)
    found = health.vital("acme:m/a").speed
    assert found.tokens_per_second == pytest.approx(80)
    assert found.words_ms(200.0) == pytest.approx(300)
    assert found.words_ms(None) is None


async def test_processes_know_of_each_others_calls(clock):
    totals = LocalTotals()
    one, other = Health(clock=clock), Health(clock=clock)
    calls(one, FAILED, FAILED)
    assert calls(other, FAILED) == "closed"
    for health in (one, other, one):
        await health.exchange(totals)
    assert one.vital("acme:m/a").breaker == "open"
    assert other.vital("acme:m/a").breaker == "open"


async def test_each_call_counts_once_however_often_processes_exchange(clock):
    totals = LocalTotals()
    one, other = Health(clock=clock), Health(clock=clock)
    calls(one, WELL, WELL, WELL, FAILED, FAILED)
    other.vital("acme:m/a")
    for _ in range(5):
        await one.exchange(totals)
        await other.exchange(totals)
    assert one.vital("acme:m/a") == other.vital("acme:m/a")
    assert one.vital("acme:m/a").breaker == "closed"


async def test_what_is_on_its_way_to_the_totals_counts(clock):
    arrived = asyncio.Event()

    class Slow(LocalTotals):
        async def exchange(self, added, wanted):
            await arrived.wait()
            return await super().exchange(added, wanted)

    health = Health(clock=clock)
    calls(health, FAILED, FAILED)
    exchange = asyncio.create_task(health.exchange(Slow()))
    await asyncio.sleep(0)
    assert calls(health, FAILED) == "open"
    arrived.set()
    await exchange
    assert health.vital("acme:m/a").breaker == "open"


async def test_without_the_totals_a_process_goes_on_alone_and_tells_later(clock):
    class Gone(LocalTotals):
        async def exchange(self, added, wanted):
            raise Unreachable("Redis is gone.")

    health, other, totals = Health(clock=clock), Health(clock=clock), LocalTotals()
    calls(health, *[FAILED] * 3)
    with pytest.raises(Unreachable):
        await health.exchange(Gone())
    assert health.vital("acme:m/a").breaker == "open"
    await health.exchange(totals)
    other.vital("acme:m/a")
    await other.exchange(totals)
    assert other.vital("acme:m/a").breaker == "open"


async def test_it_exchanges_every_second_and_survives_a_failure():
    clock = asyncio.get_running_loop().time

    class Flaky(LocalTotals):
        asked = 0

        async def exchange(self, added, wanted):
            self.asked += 1
            if self.asked in (1, 2, 4):
                raise Unreachable("Redis is gone.")
            return await super().exchange(added, wanted)

    health, totals, told = Health(clock=clock), Flaky(), []
    calls(health, WELL)
    keeping = asyncio.create_task(health.keep(totals, told.append))
    await asyncio.sleep(5.5)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert totals.asked == 5
    assert [str(error) for error in told] == ["Redis is gone."] * 2  # it came back in between


async def test_models_that_nobody_asks_about_are_not_exchanged(clock):
    class Counting(LocalTotals):
        asked = 0

        async def exchange(self, added, wanted):
            self.asked += 1
            return await super().exchange(added, wanted)

    health, totals = Health(clock=clock), Counting()
    calls(health, WELL)
    await health.exchange(totals)
    clock.now += 31
    await health.exchange(totals)
    assert totals.asked == 1


def test_nothing_is_remembered_for_ever(health, clock):
    for number in range(50):
        calls(health, WELL, key=f"acme:m/{number}")
    clock.now += 1_000
    calls(health, WELL)
    assert set(health._breakers) == set(health._used) == {"acme:m/a"}
    assert {cell.key for cell in health._unsent} == {"acme:m/a"}


def test_a_hedge_budget_is_earned_by_answers():
    budget = HedgeBudget()
    assert [budget.spend() for _ in range(7)] == [True] * int(BURST) + [False] * 2
    for _ in range(19):
        budget.earn(0.05)
    assert not budget.spend()
    budget.earn(0.0501)
    assert budget.spend()
    for _ in range(1_000):
        budget.earn(1.0)
    assert sum(budget.spend() for _ in range(10)) == BURST


def test_what_was_used_last_is_remembered(monkeypatch):
    monkeypatch.setattr("antiphon.providers.routing.process.REMEMBERED", 2)
    recent = Recent()
    recent.set("a", 1)
    recent.set("b", 2)
    assert recent.get("a") == 1
    recent.set("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)
