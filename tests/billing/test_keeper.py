"""The keeper of a process: sessions of several at once, databases that go away, and nobody who spends too much."""

import asyncio
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from channels.db import database_sync_to_async
from django.db import connections
from django.utils import timezone

from apps.billing.holds import HoldStore
from apps.billing.keeper import Money, SpendEnded, SpendKeeper, SpendRefused
from apps.billing.ledger import balance_micro, correction_post, held_micro
from apps.billing.models import SpendHold
from apps.billing.spending import LEAST_STEP_MICRO, Spender
from apps.core.tenancy import across_tenants, tenant_context
from tests.billing.books import Line, record
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

STEP = LEAST_STEP_MICRO


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Breakable(HoldStore):
    """Whose database can be away."""

    is_away = False
    asked = 0

    def round(self, asks: Any) -> Any:
        self.asked += 1
        if self.is_away:
            raise psycopg.OperationalError("The server is away.")
        return super().round(asks)


@pytest.fixture
def store() -> Iterator[Breakable]:
    made = Breakable(uuid.uuid4())
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keeper(store: Breakable, clock: Clock, settings: Any) -> SpendKeeper:
    """Looks when it is told to."""
    settings.BILLING = True
    return SpendKeeper(store=store, clock=clock)


async def open_with(keeper: SpendKeeper, tenant: Person, **who: Any) -> Money:
    asked = asyncio.ensure_future(
        keeper.open(
            Spender(tenant.tenant.id, f"sess_{uuid.uuid4()}", **who), page="https://voice/acme/billing/"
        )
    )
    await asyncio.sleep(0)
    await asyncio.to_thread(keeper.look)
    return await asked


def has(tenant: Person, amount: int) -> None:
    with tenant_context(tenant.tenant.id):
        if change := amount - balance_micro():
            correction_post(amount_micro=change, reason="A test.")


async def in_thread(work: Callable[..., Any], *args: Any) -> Any:
    return await database_sync_to_async(work, thread_sensitive=False)(*args)


def holds(tenant: Person) -> int:
    with tenant_context(tenant.tenant.id):
        return SpendHold.objects.count()


def expire_holds(tenant: Person) -> None:
    with tenant_context(tenant.tenant.id):
        SpendHold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def held(tenant: Person) -> int:
    with tenant_context(tenant.tenant.id):
        return held_micro()


async def test_a_session_begins_is_extended_and_leaves_nothing(
    keeper: SpendKeeper, clock: Clock, alice: Person
) -> None:
    money = await open_with(keeper, alice)
    money.used(4_000)
    clock.now += 5
    await asyncio.to_thread(keeper.look)
    assert await in_thread(held, alice) == 4_000 + STEP
    await in_thread(post, alice, money, 4_000)
    money.close()
    await asyncio.to_thread(keeper.look)
    assert await in_thread(holds, alice) == 0


async def test_without_money_a_session_is_refused_and_told_what_to_do(
    keeper: SpendKeeper, alice: Person
) -> None:
    await in_thread(has, alice, STEP - 1)
    with pytest.raises(SpendRefused) as refused:
        await open_with(keeper, alice)
    body = refused.value.ended.refused.body
    assert (body.type, body.code) == ("insufficient_quota", "insufficient_quota")
    assert body.message == (
        "The balance of this workspace is used up: top it up at https://voice/acme/billing/, then connect again."
    )


async def test_who_uses_the_last_of_it_is_ended_once_with_the_tenants_goodbye(
    keeper: SpendKeeper, clock: Clock, alice: Person
) -> None:
    await in_thread(has, alice, 2 * STEP + 3)
    money = await open_with(keeper, alice)
    told: list[SpendEnded] = []
    money.when_ended(told.append)
    money.used(STEP + 3)
    await asyncio.to_thread(keeper.look)  # at once, since it is short
    assert told == []
    money.used(STEP)
    for _ in range(3):
        clock.now += 5
        await asyncio.to_thread(keeper.look)
    await asyncio.sleep(0)
    assert [ended.goodbye for ended in told] == ["I'm sorry, but I have to end our call here. Goodbye."]
    assert await in_thread(held, alice) == 2 * STEP + 3  # until it is posted
    money.used(500)  # the goodbye
    clock.now += 5
    await asyncio.to_thread(keeper.look)
    assert await in_thread(held, alice) == 2 * STEP + 503


async def test_who_does_not_wait_any_more_holds_nothing(keeper: SpendKeeper, alice: Person) -> None:
    asked = asyncio.ensure_future(keeper.open(Spender(alice.tenant.id, "sess_gone")))
    await asyncio.sleep(0)
    looking = asyncio.to_thread(keeper.look)
    asked.cancel()
    await looking
    await asyncio.sleep(0)
    await asyncio.to_thread(keeper.look)
    assert await in_thread(holds, alice) == 0


async def test_while_the_database_is_away_nobody_begins_and_nobody_waits(
    keeper: SpendKeeper, store: Breakable, alice: Person
) -> None:
    store.is_away = True
    for _ in range(3):
        with pytest.raises(SpendRefused) as refused:
            await open_with(keeper, alice)
        assert refused.value.ended.refused.body.type == "server_error"
        assert "try again in a moment" in str(refused.value)
    assert store.asked == 1  # the others were not kept waiting for it


async def test_while_the_database_is_away_sessions_go_on_for_a_minute_beyond_what_they_hold(
    keeper: SpendKeeper, store: Breakable, clock: Clock, alice: Person
) -> None:
    talks, listens = await open_with(keeper, alice), await open_with(keeper, alice)
    told: list[SpendEnded] = []
    talks.when_ended(told.append)
    listens.when_ended(told.append)
    store.is_away = True
    talks.used(STEP * 2)
    clock.now += 59
    await asyncio.to_thread(keeper.look)
    await asyncio.sleep(0)
    assert told == []
    clock.now += 2
    await asyncio.to_thread(keeper.look)
    await asyncio.sleep(0)
    assert [ended.refused.body.type for ended in told] == ["server_error"]
    assert talks.is_ended  # the other one has not used what it holds
    assert not listens.is_ended
    store.is_away = False
    clock.now += 5
    await asyncio.to_thread(keeper.look)
    assert await in_thread(held, alice) == 2 * STEP + STEP


async def test_a_process_without_sessions_deletes_what_a_killed_one_held(
    keeper: SpendKeeper, alice: Person
) -> None:
    await open_with(keeper, alice)
    await in_thread(expire_holds, alice)
    other = SpendKeeper(store=HoldStore(uuid.uuid4()))
    try:
        await asyncio.to_thread(other.look)
    finally:
        other._store.close()
    assert await in_thread(holds, alice) == 0


async def test_a_keeper_looks_by_itself(alice: Person, settings: Any) -> None:
    settings.BILLING = True
    keeper = SpendKeeper()
    keeper.start()
    try:
        await in_thread(has, alice, STEP)
        money = await keeper.open(Spender(alice.tenant.id, "sess_1"))
        ended = asyncio.get_running_loop().create_future()
        money.when_ended(ended.set_result)
        money.used(STEP + 1)
        why: SpendEnded = await asyncio.wait_for(ended, 5)
        assert why.refused.body.code == "insufficient_quota"
        money.close()
    finally:
        await asyncio.to_thread(keeper.stop)


def post(tenant: Person, money: Money, amount: int) -> None:
    parameters = connections["across"].get_connection_params() | {"cursor_factory": psycopg.Cursor}
    with psycopg.connect(**parameters) as connection, connection.cursor() as cursor:
        record(cursor, Line(tenant.tenant.id, amount, session_id=money.spending.spender.session_id))


def test_a_hundred_sessions_of_four_processes_race_for_a_dollar(alice: Person, settings: Any) -> None:
    """Each process has its loop, its keeper and its recorder. More sessions want to begin than a dollar has first
    steps; whatever runs, the tenant overspends by no more than what each used in one go beyond its grant."""
    settings.BILLING = True
    has(alice, 1_000_000)
    race = Race(alice)
    threads = [threading.Thread(target=race.run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(race.used) == 1_000_000 // STEP
    with tenant_context(alice.tenant.id):
        left = balance_micro()
        assert left == 1_000_000 - sum(race.used)
        assert not SpendHold.objects.exists()
    assert -sum(race.beyond) <= left < STEP
    assert max(race.beyond) < MOST


MOST = 15_000  # what a session uses in one go


class Race:
    def __init__(self, alice: Person) -> None:
        self.alice = alice
        self.used: list[int] = []  # by each session that began
        self.beyond: list[int] = []
        self._start = threading.Barrier(4)

    def run(self, seed: int) -> None:
        """A process of its own, but for its memory."""
        with across_tenants(reason="test"):
            asyncio.run(self._run(random.Random(seed)))

    async def _run(self, choice: random.Random) -> None:
        alice, clock, store = self.alice, Clock(), HoldStore(uuid.uuid4())
        keeper = SpendKeeper(clock=clock, store=store)
        opening = [
            asyncio.ensure_future(keeper.open(Spender(alice.tenant.id, f"sess_{uuid.uuid4()}")))
            for _ in range(40)
        ]
        await asyncio.sleep(0)
        store.round([])  # it is connected
        self._start.wait(10)
        await asyncio.to_thread(keeper.look)
        begun = await asyncio.gather(*opening, return_exceptions=True)
        self._start.wait(10)  # nobody gives anything back before
        running = [money for money in begun if isinstance(money, Money)]
        totals = dict.fromkeys(running, 0)
        unposted = dict.fromkeys(running, 0)
        while running:
            for money in running:
                amount = choice.randrange(MOST)
                money.used(amount)
                totals[money] += amount
                unposted[money] += amount
                self.beyond.append(max(0, money.spending.over_micro))
            late = {money: amount for money, amount in unposted.items() if choice.random() < 0.5}
            await asyncio.to_thread(_post_all, alice, late)
            unposted.update(dict.fromkeys(late, 0))
            clock.now += choice.choice([1.0, 5.0])
            await asyncio.to_thread(keeper.look)
            over = [money for money in running if money.is_ended]
            for money in over:
                running.remove(money)
                money.close()
            await asyncio.to_thread(_post_all, alice, {money: unposted.pop(money) for money in over})
        await asyncio.to_thread(keeper.look)
        store.close()
        self.used += totals.values()


def _post_all(alice: Person, amounts: dict[Money, int]) -> None:
    parameters = connections["across"].get_connection_params() | {"cursor_factory": psycopg.Cursor}
    posting = uuid.uuid4()
    with psycopg.connect(**parameters) as connection, connection.cursor() as cursor:
        record(
            cursor,
            *(
                Line(
                    alice.tenant.id,
                    amount,
                    session_id=money.spending.spender.session_id,
                    posting_id=posting,
                )
                for money, amount in amounts.items()
            ),
        )
