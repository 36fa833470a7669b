"""The session: the actor around the machine. It carries effects out, and brings back what comes of them.

The machine runs synchronously on the event loop, so every input is taken whole and in order, and nobody else ever
writes the session's state. Every task belongs to the session's task group and ends with it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass

from antiphon.engine import cascade, inputs
from antiphon.engine import effects as fx
from antiphon.engine.ids import Ids
from antiphon.engine.machine import GOING_AWAY, Limits, SessionMachine
from antiphon.engine.outbox import Outbox
from antiphon.engine.ports import (
    Disconnected,
    Ending,
    EndOfTurn,
    Models,
    Observer,
    Recalled,
    Transport,
    UnknownModel,
    VadStream,
    VoiceActivity,
)
from antiphon.protocol import server_events as ev
from antiphon.protocol.session import Session
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import FinalTranscript

log = logging.getLogger(__name__)

INTERNAL_ERROR = 1011
TOO_SLOW = 1008
_SLOWEST_READ = 30.0  # seconds in which a client must take one event
_LAST_WORDS = 5.0  # seconds for what is left to say when the session closes
_FAIR_SHARE = 64  # client events in a row before other sessions get their turn


@dataclass(frozen=True, slots=True)
class Host:
    """What a session needs of its process and its tenant."""

    models: Models
    voice_activity: VoiceActivity
    end_of_turn: EndOfTurn
    limits: Limits
    observers: Sequence[Observer] = ()


class RunningSession:
    """One client's session from `session.created` to the end of its connection."""

    def __init__(self, session: Session, transport: Transport, host: Host, ids: Ids) -> None:
        self._transport = transport
        self._host = host
        self._outbox = Outbox()
        self._machine = SessionMachine(
            session,
            ids=ids,
            limits=host.limits,
            paced=transport.paced,
            recall=self._recall,
        )
        self._loop = asyncio.get_running_loop()
        self._group = asyncio.TaskGroup()
        self._over = asyncio.Event()
        self._farewell: fx.Close | None = None
        self._gone: Disconnected | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._generations: dict[str, asyncio.Task[None]] = {}
        self._detector: tuple[int, VadStream] | None = None
        self._handlers: dict[type, Callable[..., None]] = {
            fx.Send: self._send,
            fx.Detect: self._detect,
            fx.StopDetecting: self._stop_detecting,
            fx.ScoreTurn: self._score_turn,
            fx.Transcribe: self._transcribe,
            fx.Generate: self._generate,
            fx.StopGenerating: self._stop_generating,
            fx.StopPlaying: self._stop_playing,
            fx.SetTimer: self._set_timer,
            fx.Close: self._close,
        }

    async def run(self) -> None:
        """Returns when the connection has ended and nothing of the session is left."""
        try:
            async with self._group:
                self._carry_out(self._machine.start(self._now()))
                work = [
                    self._spawn(self._read(), "read the client"),
                    self._spawn(self._write(), "write to the client"),
                ]
                await self._over.wait()
                for task in [*work, *self._generations.values()]:
                    task.cancel()
                raise _Over
        except* _Over:
            pass
        finally:
            self._stop_detecting()
            for timer in self._timers.values():
                timer.cancel()
            self._observe(self._ending())
            farewell = self._farewell or fx.Close(1000, "")
            with suppress(Disconnected):
                await self._transport.close(farewell.code, farewell.reason)

    def take(self, event: inputs.Input) -> None:
        """Gives the machine an input and carries out what it wants done."""
        if self._over.is_set():
            return
        self._observe(event)
        try:
            self._carry_out(self._machine.handle(event, self._now()))
        except Exception as error:
            self._fail(error)

    def _now(self) -> float:
        return self._loop.time() * 1000

    def _observe(self, event: object) -> None:
        now = self._now()
        for observe in self._host.observers:
            observe(event, now)

    def _recall(self, response_id: str) -> Sequence[ev.ServerEvent]:
        recalled = self._outbox.recall(response_id)
        if recalled:
            self._observe(Recalled(recalled))
        return recalled

    def _ending(self) -> Ending:
        if self._farewell is not None:
            return Ending(self._farewell.code, self._farewell.reason, by_client=False)
        if self._gone is not None:
            return Ending(self._gone.code, "", by_client=True)
        return Ending(GOING_AWAY, "", by_client=False)

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        return self._group.create_task(work, name=name)

    def _carry_out(self, effects: Sequence[fx.Effect]) -> None:
        for effect in effects:
            self._handlers[type(effect)](effect)

    def _fail(self, error: Exception) -> None:
        log.error("The session ends because of an error of ours.", exc_info=error)
        self._farewell = fx.Close(INTERNAL_ERROR, "internal error")
        self._over.set()

    # The client

    async def _read(self) -> None:
        in_a_row = 0
        try:
            while True:
                await self._outbox.room()
                self.take(await self._transport.receive())
                in_a_row += 1
                if in_a_row == _FAIR_SHARE:
                    in_a_row = 0
                    await asyncio.sleep(0)
        except Disconnected as gone:
            self._leave(gone)

    async def _write(self) -> None:
        try:
            await self._outbox.drain(self._send_one)
        except Disconnected as gone:
            self._leave(gone)
        except TimeoutError:
            self._farewell = fx.Close(TOO_SLOW, "the client reads too slowly")
            self._over.set()

    def _leave(self, gone: Disconnected) -> None:
        self._gone = self._gone or gone
        self._over.set()

    async def _send_one(self, event: ev.ServerEvent) -> None:
        async with asyncio.timeout(_SLOWEST_READ):
            await self._transport.send(event)

    def _send(self, effect: fx.Send) -> None:
        event = effect.event
        self._observe(event)
        if self._transport.paced and isinstance(event, ev.OutputAudioDelta):
            self._transport.play(event.delta)
        else:
            self._outbox.put(event)

    def _stop_playing(self, effect: fx.StopPlaying) -> None:
        self._transport.stop_playing()

    def _close(self, effect: fx.Close) -> None:
        self._farewell = effect
        self._spawn(self._say_last_words(), "say the last words")

    async def _say_last_words(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._outbox.emptied()
        self._over.set()

    # Turn taking

    def _detect(self, effect: fx.Detect) -> None:
        if self._detector is None or self._detector[0] != effect.run:
            self._stop_detecting()
            run = effect.run

            def heard(probabilities: Sequence[float]) -> None:
                self.take(inputs.SpeechHeard(run, probabilities))

            stream = self._host.voice_activity.open(heard, self._fail)
            self._detector = (run, stream)
        self._detector[1].push(effect.pcm)

    def _stop_detecting(self, effect: fx.StopDetecting | None = None) -> None:
        if self._detector is not None:
            self._detector[1].close()
            self._detector = None

    def _score_turn(self, effect: fx.ScoreTurn) -> None:
        self._spawn(self._score(effect), "score the end of the turn")

    async def _score(self, effect: fx.ScoreTurn) -> None:
        try:
            probability = await self._host.end_of_turn.score(effect.pcm)
        except Exception:
            log.exception("The end-of-turn model failed; the turn ends by its longest wait.")
            return
        self.take(inputs.TurnScored(effect.pause, probability))

    # Models

    def _transcribe(self, effect: fx.Transcribe) -> None:
        self._spawn(self._recognise(effect), "transcribe a turn")

    async def _recognise(self, effect: fx.Transcribe) -> None:
        try:
            self.take(await self._final_transcript(effect))
        except ProviderError as error:
            self.take(inputs.TranscriptionBroke(effect.item_id, error.kind, error.message))
        except UnknownModel as error:
            self.take(inputs.TranscriptionBroke(effect.item_id, "not_found", str(error)))
        except Exception:
            log.exception("Speech recognition failed.")
            message = "Speech recognition failed; the operator's log says why."
            self.take(inputs.TranscriptionBroke(effect.item_id, "upstream", message))

    async def _final_transcript(self, effect: fx.Transcribe) -> inputs.Transcribed:
        stream = self._host.models.speech_to_text(effect.model).open(effect.config)
        try:
            stream.push(effect.pcm)
            stream.finish()
            async for event in stream.events():
                if isinstance(event, FinalTranscript):
                    return inputs.Transcribed(effect.item_id, event.text, event.audio_ms)
        finally:
            await stream.aclose()
        raise ProviderError("upstream", "The speech recogniser ended without a transcript.")

    def _generate(self, effect: fx.Generate) -> None:
        task = self._spawn(self._respond(effect), "generate a response")
        self._generations[effect.response_id] = task
        task.add_done_callback(lambda _: self._generations.pop(effect.response_id, None))

    async def _respond(self, effect: fx.Generate) -> None:
        try:
            await cascade.generate(effect, self._host.models, self._deliver)
        except ProviderError as error:
            self.take(inputs.GenerationBroke(effect.response_id, error.kind, error.message))
        except UnknownModel as error:
            self.take(inputs.GenerationBroke(effect.response_id, "not_found", str(error)))
        except Exception:
            log.exception("A response failed.")
            message = "The response failed; the operator's log says why."
            self.take(inputs.GenerationBroke(effect.response_id, "upstream", message))

    async def _deliver(self, happening: inputs.Happening) -> None:
        await self._outbox.room()
        self.take(happening)

    def _stop_generating(self, effect: fx.StopGenerating) -> None:
        if task := self._generations.get(effect.response_id):
            task.cancel()

    # Time

    def _set_timer(self, effect: fx.SetTimer) -> None:
        if timer := self._timers.pop(effect.name, None):
            timer.cancel()
        self._timers[effect.name] = self._loop.call_later(effect.after_ms / 1000, self._fire, effect.name)

    def _fire(self, name: str) -> None:
        self._timers.pop(name, None)
        self.take(inputs.TimerFired(name))


class _Over(Exception):
    """Ends the task group, and with it whatever still runs in it."""
