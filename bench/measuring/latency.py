"""What the platform adds between the end of a turn and the first audio of its answer."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import soxr

from antiphon.audio.end_of_turn import SmartTurn
from antiphon.audio.pcm import size_of, to_float
from antiphon.providers.local.weights import SMART_TURN, Weights
from measuring.caller import Caller, Event, calling, frames_of, semantic_vad, server_vad
from measuring.platform import STUB_MS, Platform
from measuring.speech import recordings, room
from measuring.table import Row, median, percentile

_CALLERS = 14
_END_OF_TURN_RUNS = 20
_FIRST_TURNS = 10


async def voice_to_voice(platform: Platform) -> list[Row]:
    """Turns end by 200 ms of silence."""
    added = await _added(platform, server_vad(), silence_ms=1200)
    return [
        Row("added voice-to-voice, server VAD, p50", median(added), "ms", 30),
        Row("added voice-to-voice, server VAD, p95", percentile(added, 95), "ms", 80),
        Row("  turns", len(added), "", 50, at_least=True),
    ]


async def voice_to_voice_semantic(platform: Platform) -> list[Row]:
    """Turns end when the end-of-turn model says so, else by 2 s of silence. Nothing is begun before: what the stubs
    take would go on during that silence, and could not be told from what the platform adds."""
    added = await _added(platform, semantic_vad("high", speculate=False), silence_ms=2600)
    return [
        Row("added voice-to-voice, semantic VAD, p50", median(added), "ms", 30),
        Row("added voice-to-voice, semantic VAD, p95", percentile(added, 95), "ms", 80),
        Row("  turns", len(added), "", 50, at_least=True),
    ]


async def begun_early(platform: Platform) -> list[Row]:
    """From the end of a turn to the first audio, the stubs' work included: what beginning an answer while the turn
    is only probably over saves of it. Every other caller has it, so that both ways share the machine."""
    late, early = await asyncio.gather(
        *(
            _added(
                platform,
                semantic_vad("medium", speculate=n == 1),
                silence_ms=4600,
                callers=range(n, _CALLERS, 2),
            )
            for n in range(2)
        )
    )
    waits = {"begun at its end": late, "begun when it is probably over": early}
    rows = [
        Row(f"end of turn to first audio, {how}, p{percent}", STUB_MS + percentile(added, percent), "ms")
        for how, added in waits.items()
        for percent in (50, 95)
    ]
    sooner = median(late) - median(early)
    return [
        *rows,
        Row(f"  sooner, where the stubs take {STUB_MS:.0f} ms, p50", sooner, "ms", 0, at_least=True),
        Row("  turns, of both together", len(late) + len(early), "", 50, at_least=True),
    ]


async def first_and_tenth(platform: Platform) -> list[Row]:
    """The first turns of a platform that has just been started."""
    track = frames_of(recordings()[1].pcm + room(1500))
    async with calling(platform, server_vad(silence_ms=500)) as caller:
        for turn in range(1, _FIRST_TURNS + 1):
            caller.say(track)
            while len(list(answered(caller))) < turn:
                await asyncio.sleep(0.05)
            while not caller.silent:
                await asyncio.sleep(0.05)
        turns = [ms - STUB_MS for ms in answered(caller)]
    typical = median(turns[1:])
    return [
        Row("first turn after a start: added", turns[0], "ms"),
        Row("  turns two to ten: added, median", typical, "ms"),
        Row(
            "  first turn's whole wait against theirs", (turns[0] + STUB_MS) / (typical + STUB_MS), "x", 1.25
        ),
    ]


async def end_of_turn_model(platform: Platform) -> list[Row]:
    """Smart Turn by itself, on eight seconds of speech; it runs while the silence is still short."""
    model = SmartTurn(Weights(None, Path()).file(SMART_TURN))
    speech = to_float(b"".join(recording.pcm for recording in recordings())[: size_of(8000)])
    samples = soxr.resample(speech, 24_000, 16_000, quality="LQ")
    took = []
    for _ in range(_END_OF_TURN_RUNS):
        began = time.thread_time()
        model.score(samples)
        took.append((time.thread_time() - began) * 1000)
    return [Row("end-of-turn model by itself, CPU, median", median(took), "ms")]


async def _added(
    platform: Platform, session: Mapping[str, Any], silence_ms: int, callers: Sequence[int] = range(_CALLERS)
) -> list[float]:
    """Milliseconds, one for each turn that was answered before its speaker went on, less what the stubs take.

    Each of the callers, who began at other recordings and at other times, hears out all recordings.
    """
    tracks = [frames_of(recording.pcm + room(silence_ms)) for recording in recordings()]

    async def converse(number: int) -> list[float]:
        await asyncio.sleep(number * 0.317)
        async with calling(platform, session, phase=number / _CALLERS) as caller:
            for index in range(len(tracks)):
                caller.say(tracks[(number + index) % len(tracks)])
            while not caller.silent:
                await asyncio.sleep(0.1)
            return [ms - STUB_MS for ms in answered(caller)]

    turns = await asyncio.gather(*map(converse, callers))
    return [ms for of_caller in turns for ms in of_caller]


def answered(caller: Caller) -> Iterator[float]:
    """For each answered turn the milliseconds from its last audio's leaving to the first audio of the answer."""
    stopped: Event | None = None
    for event in caller.events:
        if event.type == "input_audio_buffer.speech_stopped":
            stopped = event
        elif event.type == "input_audio_buffer.speech_started":
            stopped = None
        elif event.type == "response.output_audio.delta" and stopped is not None:
            yield (event.at - caller.sent_at(stopped.audio_end_ms)) * 1000
            stopped = None
