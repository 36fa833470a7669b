"""One response of a model that hears and speaks itself, as the happenings that a cascade delivers."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.cascade import Calls, Deliver, Ending, Note, announced
from antiphon.engine.deltas import Deltas
from antiphon.engine.input_buffer import SAMPLES_PER_MS
from antiphon.engine.ports import Models, UnknownModel
from antiphon.providers.base.attempts import reported
from antiphon.providers.base.llm import Attempt, TextDelta, ToolCallDelta, ToolCallStarted
from antiphon.providers.base.realtime import RealtimeRequest, SpokenText, Upstream
from antiphon.providers.base.tts import Audio

Spawn = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]

_MS_PER_CHARACTER = 65  # of speech, in alphabets ...
_MS_PER_SIGN = 200  # ... and in scripts whose characters are syllables or words, about
_SIGNS = r"\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff"
_WORD = re.compile(rf"\s*(?:[{_SIGNS}]|[^\s{_SIGNS}]+)\s*")
_SIGN = re.compile(f"[{_SIGNS}]")


async def generate(job: fx.Generate, upstream: Upstream, deliver: Deliver, note: Note) -> None:
    """Runs one response to its end; `deliver` waits while the client reads too slowly, `note` never does.

    What was used is noted however it ends. Raises ProviderError. Cancelling it cancels the answer upstream.
    """

    def report(attempt: Attempt) -> None:
        note(inputs.Attempted(job.response_id, attempt))

    prompt = replace(job.request, report=report)
    request = RealtimeRequest(prompt, job.modality, job.speech.voice, job.speech.speed, job.beside)
    answering = reported(upstream.name, upstream.respond(request), prompt)
    ending, calls = Ending(job.response_id), Calls(job.response_id)
    deltas, words = Deltas(job.response_id, job.format), _Words(job.response_id)

    async def speak(speech: Iterator[inputs.SpeechAudio]) -> None:
        for delta in speech:
            for text in words.until(delta.samples):
                await deliver(text)
            await deliver(delta)

    async with aclosing(announced(answering, job.response_id, deliver)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                await deliver(inputs.TextGenerated(job.response_id, event.text))
            elif isinstance(event, SpokenText):
                words.add(event.text)
            elif isinstance(event, Audio):
                await speak(deltas.cut(event.pcm))
            elif isinstance(event, ToolCallStarted | ToolCallDelta):
                calls.note(event)
            else:
                ending.note(event)
    await speak(deltas.rest())
    for text in words.rest():
        await deliver(text)
    await deliver(inputs.SpeechEven(job.response_id))
    await calls.deliver(deliver)
    await deliver(ending.happening())


class _Words:
    """The words of a speech, which its model writes faster than it speaks them: each is held until about the audio
    that says it. Once all is there, text and time of the whole are taken as proportional.
    """

    def __init__(self, response_id: str) -> None:
        self._response_id = response_id
        self._text = ""
        self._released = 0  # characters
        self._expected = 0.0  # how long they should take to say, in ms
        self._samples = 0

    def add(self, text: str) -> None:
        self._text += text

    def until(self, samples: int) -> Iterator[inputs.SpeechText]:
        """What to say before the next `samples` of audio."""
        self._samples += samples
        end = self._released
        while self._expected < self._samples / SAMPLES_PER_MS and (word := _WORD.match(self._text, end)):
            end = word.end()
            self._expected += sum(
                _MS_PER_SIGN if _SIGN.match(character) else _MS_PER_CHARACTER for character in word.group()
            )
        yield from self._up_to(end)

    def rest(self) -> Iterator[inputs.SpeechText]:
        """What is left to say."""
        yield from self._up_to(len(self._text))

    def _up_to(self, end: int) -> Iterator[inputs.SpeechText]:
        text = self._text[self._released : end]
        self._released = end
        if text:
            yield inputs.SpeechText(self._response_id, text)


@dataclass(eq=False, slots=True)
class _Kept:
    upstream: Upstream
    answers: int = 0  # under way
    left: bool = False


class Upstreams:
    """A session's connections to models that speak themselves: one for each, from its first use until the session
    has left it and its last answer is over. What they cost is noted after each answer, and at their end."""

    def __init__(self, models: Models, spawn: Spawn, note: Note) -> None:
        self._models = models
        self._spawn = spawn
        self._note = note
        self._kept: dict[str, _Kept] = {}
        self._closing: set[_Kept] = set()

    def hear(self, effect: fx.Hear) -> None:
        with suppress(UnknownModel):  # said when it is to answer
            self._get(effect.model).upstream.hear(effect.item_id, effect.pcm)

    def stop_hearing(self, effect: fx.StopHearing) -> None:
        if kept := self._kept.get(effect.model):
            kept.upstream.drop(effect.item_id)

    def leave(self, effect: fx.Leave) -> None:
        if kept := self._kept.get(effect.model):
            kept.left = True
            self._close_if_unused(effect.model, kept)

    @asynccontextmanager
    async def to(self, model: str) -> AsyncIterator[Upstream]:
        """For one answer. Raises UnknownModel."""
        kept = self._get(model)
        kept.answers += 1
        try:
            yield kept.upstream
        finally:
            kept.answers -= 1
            self._note_usage(kept)
            self._close_if_unused(model, kept)

    async def aclose(self) -> None:
        """Once nothing more is asked of them."""
        kept = [*self._kept.values(), *self._closing]
        await asyncio.gather(*map(self._close, kept))

    def _get(self, model: str) -> _Kept:
        kept = self._kept.get(model)
        if kept is None:
            kept = self._kept[model] = _Kept(self._models.realtime_model(model).open())
        kept.left = False
        return kept

    def _close_if_unused(self, model: str, kept: _Kept) -> None:
        if kept.left and not kept.answers:
            del self._kept[model]
            self._closing.add(kept)
            self._spawn(self._close(kept), "close an upstream")

    async def _close(self, kept: _Kept) -> None:
        try:
            await kept.upstream.aclose()
        finally:
            self._note_usage(kept)
            self._closing.discard(kept)

    def _note_usage(self, kept: _Kept) -> None:
        used = kept.upstream.take_usage()
        if used.open_ms or used.text_messages:
            self._note(inputs.UpstreamUsed(kept.upstream.name, used))
