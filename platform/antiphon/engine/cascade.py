"""One response as a stream: a language model's text, cut into speakable pieces, spoken while it is written.

Nothing waits for anything complete: the first piece is short and goes to the voice as soon as it exists, and
audio is delivered as it is made.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from antiphon.engine import inputs
from antiphon.engine.deltas import Deltas
from antiphon.engine.effects import Generate
from antiphon.engine.ports import Models
from antiphon.engine.speakable import Speakable
from antiphon.providers.base.attempts import answer
from antiphon.providers.base.llm import (
    Attempt,
    Decision,
    Filler,
    LlmEvent,
    LlmUsage,
    Stop,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.base.several import speech_usages
from antiphon.providers.base.tts import Audio, Spoken, TextToSpeech, TtsStream, WordMark

Deliver = Callable[[inputs.Happening], Awaitable[None]]
Note = Callable[[inputs.Happening], None]
Event = TypeVar("Event")


async def generate(job: Generate, models: Models, deliver: Deliver, note: Note) -> None:
    """Runs one response to its end; `deliver` waits while the client reads too slowly, `note` never does.

    What was used is noted however it ends. Raises ProviderError and UnknownModel. Cancelling it closes everything
    upstream at once.
    """

    def report(attempt: Attempt) -> None:
        note(inputs.Attempted(job.response_id, attempt))

    def decided(decision: Decision) -> None:
        note(inputs.LatencyDecided(job.response_id, decision))

    if job.said:
        answering = _recite(job.said)
    else:
        model = models.language_model(job.model)
        answering = answer(model, replace(job.request, report=report, decided=decided))
    async with aclosing(announced(answering, job.response_id, deliver)) as events:
        if job.modality == "text":
            end = await _write(events, job.response_id, deliver)
        else:
            voice = models.text_to_speech(job.speech_model)
            end = await _speak(events, voice, job, deliver, note)
    await deliver(end)


async def _recite(words: str) -> AsyncGenerator[LlmEvent, None]:
    yield TextDelta(words)


class Ending:
    """What a model says last."""

    def __init__(self, response_id: str) -> None:
        self._response_id = response_id
        self._usage: LlmUsage | None = None
        self._stop = Stop("end")

    def note(self, event: LlmEvent) -> None:
        if isinstance(event, LlmUsage):
            self._usage = event
        elif isinstance(event, Stop):
            self._stop = event

    def happening(self) -> inputs.Generated:
        return inputs.Generated(self._response_id, self._stop.reason, self._usage)


async def announced(
    events: AsyncGenerator[Event, None], response_id: str, deliver: Deliver
) -> AsyncGenerator[Event, None]:
    """With `ModelStarted` before the model's own first event: a filler is none."""
    first = True
    async with aclosing(events):
        async for event in events:
            if first and not isinstance(event, Filler):
                first = False
                await deliver(inputs.ModelStarted(response_id))
            yield event


class Calls:
    """Function calls, held until the model has said everything: they follow the words that were said before them,
    and a model may write several at once, which items cannot show (each closes before the next opens)."""

    def __init__(self, response_id: str) -> None:
        self._response_id = response_id
        self._calls: dict[str, list[inputs.Happening]] = {}

    def note(self, event: ToolCallStarted | ToolCallDelta) -> None:
        if isinstance(event, ToolCallStarted):
            self._calls[event.call_id] = [inputs.CallStarted(self._response_id, event.call_id, event.name)]
        else:
            self._calls[event.call_id].append(
                inputs.CallArguments(self._response_id, event.call_id, event.arguments)
            )

    async def deliver(self, deliver: Deliver) -> None:
        for call in self._calls.values():
            for happening in call:
                await deliver(happening)


async def _write(events: AsyncIterator[LlmEvent], response_id: str, deliver: Deliver) -> inputs.Generated:
    ending, calls = Ending(response_id), Calls(response_id)
    async for event in events:
        if isinstance(event, TextDelta):
            await deliver(inputs.TextGenerated(response_id, event.text))
        elif isinstance(event, ToolCallStarted | ToolCallDelta):
            calls.note(event)
        else:
            ending.note(event)
    await calls.deliver(deliver)
    return ending.happening()


async def _speak(
    events: AsyncIterator[LlmEvent], voice: TextToSpeech, job: Generate, deliver: Deliver, note: Note
) -> inputs.Generated:
    speech = voice.open(job.speech)
    ending, calls = Ending(job.response_id), Calls(job.response_id)

    async def write() -> None:
        pieces = Speakable()
        async for event in events:
            if isinstance(event, Filler):
                await speech.send(event.text)
            elif isinstance(event, TextDelta):
                for piece in pieces.push(event.text):
                    await speech.send(piece)
            elif isinstance(event, ToolCallStarted | ToolCallDelta):
                calls.note(event)
            else:
                ending.note(event)
        for piece in pieces.flush():
            await speech.send(piece)
        speech.end()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(write(), name="write for the voice")
            await _listen(speech, job, deliver)
    except ExceptionGroup as broken:  # one of the two failed, and the other was cancelled
        raise broken.exceptions[0] from None
    finally:
        await speech.aclose()
        for name, used in speech_usages(voice.name, speech):
            note(inputs.SpeechUsed(job.response_id, name, used))
    await calls.deliver(deliver)
    return ending.happening()


async def _listen(speech: TtsStream, job: Generate, deliver: Deliver) -> None:
    deltas = Deltas(job.response_id, job.format)
    async for event in speech.events():
        if isinstance(event, Spoken):
            await deliver(inputs.SpeechText(job.response_id, event.text))
        elif isinstance(event, WordMark):
            mark = inputs.WordMarked(job.response_id, event.text, event.start_ms, event.end_ms)
            await deliver(mark)
        elif isinstance(event, Audio):
            for delta in deltas.cut(event.pcm):
                await deliver(delta)
    for delta in deltas.rest():
        await deliver(delta)
