"""The limits of a tenant's own customers: over all keys, beside those of the keys and the tenant."""

import uuid

import pytest

from apps.limits.events import EventRates, rates_of
from apps.limits.process import Place, ProcessLimits
from apps.limits.resolving import Limits
from apps.limits.slots import TooManySessions
from apps.limits.store import Sender, Store

LIMITS = Limits(sessions=5, events_per_second=100, requests_per_minute=600).of_customer(
    sessions=1, events_per_second=10
)


@pytest.fixture
def tenant() -> str:
    return str(uuid.uuid4())


async def enter(one: ProcessLimits, tenant: str, key: str, customer: str) -> Place:
    return await one.enter(tenant=tenant, key=key, address="x", customer=customer, limits=LIMITS)


async def refused(one: ProcessLimits, tenant: str, key: str, customer: str) -> str:
    with pytest.raises(TooManySessions) as refusal:
        await enter(one, tenant, key, customer)
    return refusal.value.which


async def test_processes_share_a_customers_sessions_whatever_the_key(redis_url: str, tenant: str) -> None:
    one, two = ProcessLimits(), ProcessLimits()
    for each in (one, two):
        each.start(redis_url)
    place = await enter(one, tenant, "a", "globex")
    assert await refused(two, tenant, "b", "globex") == "customer"
    other, nobodys = await enter(two, tenant, "a", "initech"), await enter(two, tenant, "a", "")
    assert nobodys.running == 3
    async with place:
        pass
    async with await enter(two, tenant, "b", "globex"), other, nobodys:
        assert await refused(one, tenant, "a", "globex") == "customer"
    for each in (one, two):
        await each.stop()


async def test_it_is_renewed_with_the_lease(redis_url: str, tenant: str) -> None:
    one, two = ProcessLimits(), ProcessLimits()
    for each in (one, two):
        each.start(redis_url)
    async with await enter(one, tenant, "a", "globex"):
        assert one._store is not None
        await one._store._redis.flushdb()
        await one._slots.renew(one._store)
        assert await refused(two, tenant, "b", "globex") == "customer"
    for each in (one, two):
        await each.stop()


async def test_a_process_alone_holds_to_it_as_well(tenant: str) -> None:
    alone = ProcessLimits()
    async with await enter(alone, tenant, "a", "globex"):
        assert await refused(alone, tenant, "b", "globex") == "customer"
        async with await enter(alone, tenant, "b", ""):
            pass
    async with await enter(alone, tenant, "b", "globex"):
        pass


async def test_events_of_a_customer_are_counted_over_all_keys(redis_url: str, tenant: str) -> None:
    store = Store(redis_url, lease_seconds=15, patience=20)
    rates = rates_of(LIMITS)
    granted = [
        (await store.take_events(Sender(tenant, key, customer), 8, rates)).granted
        for key, customer in (("a", "globex"), ("b", "globex"), ("a", "initech"))
    ]
    assert granted[0] == granted[2] == 8
    assert 2 <= granted[1] <= 4, "what was left, and what has flowed in since"
    await store.aclose()


def test_a_process_alone_counts_them_too(tenant: str) -> None:
    alone, rates = EventRates(), rates_of(LIMITS)
    taken = [alone.by_itself(Sender(tenant, key, "globex"), rates, 8, 0.0) for key in "ab"]
    assert [answer.granted for answer in taken] == [8, 2]
    assert alone.by_itself(Sender(tenant, "a", "initech"), rates, 8, 0.0).granted == 8
    assert taken[0].limit == 10
