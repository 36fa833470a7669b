"""CPU time and memory of many sessions at once."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from antiphon.audio.pcm import size_of
from measuring.caller import Caller, calling, frames_of, server_vad
from measuring.platform import Platform
from measuring.speech import FRAME_MS, recordings
from measuring.table import Row, median, percentile

SESSIONS = 100

_RETAINED_MS = 10_000  # what the platform keeps of a session in which nobody speaks
_SETTLED = 12.0  # seconds after which that is full
_STRETCHES = 6
_STRETCH = 2.5  # seconds
_PINGS_PER_SECOND = 40
_TURN_SECONDS = 6.0
_FRAMES_PER_SECOND = 1000 / FRAME_MS


@dataclass
class Cost:
    """Of the web process, for each stretch of time: CPU µs for each frame of 20 ms that came in."""

    per_frame: list[float] = field(default_factory=list)
    pings: list[float] = field(default_factory=list)  # ms

    def rows(self, what: str) -> list[Row]:
        typical = median(self.per_frame)
        return [
            Row(f"CPU per 20 ms frame, {what}, median", typical, "µs"),
            Row(f"CPU per 20 ms frame, {what}, least", min(self.per_frame), "µs"),
            Row(f"sessions per core, {what}", 1e6 / (typical * _FRAMES_PER_SECOND), "", 100, at_least=True),
            Row(f"  ping round trip, {what}, p99", percentile(self.pings, 99), "ms"),
        ]


async def listening(platform: Platform) -> list[Row]:
    """Sessions that hear a quiet room. They are the platform's first hundred, so their memory is new memory."""
    before = platform.memory()
    async with AsyncExitStack() as stack:
        callers = await _call(stack, platform, server_vad())
        await asyncio.sleep(_SETTLED)
        cost = await _cost(platform, callers)
        grown = platform.memory() - before
    retained = size_of(_RETAINED_MS)
    return [
        *cost.rows("listening"),
        Row("memory per session", grown / SESSIONS / 1e6, "MB"),
        Row("  besides the audio it retains", (grown / SESSIONS - retained) / 1e6, "MB", 1),
    ]


async def conversing(platform: Platform) -> list[Row]:
    """Sessions with a turn every six seconds, each answered with four seconds of speech."""
    turns = [frames_of(recording.pcm) for recording in recordings() if recording.duration_ms < 4000]
    async with AsyncExitStack() as stack:
        callers = await _call(stack, platform, server_vad(silence_ms=500))

        async def talk(caller: Caller, number: int) -> None:
            await asyncio.sleep(number / SESSIONS * _TURN_SECONDS)
            while True:
                number += 1
                caller.say(turns[number % len(turns)])
                await asyncio.sleep(_TURN_SECONDS)

        talking = [asyncio.create_task(talk(caller, n)) for n, caller in enumerate(callers)]
        await asyncio.sleep(_TURN_SECONDS * 1.5)
        seen = _answers(callers)
        began = time.perf_counter()
        cost = await _cost(platform, callers)
        per_second = (_answers(callers) - seen) / (time.perf_counter() - began)
        for task in talking:
            task.cancel()
        await asyncio.wait(talking)
    return [
        *cost.rows("conversing"),
        Row("  answers per session and minute", per_second / SESSIONS * 60, ""),
    ]


def _answers(callers: Sequence[Caller]) -> int:
    return sum(event.type == "response.done" for caller in callers for event in caller.events)


async def _call(stack: AsyncExitStack, platform: Platform, session: dict[str, Any]) -> list[Caller]:
    """All microphones on, their frames evenly spread in time."""
    return [
        await stack.enter_async_context(calling(platform, session, phase=number / SESSIONS))
        for number in range(SESSIONS)
    ]


async def _cost(platform: Platform, callers: Sequence[Caller]) -> Cost:
    cost = Cost()
    for _ in range(_STRETCHES):
        frames, cpu = _frames(callers), platform.cpu_seconds()
        end = time.perf_counter() + _STRETCH
        while time.perf_counter() < end:
            cost.pings.append(await callers[len(cost.pings) % len(callers)].ping() * 1000)
            await asyncio.sleep(1 / _PINGS_PER_SECOND)
        cost.per_frame.append((platform.cpu_seconds() - cpu) / (_frames(callers) - frames) * 1e6)
    return cost


def _frames(callers: Sequence[Caller]) -> int:
    return sum(caller.frames_sent for caller in callers)
