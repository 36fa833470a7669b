"""Valkey is down, or comes back without its memory: sessions go on, and each process keeps to its share."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.embedded.valkey import EmbeddedValkey
from apps.limits.process import ProcessLimits
from apps.limits.resolving import Limits
from apps.limits.slots import TooManySessions

LIMITS = Limits(sessions=6, events_per_second=40, requests_per_minute=600)
NOWHERE = "unix:///nonexistent/valkey.sock"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path)
    server.start()
    yield server
    server.stop()


async def fill(one: ProcessLimits, tenant: str = "t", *, limits: Limits = LIMITS) -> int:
    """How many more sessions one process lets in."""
    for count in range(100):
        try:
            await one.enter(tenant=tenant, key="a", address="x", limits=limits)
        except TooManySessions:
            return count
    raise AssertionError("There is no limit.")


async def is_back(one: ProcessLimits) -> None:
    """Returns when the process has renewed its leases."""
    while one._store is not None and one._store.is_down:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("url", [None, NOWHERE])
async def test_a_process_that_never_had_a_valkey_keeps_to_its_share(url: str | None) -> None:
    one = ProcessLimits(processes=3)
    if url:
        one.start(url)
    try:
        assert await fill(one) == 2
        assert await fill(one, "another") == 2
    finally:
        await one.stop()


async def test_the_limits_of_keys_and_addresses_are_shared_out_as_well() -> None:
    limits = Limits(6, 40, 600, sessions_per_key=4, sessions_per_address=2)
    one = ProcessLimits(processes=2)
    assert await fill(one, limits=limits) == 1, "of 2 from one address"
    place = await one.enter(tenant="t", key="a", address="y", limits=limits)
    with pytest.raises(TooManySessions) as refusal:
        await one.enter(tenant="t", key="a", address="z", limits=limits)
    assert refusal.value.which == "key"
    async with place:
        pass
    await one.enter(tenant="t", key="a", address="z", limits=limits)


async def test_events_are_counted_by_the_process_alone() -> None:
    one = ProcessLimits(processes=2)
    async with one.session(tenant="t", key="a", address="x", limits=LIMITS) as place:
        allowed = [await place.allowance.ask() for _ in range(40)]
        assert allowed[:20] == [True] * 20
        assert not all(allowed)
        assert place.allowance.told()[0].limit == 20


async def test_what_runs_goes_on_when_valkey_dies_and_is_known_to_it_when_it_is_back(
    valkey: EmbeddedValkey,
) -> None:
    one, two = ProcessLimits(processes=2), ProcessLimits(processes=2)
    one.start(valkey.url, lease_seconds=1.0, patience=20)
    two.start(valkey.url, lease_seconds=1.0, patience=20)
    try:
        place = await one.enter(tenant="t", key="a", address="x", limits=LIMITS)
        assert await place.allowance.ask()
        await asyncio.to_thread(valkey.stop)
        assert [await place.allowance.ask() for _ in range(10)] == [True] * 10
        assert await fill(one) == 2, "its share is 3, and it has one"
        assert await fill(two) == 3
        await asyncio.to_thread(valkey.start)
        async with asyncio.timeout(5):
            for each in (one, two):
                await is_back(each)
        with pytest.raises(TooManySessions):
            await two.enter(tenant="t", key="a", address="x", limits=LIMITS)
        async with place:
            assert await place.allowance.ask()
        await two.enter(tenant="t", key="a", address="x", limits=LIMITS)
    finally:
        await one.stop()
        await two.stop()


async def test_a_valkey_that_hangs_holds_nobody_up_for_long() -> None:
    """It takes connections, and says nothing."""
    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda reader, writer: taken.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    one = ProcessLimits()
    one.start(f"redis://127.0.0.1:{port}", patience=0.5)
    loop = asyncio.get_running_loop()
    try:
        async with one.session(tenant="t", key="a", address="x", limits=LIMITS) as place:
            began = loop.time()
            assert [await place.allowance.ask() for _ in range(40)] == [True] * 40
        assert loop.time() - began < 0.5, "it is known by now, and not asked"
    finally:
        await one.stop()
        for writer in taken:
            writer.close()
        server.close()
