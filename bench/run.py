"""Measures the whole platform as clients see it, and prints one table.

    python bench/run.py                 all of it, about five minutes
    python bench/run.py latency load    some of it

The platform runs as `manage.py up` starts it, in front of stub models with fixed delays; clients talk to it over
its WebSocket. CPU time is that of the web process, all of it. On a virtual machine, waits are only worth what the
host left us: where others took much of the time meanwhile, a row says so.
"""

import argparse
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop
from measuring import barge_in, event_log, latency, load, protocol
from measuring.platform import Platform, running_platform, stub_models
from measuring.table import Row, render

_WORTH_SAYING = 5.0  # percent

Measurement = Callable[[Platform], Awaitable[list[Row]]]

# In this order: the first turn on a platform that has just been started, memory before it has held many sessions.
MEASUREMENTS: dict[str, Measurement] = {
    "first": latency.first_and_tenth,
    "listening": load.listening,
    "conversing": load.conversing,
    "latency": latency.voice_to_voice,
    "semantic": latency.voice_to_voice_semantic,
    "early": latency.begun_early,
    "model": latency.end_of_turn_model,
    "barge-in": barge_in.over_websocket,
    "line": barge_in.on_a_line,
    "append": protocol.append,
    "largest": protocol.largest_append,
    "items": protocol.many_items,
    "log": event_log.cost_per_event,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(MEASUREMENTS))
    names = parser.parse_args().names or list(MEASUREMENTS)
    print(render(measure(names)))


def measure(names: Sequence[str]) -> list[Row]:
    with stub_models() as models, running_platform(models) as platform:
        return uvloop.run(_measure(platform, names))


async def _measure(platform: Platform, names: Sequence[str]) -> list[Row]:
    rows = []
    for name in names:
        began, stolen = time.monotonic(), _stolen_seconds()
        rows += await MEASUREMENTS[name](platform)
        share = (_stolen_seconds() - stolen) / (time.monotonic() - began) * 100
        if share > _WORTH_SAYING:
            rows.append(Row("  taken from us by other machines of the host, of a core", share, "%"))
    return rows


def _stolen_seconds() -> float:
    """Of all cores together, as Linux counts them."""
    total = Path("/proc/stat").read_text().split(maxsplit=9)
    return int(total[8]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
