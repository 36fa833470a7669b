"""Measures the whole platform as clients see it, and prints one table.

    python bench/run.py                 all of it, about five minutes
    python bench/run.py latency load    some of it

The platform runs as `manage.py up` starts it, in front of stub models with fixed delays; clients talk to it over
its WebSocket. CPU time is that of the web process, all of it.
"""

import argparse
from collections.abc import Awaitable, Callable, Sequence

import uvloop
from measuring import barge_in, event_log, latency, load, protocol
from measuring.platform import Platform, running_platform, stub_models
from measuring.table import Row, render

Measurement = Callable[[Platform], Awaitable[list[Row]]]

# In this order: the first turn on a platform that has just been started, memory before it has held many sessions.
MEASUREMENTS: dict[str, Measurement] = {
    "first": latency.first_and_tenth,
    "listening": load.listening,
    "conversing": load.conversing,
    "latency": latency.voice_to_voice,
    "semantic": latency.voice_to_voice_semantic,
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
        rows += await MEASUREMENTS[name](platform)
    return rows


if __name__ == "__main__":
    main()
