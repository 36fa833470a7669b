"""Recognisers at work: one stream for each turn, fed while the user speaks if the recogniser hears meanwhile."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.ports import Models, UnknownModel
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.several import recognition_usages
from antiphon.providers.base.stt import FinalTranscript, PartialTranscript, SttStream, TurnSignal

log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]
Take = Callable[[inputs.Happening], None]


class Recognition:
    def __init__(self, models: Models, spawn: Spawn, take: Take) -> None:
        self._models = models
        self._spawn = spawn
        self._take = take
        self._followed: dict[str, _Turn] = {}
        self._early: dict[str, _Turn] = {}

    def follow(self, effect: fx.Follow) -> None:
        turn = self._followed.get(effect.item_id)
        if turn is None:
            turn = self._followed[effect.item_id] = _Turn()
            if stream := self._stream_to_follow(effect, turn):
                turn.stream = stream
                turn.reading = self._spawn(self._read(effect.item_id, turn, stream), "follow a turn")
        turn.push(effect.pcm)

    def stop(self, effect: fx.StopFollowing) -> None:
        self._stop_following(effect.item_id)

    def _stop_following(self, item_id: str) -> None:
        turn = self._followed.pop(item_id, None)
        if turn is not None and turn.reading is not None:
            turn.reading.cancel()

    def foresee(self, effect: fx.Foresee) -> None:
        """An early transcript, where it costs no more than a later one."""
        self.stop_foreseeing(effect.item_id)
        try:
            recogniser = self._models.speech_to_text(effect.model)
        except UnknownModel:
            return  # said when the turn is over
        if recogniser.capabilities.streaming and not recogniser.capabilities.whole:
            self._spawn(self._guess(effect.item_id), "guess the words of a turn")
            return
        turn = self._early[effect.item_id] = _Turn(is_early=True)
        turn.model = recogniser.name
        turn.stream = stream = recogniser.open(replace(effect.config, partials=False))
        turn.push(effect.pcm)
        stream.finish()
        turn.reading = self._spawn(self._read(effect.item_id, turn, stream), "transcribe a turn early")

    async def _guess(self, item_id: str) -> None:
        turn = self._followed.get(item_id)
        if turn is not None and turn.guess:
            self._take(inputs.Foreseen(item_id, turn.guess, 0, certain=False))

    def stop_foreseeing(self, item_id: str) -> None:
        turn = self._early.pop(item_id, None)
        if turn is not None and turn.reading is not None:
            turn.reading.cancel()

    def transcribe(self, effect: fx.Transcribe) -> None:
        early = self._early.pop(effect.item_id, None)
        if early is not None and early.stream is not None:
            early.is_over = True  # as it turns out
            early.is_early = False
            self._stop_following(effect.item_id)
            return
        turn = self._followed.pop(effect.item_id, None)
        if turn is not None and turn.stream is not None:
            turn.is_over = True
            turn.push(effect.pcm[turn.pushed :])
            turn.stream.finish()
        else:
            self._spawn(self._recognise(effect), "transcribe a turn")

    def _stream_to_follow(self, effect: fx.Follow, turn: "_Turn") -> SttStream | None:
        try:
            recogniser = self._models.speech_to_text(effect.model)
        except UnknownModel:
            return None  # said when the turn is over
        turn.model = recogniser.name
        return recogniser.open(effect.config) if recogniser.capabilities.streaming else None

    async def _recognise(self, effect: fx.Transcribe) -> None:
        turn = _Turn(is_over=True)
        try:
            recogniser = self._models.speech_to_text(effect.model)
        except UnknownModel as error:
            self._take(inputs.TranscriptionBroke(effect.item_id, "not_found", str(error)))
            return
        turn.model = recogniser.name
        turn.stream = stream = recogniser.open(effect.config)
        turn.push(effect.pcm)
        stream.finish()
        await self._read(effect.item_id, turn, stream)

    async def _read(self, item_id: str, turn: "_Turn", stream: SttStream) -> None:
        """Until the final transcript. What fails while the user still speaks is tried again, with all the audio,
        when the turn is over."""
        try:
            await self._events(item_id, turn, stream)
        except ProviderError as error:
            failure = inputs.TranscriptionBroke(item_id, error.kind, error.message)
        except Exception:
            log.exception("Speech recognition failed.")
            message = "Speech recognition failed; the operator's log says why."
            failure = inputs.TranscriptionBroke(item_id, "upstream", message)
        else:
            return
        finally:
            turn.stream = None
            await stream.aclose()
            for name, used in recognition_usages(turn.model, stream):
                self._take(inputs.RecognitionUsed(item_id, name, used))
        if turn.is_over:
            self._take(failure)

    async def _events(self, item_id: str, turn: "_Turn", stream: SttStream) -> None:
        async for event in stream.events():
            if isinstance(event, PartialTranscript):
                turn.guess = event.text
                self._take(inputs.PartlyTranscribed(item_id, event.text))
            elif isinstance(event, TurnSignal):
                self._take(inputs.TurnSignalled(item_id, event.sign))
            elif isinstance(event, FinalTranscript):
                if turn.is_early:
                    del self._early[item_id]
                    self._take(inputs.Foreseen(item_id, event.text, event.audio_ms, language=event.language))
                else:
                    self._take(inputs.Transcribed(item_id, event.text, event.audio_ms, event.language))
                return
        raise ProviderError("upstream", "The speech recogniser ended without a transcript.")


class _Turn:
    """A turn and the stream that recognises it; none if its recogniser does not follow, or has failed."""

    def __init__(self, *, is_over: bool = False, is_early: bool = False) -> None:
        self.stream: SttStream | None = None
        self.reading: asyncio.Task[None] | None = None
        self.model = ""
        self.guess = ""  # the latest partial
        self.pushed = 0  # bytes
        self.is_over = is_over
        self.is_early = is_early

    def push(self, pcm: bytes) -> None:
        if self.stream is not None and pcm:
            self.stream.push(pcm)
            self.pushed += len(pcm)
