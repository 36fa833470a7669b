"""A model that hears and speaks itself, and follows a script."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence

from antiphon.audio.pcm import size_of
from antiphon.providers.base.duplex import Meter
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import LlmUsage, Stop, ToolCall
from antiphon.providers.base.realtime import (
    RealtimeCapabilities,
    RealtimeEvent,
    RealtimeRequest,
    SpokenText,
    UpstreamUsage,
)
from antiphon.providers.base.tts import Audio
from antiphon.providers.scripted.llm import call_tools, say
from antiphon.providers.scripted.record import Call, pause, record
from antiphon.providers.scripted.tts import pcm_of

Step = tuple[float, RealtimeEvent | ProviderError]
"""Seconds to wait (`math.inf`: for ever), and what happens then."""

Answer = Sequence[Step] | Callable[[RealtimeRequest], Sequence[Step]]


def speak(
    text: str, *, first: float = 0.0, pace: float = 0.0, ahead: int = 3, ms_per_character: int = 50
) -> list[Step]:
    """A whole spoken answer: `first` seconds until it begins, `pace` seconds to make a second of speech.

    Its words come `ahead` words before the audio that says them. Every sample of that is the code point of the
    character being spoken, as a ScriptedTts speaks.
    """
    words = re.findall(r"\S+\s*|\s+", text)
    steps: list[Step] = [(first if i == 0 else 0.0, SpokenText(word)) for i, word in enumerate(words[:ahead])]
    for i, word in enumerate(words):
        pcm = pcm_of(word, ms_per_character)
        steps.append((pace * len(pcm) / size_of(1000), Audio(pcm)))
        steps += [(0.0, SpokenText(later)) for later in words[i + ahead : i + ahead + 1]]
    usage = LlmUsage(
        input_tokens=30,
        output_tokens=3 * len(words),
        input_audio_tokens=20,
        output_audio_tokens=2 * len(words),
    )
    return [*steps, (0.0, usage), (0.0, Stop("end"))]


def write(text: str) -> list[Step]:
    """A whole answer in text."""
    return [*say(text)]


def call(*calls: ToolCall) -> list[Step]:
    """A whole answer that calls tools."""
    return [*call_tools(*calls)]


class ScriptedRealtime:
    """Gives its answers in turn, the last one for ever, over all its upstreams. A ProviderError in one is raised.

    `calls` are all requests, `upstreams` all that were opened.
    """

    def __init__(
        self,
        *answers: Answer,
        name: str = "scripted/native",
        capabilities: RealtimeCapabilities = RealtimeCapabilities(images=True, speed=True),  # noqa: B008
    ) -> None:
        if not answers:
            raise ValueError("ScriptedRealtime needs at least one answer, for example speak('Hello.').")
        self.name = name
        self.capabilities = capabilities
        self.answers = list(answers)
        self.calls: list[Call[RealtimeRequest]] = []
        self.upstreams: list[ScriptedUpstream] = []

    def open(self) -> "ScriptedUpstream":
        upstream = ScriptedUpstream(self)
        self.upstreams.append(upstream)
        return upstream


class ScriptedUpstream:
    """`heard` is the audio of each turn that was heard while it was spoken, `dropped` what came to nothing."""

    def __init__(self, model: ScriptedRealtime) -> None:
        self.name = model.name
        self.heard: dict[str, bytes] = {}
        self.dropped: list[str] = []
        self.closed = False
        self._model = model
        self._meter = Meter()
        self._meter.connected(1)

    def hear(self, item_id: str, pcm: bytes) -> None:
        self.heard[item_id] = self.heard.get(item_id, b"") + pcm

    def drop(self, item_id: str) -> None:
        self.dropped.append(item_id)

    async def respond(self, request: RealtimeRequest) -> AsyncGenerator[RealtimeEvent, None]:
        model = self._model
        answer = model.answers[min(len(model.calls), len(model.answers) - 1)]
        steps = answer if isinstance(answer, Sequence) else answer(request)
        started = False
        with record(model.calls, request):
            for seconds, event in steps:
                await pause(seconds)
                if isinstance(event, ProviderError):
                    raise ProviderError(event.kind, event.message, started=started)
                started = True
                yield event

    def take_usage(self) -> UpstreamUsage:
        return self._meter.take()

    async def aclose(self) -> None:
        if not self.closed:
            self._meter.connected(-1)
        self.closed = True
