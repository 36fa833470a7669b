"""Measures what limits cost, and prints one table.

    python bench/limits.py

Starts a Valkey of its own. CPU is user and system time of the process that asks, in millionths of a second; the
server's is that of Valkey. On a busy machine the wall clock says little, and CPU time a little more than the work.
"""

import asyncio
import multiprocessing
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("platform", "")]

import psutil  # noqa: E402
from measuring.table import Row, render  # noqa: E402

from antiphon.embedded.valkey import EmbeddedValkey  # noqa: E402
from apps.limits.events import MOST_AHEAD  # noqa: E402
from apps.limits.meters import Rate  # noqa: E402
from apps.limits.process import ProcessLimits  # noqa: E402
from apps.limits.resolving import Limits  # noqa: E402
from apps.limits.store import Lease, Sender, Store  # noqa: E402

CHECKS = 1_000_000
CALLS = 2_000
LEASES = 100
SECONDS = 3.0
WIDE = Limits(sessions=1_000_000, events_per_second=10_000_000, requests_per_minute=600)
USUAL = Limits(sessions=20, events_per_second=1000, requests_per_minute=600)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder:
        valkey = EmbeddedValkey(Path(folder))
        valkey.start()
        try:
            rows = asyncio.run(alone(valkey.url, _server()))
            rows += together(valkey.url)
        finally:
            valkey.stop()
    print(render(rows))


async def alone(url: str, server: psutil.Process) -> list[Row]:
    rows = [Row("check of an event that is allowed, CPU", await check_cost(), "us", 0.2)]
    store = Store(url, lease_seconds=15)
    sender, rates = Sender(str(uuid.uuid4()), "a"), [Rate(10_000_000), Rate(10_000_000)]
    names = iter(range(CALLS * 10))
    tenant = str(uuid.uuid4())

    def lease() -> Lease:
        return Lease(f"{next(names)}", tenant, "a", "198.51.100.7")

    held = [lease() for _ in range(LEASES)]
    for one in held:
        await store.acquire(one, (1_000_000, 0, 0))

    async def come_and_go() -> None:
        one = lease()
        await store.acquire(one, (1_000_000, 1_000_000, 1_000_000))
        await store.release([one])

    work: list[tuple[str, int, Callable[[], Awaitable[object]]]] = [
        (f"refill of {MOST_AHEAD} events", CALLS, lambda: store.take_events(sender, MOST_AHEAD, rates)),
        ("session admitted and left", CALLS, come_and_go),
        (f"renewal of {LEASES} leases", CALLS // LEASES, lambda: store.renew(held)),
    ]
    for name, count, call in work:
        await call()
        ours, theirs = time.process_time(), _cpu(server)
        for _ in range(count):
            await call()
        rows.append(Row(f"{name}, CPU", (time.process_time() - ours) / count * 1e6, "us"))
        rows.append(Row("  of Valkey", (_cpu(server) - theirs) / count * 1e6, "us"))
    await store.aclose()
    return rows


async def check_cost() -> float:
    """Microseconds of a `take` that finds a token, the loop's own cost left out."""
    async with ProcessLimits().session(tenant="t", key="a", address="", limits=WIDE) as place:
        purse = place.allowance
        purse._left, purse._low = CHECKS * 2, 0
        take, best = purse.take, float("inf")
        for _ in range(5):
            began = time.process_time()
            for _ in range(CHECKS // 5):
                pass
            empty = time.process_time() - began
            began = time.process_time()
            for _ in range(CHECKS // 5):
                take()
            best = min(best, time.process_time() - began - empty)
        purse._left = 0
    return best / (CHECKS // 5) * 1e6


def together(url: str) -> list[Row]:
    """Two processes that send for one tenant as fast as they can."""
    checks, _, cpu = _race(url, WIDE)
    held, seconds, _ = _race(url, USUAL)
    bound = USUAL.events_per_second * (seconds + 1) + 2 * MOST_AHEAD
    return [
        Row("checks a second of 2 processes, no limit reached", checks / SECONDS, ""),
        Row("  CPU of each, refills included", cpu / checks * 1e6, "us"),
        Row(f"events in {seconds:.1f} s at 1000 a second", held, "", bound),
        Row("  at least what flows in", held, "", USUAL.events_per_second * SECONDS, at_least=True),
    ]


def _race(url: str, limits: Limits) -> tuple[int, float, float]:
    """Events that were allowed, seconds from the first to the last, and CPU seconds of all."""
    context = multiprocessing.get_context("spawn")
    tenant, begin = str(uuid.uuid4()), time.time() + 5
    with context.Pool(2) as pool:
        results = pool.starmap(_send, [(url, tenant, key, limits, begin) for key in ("a", "b")])
    first, last = min(result[1] for result in results), max(result[2] for result in results)
    return sum(result[0] for result in results), last - first, sum(result[3] for result in results)


def _send(url: str, tenant: str, key: str, limits: Limits, begin: float) -> tuple[int, float, float, float]:
    return asyncio.run(_sending(url, tenant, key, limits, begin))


async def _sending(
    url: str, tenant: str, key: str, limits: Limits, begin: float
) -> tuple[int, float, float, float]:
    one = ProcessLimits()
    one.start(url)
    async with one.session(tenant=tenant, key=key, address="", limits=limits) as place:
        await asyncio.sleep(begin - time.time())
        count, first, cpu = 0, time.time(), time.process_time()
        while time.time() < begin + SECONDS:
            await place.allowance.wait()
            count += 1
        last, cpu = time.time(), time.process_time() - cpu
    await one.stop()
    return count, first, last, cpu


def _server() -> psutil.Process:
    family = psutil.Process().children(recursive=True)
    return next(child for child in family if child.name().startswith("valkey"))


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
