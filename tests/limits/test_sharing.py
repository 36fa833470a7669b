"""Limits that processes share in Valkey: exact, fair among the keys of a tenant, and free again after a crash."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import redis

from apps.limits.meters import Rate
from apps.limits.process import Place, ProcessLimits
from apps.limits.resolving import Limits
from apps.limits.slots import TooManySessions
from apps.limits.store import Lease, Sender, Store, sessions_of

LEASE = 0.4  # seconds; short, since Valkey's clock is the real one


def limits(**given: int) -> Limits:
    return Limits(**{"sessions": 5, "events_per_second": 1000, "requests_per_minute": 600, **given})


@pytest.fixture
def tenant() -> str:
    return str(uuid.uuid4())


@asynccontextmanager
async def process(url: str, **given: float) -> AsyncIterator[ProcessLimits]:
    """One of several processes."""
    one = ProcessLimits()
    one.start(url, **{"lease_seconds": 15.0, "patience": 20.0, **given})  # however busy the machine is
    try:
        yield one
    finally:
        await one.stop()


@asynccontextmanager
async def store_of(url: str) -> AsyncIterator[Store]:
    store = Store(url, lease_seconds=15, patience=20)
    try:
        yield store
    finally:
        await store.aclose()


async def enter(
    one: ProcessLimits, tenant: str, key: str = "a", address: str = "198.51.100.7", **given: int
) -> Place:
    return await one.enter(tenant=tenant, key=key, address=address, limits=limits(**given))


async def refused(one: ProcessLimits, tenant: str, key: str = "a", **given: int) -> str:
    """Which limit refuses."""
    with pytest.raises(TooManySessions) as refusal:
        await enter(one, tenant, key, **given)
    return refusal.value.which


async def test_it_works_processes_share_the_slots_of_a_tenant(redis_url: str, tenant: str) -> None:
    async with process(redis_url) as one, process(redis_url) as two:
        places = [await enter(each, tenant) for each in (one, two, one, two, one)]
        assert [place.running for place in places] == [1, 2, 3, 4, 5]
        assert await refused(one, tenant) == await refused(two, tenant) == "tenant"
        async with places[0]:
            pass
        async with await enter(two, tenant) as place:
            assert place.headers["x-ratelimit-remaining-sessions"] == "0"
        assert (await enter(one, str(uuid.uuid4()))).running == 1, "another tenant's are its own"


async def test_two_processes_that_race_for_the_last_slots_get_exactly_those(
    redis_url: str, tenant: str
) -> None:
    async with process(redis_url) as one, process(redis_url) as two:
        tries = [enter(each, tenant) for each in (one, two) for _ in range(20)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(result, Place) for result in results) == 5
        assert sum(isinstance(result, TooManySessions) for result in results) == 35


async def test_the_slots_of_a_process_that_was_killed_are_free_after_its_lease(
    redis_url: str, tenant: str
) -> None:
    async with process(redis_url) as one:
        killed = ProcessLimits()
        killed.start(redis_url, lease_seconds=LEASE, patience=20)
        for _ in range(5):
            await enter(killed, tenant)
        assert await refused(one, tenant) == "tenant"
        await killed.stop()  # it renews nothing any more, and nobody gave its leases back
        async with asyncio.timeout(20):
            while True:
                try:
                    assert (await enter(one, tenant)).running == 1
                    break
                except TooManySessions:
                    await asyncio.sleep(0.02)


async def test_leases_are_renewed_for_as_long_as_the_sessions_run(redis_url: str, tenant: str) -> None:
    async with process(redis_url, lease_seconds=1.0) as one, process(redis_url) as two:
        for _ in range(5):
            await enter(one, tenant)
        await asyncio.sleep(1.2)
        assert await refused(two, tenant) == "tenant"


async def test_a_key_and_an_address_have_slots_of_their_own(redis_url: str, tenant: str) -> None:
    async with process(redis_url) as one:
        await enter(one, tenant, sessions_per_key=1)
        assert await refused(one, tenant, sessions_per_key=1) == "key"
        await enter(one, tenant, "b", sessions_per_key=1)
        assert await refused(one, tenant, "c", sessions_per_address=2) == "address"
        await enter(one, tenant, "c", "198.51.100.8", sessions_per_address=2)


async def test_a_slot_that_gets_free_goes_to_the_key_that_has_less_than_its_share(
    redis_url: str, tenant: str
) -> None:
    async with process(redis_url) as one:
        greedy = [await enter(one, tenant, "greedy", sessions=4) for _ in range(4)]
        assert await refused(one, tenant, "modest", sessions=4) == "tenant"
        async with greedy.pop():
            pass
        assert await refused(one, tenant, "greedy", sessions=4) == "share", "the other one waits for it"
        await enter(one, tenant, "modest", sessions=4)
        assert await refused(one, tenant, "greedy", sessions=4) == "tenant"
        async with greedy.pop():
            pass
        await enter(one, tenant, "greedy", sessions=4)  # nobody waits any more


async def test_events_are_counted_once_over_all_processes(redis_url: str, tenant: str) -> None:
    rates = [Rate(100, seconds=3600)]
    async with store_of(redis_url) as one, store_of(redis_url) as two:
        sender = Sender(tenant, "a")
        answers = await asyncio.gather(
            *(store.take_events(sender, 7, rates) for store in (one, two) for _ in range(20))
        )
        assert sum(answer.granted for answer in answers) == 100
        assert all(answer.limit == 100 for answer in answers)
        empty = await one.take_events(sender, 1, rates)
        assert (empty.granted, empty.remaining) == (0, 0)
        assert 30 < empty.wait <= 36
        assert 3590 < empty.reset <= 3600


async def test_what_is_given_back_can_be_had_again(redis_url: str, tenant: str) -> None:
    rates = [Rate(100, seconds=3600)]
    async with store_of(redis_url) as store:
        sender = Sender(tenant, "a")
        assert (await store.take_events(sender, 100, rates)).granted == 100
        await store.take_events(sender, -40, rates)
        assert (await store.take_events(sender, 100, rates)).granted == 40


async def test_the_limit_of_a_key_holds_beside_that_of_its_tenant(redis_url: str, tenant: str) -> None:
    tight, wide = Rate(10, seconds=3600), Rate(100, seconds=3600)
    async with store_of(redis_url) as store:
        answer = await store.take_events(Sender(tenant, "a"), 50, [wide, tight])
        assert (answer.granted, answer.limit, answer.remaining) == (10, 10, 0)
        answer = await store.take_events(Sender(tenant, "b"), 95, [wide])
        assert (answer.granted, answer.remaining) == (50, 40), (
            "10 are gone, and 50 are there for the first key"
        )


async def test_a_key_within_its_share_is_served_before_one_beyond_it(redis_url: str, tenant: str) -> None:
    rates = [Rate(100, seconds=3600)]
    async with store_of(redis_url) as store:
        greedy, modest = Sender(tenant, "greedy"), Sender(tenant, "modest")
        await store.take_events(modest, 1, rates)
        assert (await store.take_events(greedy, 100, rates)).granted == 50, "half of it is the other one's"
        assert (await store.take_events(greedy, 1, rates)).granted == 0
        assert (await store.take_events(modest, 30, rates)).granted == 30
        assert (await store.take_events(modest, 30, rates)).granted == 19


async def test_who_sends_alone_may_send_everything(redis_url: str, tenant: str) -> None:
    async with store_of(redis_url) as store:
        assert (await store.take_events(Sender(tenant, "a"), 100, [Rate(100, seconds=3600)])).granted == 100


async def test_an_allowance_takes_ahead_and_never_more_than_there_is(redis_url: str, tenant: str) -> None:
    async with process(redis_url) as one, process(redis_url) as two, AsyncExitStack() as stack:
        purses = [
            (await stack.enter_async_context(await enter(each, tenant, events_per_second=200))).allowance
            for each in (one, two)
        ]
        began = asyncio.get_running_loop().time()
        allowed = 0
        for _ in range(300):
            for purse in purses:
                allowed += await purse.ask()
        passed = asyncio.get_running_loop().time() - began
        assert 150 <= allowed <= 200 * (1 + passed) + 1


async def test_audio_waits_until_it_is_allowed(redis_url: str, tenant: str) -> None:
    async with process(redis_url) as one, await enter(one, tenant, events_per_second=100) as place:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(120):
            await place.allowance.wait()
        assert loop.time() - began > 0.15, "100 at once, and 20 more in a fifth of a second"
        [told] = place.allowance.told()
        assert told.limit == 100
        assert told.remaining < 100


async def test_what_a_session_does_not_use_is_there_for_the_next(redis_url: str, tenant: str) -> None:
    async with process(redis_url) as one, store_of(redis_url) as store:
        async with await enter(one, tenant, events_per_second=2) as place:
            assert await place.allowance.ask()
        answer = await store.take_events(Sender(tenant, "a"), 2, [Rate(2)])
        assert answer.granted >= 1


async def test_nothing_is_left_when_sessions_end(redis_url: str, tenant: str) -> None:
    async with process(redis_url) as one:
        async with await enter(one, tenant) as place:
            assert await place.allowance.ask()
        with redis.from_url(redis_url) as client:
            left = list(client.scan_iter(f"*{tenant}*sessions*"))
        assert left == []


async def test_a_lease_that_valkey_has_lost_is_there_again_after_the_next_renewal(
    redis_url: str, tenant: str
) -> None:
    async with process(redis_url, lease_seconds=LEASE) as one, process(redis_url) as two:
        for _ in range(5):
            await enter(one, tenant)
        with redis.from_url(redis_url) as client:
            client.delete(*client.scan_iter(f"*{tenant}*"))
            async with asyncio.timeout(20):
                while client.zcard(sessions_of(tenant)) < 5:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        assert await refused(two, tenant) == "tenant"


async def test_a_session_that_ends_while_leases_are_renewed_leaves_none(redis_url: str, tenant: str) -> None:
    async with store_of(redis_url) as store:
        lease = Lease("one", tenant, "a", "x")
        await store.acquire(lease, (5, 0, 0))
        await asyncio.gather(store.renew([lease]), store.release([lease]))
        await store.release([lease])
        assert await store.acquire(Lease("two", tenant, "a", "x"), (1, 0, 0)) == (0, 1)
