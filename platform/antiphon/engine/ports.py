"""What the host must provide to a session. The engine knows these shapes and nobody behind them.

Audio is PCM16 mono at 24 kHz.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from antiphon.engine.inputs import AudioFrame, Played
from antiphon.metering.records import UsageRecord
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.server_events import RateLimit, ServerEvent
from antiphon.providers.base.llm import LanguageModel, LlmCapabilities
from antiphon.providers.base.realtime import RealtimeModel
from antiphon.providers.base.stt import SpeechToText
from antiphon.providers.base.tts import TextToSpeech

VAD_WINDOW = 768  # samples: 32 ms


class VadStream(Protocol):
    """Voice activity of one session."""

    def push(self, pcm: bytes) -> None:
        """Never blocks; results come later, in order, on the event loop."""

    def close(self) -> None:
        """No result is delivered after this."""


class VoiceActivity(Protocol):
    def open(
        self, on_result: Callable[[Sequence[float]], None], on_error: Callable[[Exception], None]
    ) -> VadStream:
        """`on_result` gets the speech probabilities of the next consecutive windows of VAD_WINDOW samples.

        `on_error` is called at most once; no result follows it.
        """


class EndOfTurn(Protocol):
    async def score(self, pcm: bytes) -> float:
        """Probability that the speaker has finished, from up to the last 8 s."""


class UnknownModel(Exception):
    """No such model; the message says what to do about it."""


class Models(Protocol):
    """Finds models by the names that sessions use."""

    def capabilities(self, name: str) -> LlmCapabilities:
        """Of a language model; RealtimeCapabilities, if it hears and speaks itself. Raises UnknownModel."""

    def language_model(self, name: str) -> LanguageModel:
        """Raises UnknownModel."""

    def realtime_model(self, name: str) -> RealtimeModel:
        """Raises UnknownModel."""

    def speech_to_text(self, name: str | None) -> SpeechToText:
        """An unknown or absent name is the tenant's default."""

    def text_to_speech(self, name: str | None) -> TextToSpeech:
        """An unknown or absent name is the tenant's default."""


class Disconnected(Exception):
    """The client is gone. `code` is the WebSocket close code that it left with; 1006 is without a word."""

    def __init__(self, code: int = 1006) -> None:
        super().__init__(f"The client is gone (close code {code}).")
        self.code = code

    @property
    def lost(self) -> bool:
        """The client may come back: its connection broke, or its page was left (1001), perhaps for a reload."""
        return self.code in (1001, 1006)


Incoming = ClientEvent | BadEvent | AudioFrame | Played


class Transport(Protocol):
    """How a client is reached. Its connection alone calls it: one `receive` and one `send` at a time."""

    @property
    def paced(self) -> bool:
        """The transport plays audio at real-time pace and reports it (a phone line, WebRTC); audio then comes
        through `play`. Elsewhere it leaves as events, as fast as the client reads."""

    async def receive(self) -> Incoming:
        """Raises Disconnected."""

    async def send(self, event: ServerEvent) -> None:
        """Waits while the client reads too slowly. Raises Disconnected; `receive` then knows how it left."""

    def play(self, pcm: bytes) -> None:
        """Only when paced: plays after all that was given before."""

    def stop_playing(self) -> None:
        """Only when paced: drops what has not been played."""

    async def close(self, code: int, reason: str) -> None:
        """Ends the connection; `code` is a WebSocket close code."""


class EventAllowance(Protocol):
    """How many client events may come in. Each is counted before it is taken in: `take` for all of them, and only
    where that says no, `ask` or `wait`."""

    def take(self) -> bool:
        """Counts one event, if it is known by now that it is allowed."""

    async def ask(self) -> bool:
        """Finds out whether one more event is within the limit, and counts it then."""

    async def wait(self) -> None:
        """Counts one event as soon as that is within the limit."""

    def told(self) -> Sequence[RateLimit]:
        """What `rate_limits.updated` tells; empty, and it is not sent."""


class Unlimited:
    """An EventAllowance without end."""

    def take(self) -> bool:
        return True

    async def ask(self) -> bool:
        return True

    async def wait(self) -> None:
        return

    def told(self) -> Sequence[RateLimit]:
        return ()


@dataclass(frozen=True, slots=True)
class Recalled:
    """These server events, newest first, were taken back before they left: no client sees them."""

    events: Sequence[ServerEvent]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended: the close code and reason of its connection, and which side closed it."""

    code: int
    reason: str
    by_client: bool


Observer = Callable[[object, float], None]
"""Sees each input, each server event and what of them was Recalled, and last the Ending, with the time in ms; it
cannot change the flow."""


class Meter(Protocol):
    """Knows what a session has used. Whatever it gives is recorded for good: clients can be told of it. It is also
    one of the session's observers."""

    def of_response(self, response_id: str) -> Sequence[UsageRecord]:
        """What was recorded of a response from its beginning to now, when it is done. What comes later is news."""

    def news(self) -> Sequence[UsageRecord]:
        """What was recorded since the last call and belongs to no response that is being made."""

    def over(self, now: float) -> None:
        """The session ends: what was not given yet is news. `now` is in ms on the session's clock."""

    async def settle(self) -> None:
        """Returns when all that was recorded is durable."""


class NoMeter:
    """For a host that counts nothing."""

    def of_response(self, response_id: str) -> Sequence[UsageRecord]:
        return ()

    def news(self) -> Sequence[UsageRecord]:
        return ()

    def over(self, now: float) -> None:
        pass

    async def settle(self) -> None:
        pass
