"""Drives a session machine by hand: client events in as JSON, server events out as JSON, detectors by fiat."""

import json
import random
from collections.abc import Callable
from typing import Any

import pybase64

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.ids import Ids
from antiphon.engine.machine import Limits, SessionMachine
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.dialects.base import Dialect
from antiphon.protocol.dialects.ga import GA
from antiphon.protocol.server_events import OutputAudioDelta, RateLimit, ServerEvent
from antiphon.protocol.session import Session
from antiphon.providers.base.llm import LlmCapabilities, LlmUsage
from tests.openai_types import check_server_event

RATE_LIMITS = (RateLimit(name="requests", limit=1000, remaining=999, reset_seconds=1.0),)
WINDOW_BYTES = 768 * 2
Event = dict[str, Any]


class Machine:
    """One machine with everything it has said. `now` is in ms and moves with the audio that is appended.

    Its client speaks `dialect`, and has `check` look at every frame it gets.
    """

    def __init__(
        self,
        *,
        paced: bool = False,
        seed: int = 1,
        capabilities: Callable[[str], LlmCapabilities] = lambda name: LlmCapabilities(),
        dialect: Dialect = GA,
        check: Callable[[str], None] = check_server_event,
        fixed_voice: bool = True,
    ) -> None:
        self.dialect = dialect
        self.check = check
        self.unsent: list[ServerEvent] = []  # what `recall` can take back
        self.machine = SessionMachine(
            Session(id="sess_1", model="local/test", expires_at=3600),
            ids=Ids(random.Random(seed)),
            limits=Limits(fixed_voice=fixed_voice),
            rate_limits=lambda: RATE_LIMITS,
            paced=paced,
            recall=self._recall,
            capabilities=capabilities,
        )
        self.paced = paced
        self.now = 0.0
        self.events: list[Event] = []
        self.effects: list[fx.Effect] = []
        self.appended = bytearray()
        self._detected = bytearray()
        self._note(self.machine.start(self.now))

    # What the client does

    def client(self, kind: str, **fields: Any) -> list[Event]:
        """Sends a client event and returns the server events it caused at once."""
        return self.frame(json.dumps({"type": kind, **fields}))

    def frame(self, text: str) -> list[Event]:
        try:
            event = self.dialect.decode(text)
        except BadEvent as bad:
            return self.give(bad)
        return self.give(event)

    def append(self, pcm: bytes) -> list[Event]:
        self.appended += pcm
        self.now += len(pcm) / 48
        return self.client("input_audio_buffer.append", audio=pybase64.b64encode_as_string(pcm))

    def say(self, text: str) -> list[Event]:
        """A text message of the user."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        return self.client("conversation.item.create", item=item)

    def update(self, **session: Any) -> list[Event]:
        return self.client("session.update", session={"type": "realtime", **session})

    def manual(self) -> list[Event]:
        """Turns turn detection off."""
        return self.update(audio={"input": {"turn_detection": None}})

    # What detectors and models do

    def give(self, event: inputs.Input) -> list[Event]:
        return self._note(self.machine.handle(event, self.now))

    def hear(self, *probabilities: float) -> list[Event]:
        """Appends one VAD window of audio for each probability, and has the detector say so."""
        events = []
        for probability in probabilities:
            events += self.append(pcm(WINDOW_BYTES // 2, len(self.appended)))
            events += self.detect(probability)
        return events

    def detect(self, *probabilities: float) -> list[Event]:
        run = self.last(fx.Detect).run
        return self.give(inputs.SpeechHeard(run, probabilities))

    def speak_turn(self, windows: int = 20, silence: int = 7) -> list[Event]:
        """A turn of the user, ended by server VAD's 200 ms of silence."""
        return self.hear(*[0.9] * windows, *[0.0] * silence)

    def transcribe(self, text: str = "hello there") -> list[Event]:
        """Recognises the turn that was committed last."""
        return self.give(inputs.Transcribed(self.last(fx.Transcribe).item_id, text, 500))

    @property
    def response_id(self) -> str:
        """Of the response whose model was asked last."""
        return self.last(fx.Generate).response_id

    def model_says(self, text: str, ms: int = 400) -> list[Event]:
        """A piece of speech: its text, and that much audio."""
        events = self.give(inputs.SpeechText(self.response_id, text))
        return events + self.give(inputs.SpeechAudio(self.response_id, b"\x01\x00" * (24 * ms), 24 * ms))

    def model_writes(self, text: str) -> list[Event]:
        return self.give(inputs.TextGenerated(self.response_id, text))

    def model_ends(self, reason: Any = "end") -> list[Event]:
        return self.give(inputs.Generated(self.response_id, reason, LlmUsage(10, 5)))

    def model_calls(self, call_id: str, name: str, *arguments: str) -> list[Event]:
        events = self.give(inputs.CallStarted(self.response_id, call_id, name))
        for piece in arguments:
            events += self.give(inputs.CallArguments(self.response_id, call_id, piece))
        return events

    def model_breaks(self, kind: Any, message: str) -> list[Event]:
        return self.give(inputs.GenerationBroke(self.response_id, kind, message))

    def played(self, ms: int) -> list[Event]:
        """The line has played this much of all it was given."""
        return self.give(inputs.Played(ms * 24))

    def expire(self) -> list[Event]:
        return self.give(inputs.TimerFired("expiry"))

    # What came of it

    @property
    def farewell(self) -> tuple[int, str]:
        close = self.last(fx.Close)
        return close.code, close.reason

    @property
    def committed(self) -> bytes:
        """The audio of the turn that was committed last."""
        pcm: bytes = self.last(fx.Transcribe).pcm
        return pcm

    def last(self, kind: type[Any]) -> Any:
        return next(effect for effect in reversed(self.effects) if isinstance(effect, kind))

    def all(self, kind: type[Any]) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def _note(self, effects: list[fx.Effect]) -> list[Event]:
        events = []
        for effect in effects:
            self.effects.append(effect)
            if not isinstance(effect, fx.Send):
                continue
            if self.paced and isinstance(effect.event, OutputAudioDelta):
                continue
            for frame in self.dialect.encode(effect.event):
                self.check(frame)
                events.append(json.loads(frame))
        self.events += events
        return events

    def _recall(self, response_id: str) -> list[ServerEvent]:
        unsent, self.unsent = self.unsent, []
        return unsent


def types(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]


def pcm(samples: int, seed: int = 0) -> bytes:
    """Audio whose every sample can be told from its neighbours."""
    return b"".join(((seed // 2 + i) % 32_000).to_bytes(2, "little") for i in range(samples))
