"""What happens to a session besides client events: detectors, models, timers and the transport report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.items import RemoteTool, RemoteToolError
from antiphon.providers.base.errors import ErrorKind
from antiphon.providers.base.llm import LlmUsage


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """Audio from a transport that carries it outside of events: PCM16 mono, 24 kHz."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class SpeechHeard:
    """Speech probabilities of the next consecutive VAD windows of detector `run`."""

    run: int
    probabilities: Sequence[float]


@dataclass(frozen=True, slots=True)
class TurnScored:
    """How likely the speaker had finished when pause number `pause` began."""

    pause: int
    probability: float


@dataclass(frozen=True, slots=True)
class PartlyTranscribed:
    """What is recognised so far of a turn, spoken or just ended; replaces what came before it."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Transcribed:
    item_id: str
    text: str
    audio_ms: int


@dataclass(frozen=True, slots=True)
class TranscriptionBroke:
    item_id: str
    kind: ErrorKind
    message: str


@dataclass(frozen=True, slots=True)
class ModelStarted:
    """The first token of a response arrived. Changes nothing; observers measure with it."""

    response_id: str


@dataclass(frozen=True, slots=True)
class TextGenerated:
    response_id: str
    text: str


@dataclass(frozen=True, slots=True)
class SpeechText:
    """The audio that follows says this text."""

    response_id: str
    text: str


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """`audio` is in the response's output format; it plays as long as `samples` at 24 kHz."""

    response_id: str
    audio: bytes
    samples: int


@dataclass(frozen=True, slots=True)
class CallStarted:
    response_id: str
    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    response_id: str
    call_id: str
    arguments: str  # the next piece of the JSON text


@dataclass(frozen=True, slots=True)
class Generated:
    """A model has said all it will say."""

    response_id: str
    reason: Literal["end", "length", "tool_calls", "content_filter"]
    usage: LlmUsage | None


@dataclass(frozen=True, slots=True)
class GenerationBroke:
    response_id: str
    kind: ErrorKind
    message: str


@dataclass(frozen=True, slots=True)
class ToolsListed:
    """A server has said which tools it has."""

    item_id: str
    tools: Sequence[RemoteTool]


@dataclass(frozen=True, slots=True)
class ToolsNotListed:
    item_id: str
    error: RemoteToolError


@dataclass(frozen=True, slots=True)
class RemoteToolReturned:
    """A call of ours is over: with an output, or with an error."""

    item_id: str
    response_id: str
    output: str | None = None
    error: RemoteToolError | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """A transport that plays at real-time pace has played this much of all audio it was given, in samples."""

    samples: int


@dataclass(frozen=True, slots=True)
class TimerFired:
    name: str


Generation = (
    TextGenerated | SpeechText | SpeechAudio | CallStarted | CallArguments | Generated | GenerationBroke
)

Happening = (
    AudioFrame
    | SpeechHeard
    | TurnScored
    | PartlyTranscribed
    | Transcribed
    | TranscriptionBroke
    | ModelStarted
    | TextGenerated
    | SpeechText
    | SpeechAudio
    | CallStarted
    | CallArguments
    | Generated
    | GenerationBroke
    | ToolsListed
    | ToolsNotListed
    | RemoteToolReturned
    | Played
    | TimerFired
)

Input = ClientEvent | BadEvent | Happening
