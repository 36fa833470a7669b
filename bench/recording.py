"""Measures what recording costs a session, and prints one table.

    python bench/recording.py             CPU on the event loop and in the recorder's thread, and what comes of it
    python bench/recording.py --sessions  also its share of a session's CPU, in front of stub models: a minute more

A session-second is 50 frames of the user's audio and, a third of the time, an answer in deltas of 200 ms. Nothing
is sent to a storage; CPU time is that of this process.
"""

import argparse
import asyncio
import math
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from measuring.table import Row, median, render

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("platform", "")]

SECONDS = 120  # of a session
SESSIONS = 4
RUNS = 3
RATE = 24_000
LOOP_US = 50.0
_SPOKEN_EVERY = 3  # of three stretches of 4 s, one is the user's, one the assistant's, and one nobody's
_STRETCH = 4
_FRAME = RATE // 50
_DELTA = RATE // 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("SECRET_KEY", "of a bench, and of nothing else" * 2)
    import django

    import antiphon.config  # noqa: F401  names the settings

    django.setup()
    runs = [_run() for _ in range(RUNS)]
    loop_us, thread_us, kilobits = (median(values) for values in zip(*runs, strict=True))
    rows = [
        Row("CPU per session-second recorded, on the event loop", loop_us, "µs", LOOP_US),
        Row("CPU per session-second recorded, in the recorder's thread", thread_us, "µs"),
        Row("  sessions that are recorded with a core", 1e6 / (loop_us + thread_us), ""),
        Row("size of the recording", kilobits, "kbit/s"),
    ]
    if options.sessions:
        rows += share_of_sessions(loop_us, thread_us)
    print(render(rows))


def _run() -> tuple[float, float, float]:
    """µs a session-second on the loop and in the thread, and kbit/s."""
    from antiphon.engine.ports import Ending
    from apps.conversations.log_store import SessionOpened
    from apps.recordings.recorder import AudioRecorder

    events = list(_events())
    began = datetime.now(UTC) - timedelta(seconds=SECONDS + 60)
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder:
        recorder = AudioRecorder(Path(folder), most_bytes=1 << 40)

        async def sessions() -> float:
            clock = asyncio.get_running_loop().time
            zero = (clock() - SECONDS - 60) * 1000
            cpu = 0.0
            for number in range(SESSIONS):
                opened = SessionOpened(
                    uuid.uuid4(), uuid.uuid4(), f"sess_{number}", None, "agent/desk@1", began, record=True
                )
                with recorder.session(opened) as observe:
                    before = time.process_time()
                    for at, event in events:
                        observe(event, zero + at)
                    cpu += time.process_time() - before
                    observe(Ending(1000, "", by_client=True), zero + SECONDS * 1000)
            return cpu

        loop_seconds = asyncio.run(sessions())
        before = time.process_time()
        while recorder.has_more:
            recorder.write()
        thread_seconds = time.process_time() - before
        size = sum(path.stat().st_size for path in Path(folder).glob("*/*/part-*"))
    whole = SECONDS * SESSIONS
    return loop_seconds / whole * 1e6, thread_seconds / whole * 1e6, size * 8 / whole / 1000


def _events() -> Iterator[tuple[float, Any]]:
    """With the times in ms at which they come. The user's frames come all the time, as microphones send them; the
    assistant's deltas four times as fast as they play. No two frames are the same object."""
    from antiphon.protocol.client_events import InputAudioAppend
    from antiphon.protocol.server_events import OutputAudioDelta

    voice = _voice()
    for stretch in range(SECONDS // _STRETCH):
        speaks = stretch % _SPOKEN_EVERY
        start = stretch * _STRETCH * 1000
        timed: list[tuple[float, Any]] = []
        for number in range(_STRETCH * 50):
            said = voice[number * _FRAME :][:_FRAME] if speaks == 0 else np.zeros(_FRAME, np.int16)
            timed.append((start + number * 20, InputAudioAppend(audio=said.tobytes())))
        for number in range(_STRETCH * 5 if speaks == 1 else 0):
            said = voice[number * _DELTA :][:_DELTA]
            delta = OutputAudioDelta(
                response_id=f"resp_{stretch}",
                item_id=f"item_{stretch}",
                output_index=0,
                content_index=0,
                delta=said.tobytes(),
                samples=_DELTA,
            )
            timed.append((start + number * 50, delta))
        yield from sorted(timed, key=lambda found: found[0])


def _voice() -> Any:
    """Something as hard to encode as speech: a voice's harmonics, in syllables."""
    at = np.arange(_STRETCH * RATE) / RATE
    pitch = 120 + 20 * np.sin(2 * math.pi * 2 * at)
    phase = 2 * math.pi * np.cumsum(pitch) / RATE
    harmonics = sum(np.sin(phase * number) / number for number in range(1, 25))
    noise = np.random.default_rng(1).standard_normal(len(at)) * 0.1
    return ((harmonics + noise) * np.abs(np.sin(2 * math.pi * 3 * at)) * 5_000).astype(np.int16)


def share_of_sessions(loop_us: float, thread_us: float) -> list[Row]:
    """Beside the CPU of a session that nobody records."""
    import uvloop
    from measuring import load
    from measuring.platform import running_platform, stub_models

    with stub_models() as models, running_platform(models) as platform:
        measured = uvloop.run(load.conversing(platform))
    per_frame = next(row.value for row in measured if "per 20 ms frame, conversing, median" in row.name)
    session_us = per_frame * 50
    return [
        Row("CPU of a session that is not recorded, per second", session_us, "µs"),
        Row("  recording, on the event loop", loop_us / session_us * 100, "% of it"),
        Row("  recording, in all", (loop_us + thread_us) / session_us * 100, "% of it"),
    ]


if __name__ == "__main__":
    main()
