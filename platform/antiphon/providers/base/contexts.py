"""The speech of one response at a vendor that takes text and gives audio over a WebSocket.

The connection is looked for, or opened, as soon as the response is: while the model thinks about its first words.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol

from antiphon.audio.pcm import duration_ms, size_of
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.failures import error_from_event
from antiphon.providers.base.http import Wire
from antiphon.providers.base.lines import (
    Address,
    Characters,
    Finished,
    FlushDone,
    Message,
    Refused,
    Said,
    Switchboard,
    Words,
)
from antiphon.providers.base.narration import Narration
from antiphon.providers.base.tts import Audio, TtsConfig, TtsEvent, TtsStream, TtsUsage

SILENCE = 10.0  # seconds that a vendor may take for the next audio that it owes
UNDELIVERED = size_of(30_000)  # bytes of audio that may wait before no more text is taken


@dataclass(frozen=True, slots=True)
class Telling:
    """Messages to a vendor. `flushes`: it will say when it has spoken all up to here."""

    messages: tuple[Message, ...]
    flushes: bool = False


class Utterance(Protocol):
    """One response in a vendor's words."""

    @property
    def context(self) -> str:
        """The id that the vendor's messages about it carry."""

    def say(self, text: str) -> Telling:
        """Something speakable, to be spoken at once."""

    def end(self) -> Telling:
        """No more text comes. Only after `say`."""

    def cancel(self) -> Message | None:
        """Nobody listens any more. None: closing the connection says it. Only after `say`."""


class _Response:
    """A `TtsStream`."""

    def __init__(
        self, switchboard: Switchboard, address: Address, utterance: Utterance, narration: Narration
    ) -> None:
        self.address = address
        self.context = utterance.context
        self._switchboard = switchboard
        self._utterance = utterance
        self._narration = narration
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()  # None: no more
        self._events: asyncio.Queue[TtsEvent | ProviderError | None] = asyncio.Queue()
        self._undelivered = 0  # bytes of audio
        self._room = asyncio.Event()
        self._room.set()
        self._told = False  # or about to be
        self._characters = 0  # that the vendor was given
        self._ended = False  # the vendor knows that no more text comes
        self._over = False  # the vendor is done, or failed
        self._closed = False  # nobody listens
        self._alarm: asyncio.TimerHandle | None = None
        self._line = switchboard.join(self)
        self._speaking = asyncio.create_task(self._speak(), name="text for a voice")

    @property
    def usage(self) -> TtsUsage:
        return TtsUsage(self._characters, duration_ms(self._narration.made))

    async def send(self, piece: str) -> None:
        """Waits while much audio is undelivered. Does nothing after an error or `aclose`."""
        await self._room.wait()
        self._texts.put_nowait(piece)

    def end(self) -> None:
        self._texts.put_nowait(None)

    async def events(self) -> AsyncIterator[TtsEvent]:
        """Ends without usage when the stream is closed meanwhile."""
        while not self._closed:
            event = await self._events.get()
            if self._closed or event is None:
                return
            if isinstance(event, ProviderError):
                raise event
            if isinstance(event, Audio):
                self._undelivered -= len(event.pcm)
                if self._undelivered < UNDELIVERED:
                    self._room.set()
            yield event

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._stop(None)
        self._speaking.cancel()
        await self._line.cancel(self.context, self._utterance.cancel() if self._characters else None)
        await asyncio.gather(self._speaking, return_exceptions=True)

    def hear(self, said: Said) -> None:
        """From the vendor, about this response."""
        if self._over:
            return
        match said:
            case bytes():
                self._silence_alarm()
                if self._ended:
                    self._set_alarm()
                self._deliver(self._narration.hear(said))
            case Words(words, origin):
                self._deliver(self._narration.words(words, origin))
            case Characters(characters, origin):
                self._deliver(self._narration.characters(characters, origin))
            case FlushDone():
                self._narration.flush_done()
                self._finish_if_flushed()
            case Finished():
                self._line.release(self.context)
                if self._ended:
                    self._finish()
                else:
                    message = f"{self.address.endpoint.host} stopped speaking before the text was over."
                    self.fail(ProviderError("upstream", message))
            case Refused(error):
                self._line.release(self.context)
                self.fail(error_from_event(self.address.endpoint, error, started=False))

    def fail(self, error: ProviderError) -> None:
        """Does nothing before there is anything to say: the first text tries another connection."""
        if self._told and not self._over:
            started = self._narration.made > 0
            self._stop(
                ProviderError(error.kind, error.message, started=started, retry_after=error.retry_after)
            )

    async def _speak(self) -> None:
        """Passes the text on, in pieces that have something to speak in them."""
        unsaid = ""
        try:
            while (piece := await self._texts.get()) is not None:
                self._narration.add(piece)
                unsaid += piece
                if any(map(str.isalnum, unsaid)):
                    if not self._told and self._line.ended:
                        self._line = self._switchboard.join(self)
                    self._told = True
                    await self._tell(self._utterance.say(unsaid))
                    self._characters += len(unsaid)
                    unsaid = ""
            if self._told:
                self._ended = True
                await self._tell(self._utterance.end())
                self._finish_if_flushed()
            else:
                self._finish()
        except ProviderError as error:
            self.fail(error)

    async def _tell(self, telling: Telling) -> None:
        if self._over:
            return
        if telling.flushes:
            self._narration.flushed()
        self._set_alarm()
        await self._line.send(telling.messages)

    def _deliver(self, events: Iterable[TtsEvent]) -> None:
        for event in events:
            if isinstance(event, Audio):
                self._undelivered += len(event.pcm)
            self._events.put_nowait(event)
        if self._undelivered >= UNDELIVERED:
            self._room.clear()

    def _finish_if_flushed(self) -> None:
        ends = self.address.flush_ends and self._narration.all_flushes_done
        if ends and self._ended and not self._over:
            self._finish()

    def _finish(self) -> None:
        self._deliver(self._narration.finish())
        self._events.put_nowait(self.usage)
        self._stop(None)
        self._line.release(self.context)

    def _stop(self, last: ProviderError | None) -> None:
        self._over = True
        self._events.put_nowait(last)
        self._room.set()
        self._silence_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(SILENCE, self._be_alarmed)

    def _silence_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _be_alarmed(self) -> None:
        self.fail(ProviderError("timeout", f"{self.address.endpoint.host} did not speak in time."))


def chosen_speed(config: TtsConfig, slowest: float, fastest: float) -> float | None:
    """What a vendor with this range is told; None: nothing, for it is the usual speed."""
    speed = min(max(config.speed, slowest), fastest)
    return None if speed == 1.0 else speed


def speak(wire: Wire, address: Address, utterance: Utterance, speed: float | None = None) -> TtsStream:
    """A response of this vendor, which was told this speed."""
    switchboard = wire.shared(address.endpoint, Switchboard)
    return _Response(switchboard, address, utterance, Narration(speed or 1.0))
