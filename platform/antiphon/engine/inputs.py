"""What happens to a session besides client events: detectors, models, timers and the transport report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.items import RemoteTool, RemoteToolError
from antiphon.providers.base.errors import ErrorKind
from antiphon.providers.base.llm import Attempt, Decision, LlmUsage
from antiphon.providers.base.realtime import UpstreamUsage
from antiphon.providers.base.stt import SttUsage
from antiphon.providers.base.tts import TtsUsage


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
class Foreseen:
    """What the turn says, if it is over; not `certain` is a guess, which the final transcript may change."""

    item_id: str
    text: str
    audio_ms: int
    certain: bool = True


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
class TurnSignalled:
    """What the recogniser of a turn makes of it: it probably ended, goes on after all, or ended."""

    item_id: str
    sign: Literal["probably_ended", "resumed", "ended"]


@dataclass(frozen=True, slots=True)
class RecognitionUsed:
    """A recogniser is done with a turn, one way or another. Changes nothing; observers count it."""

    item_id: str
    model: str
    usage: SttUsage


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
class WordMarked:
    """When a word of the response's speech is heard, in milliseconds from the beginning of that speech."""

    response_id: str
    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class SpeechEven:
    """All of the response's speech is there; where in it each word is said was only guessed, so that text and time
    of the whole are best taken as proportional."""

    response_id: str


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
class Attempted:
    """A request to a language model for this response is over, one way or another."""

    response_id: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class LatencyDecided:
    """Something was done so that this response does not come too late."""

    response_id: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class SpeechUsed:
    """A voice is done with a response, one way or another. Changes nothing; observers count it."""

    response_id: str
    model: str
    usage: TtsUsage


@dataclass(frozen=True, slots=True)
class UpstreamUsed:
    """What the connection to a model that speaks itself has cost since it was last said. Changes nothing; observers
    count it."""

    model: str
    usage: UpstreamUsage


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

Used = Attempted | RecognitionUsed | SpeechUsed | UpstreamUsed

Happening = (
    AudioFrame
    | SpeechHeard
    | TurnScored
    | PartlyTranscribed
    | Foreseen
    | Transcribed
    | TranscriptionBroke
    | TurnSignalled
    | RecognitionUsed
    | ModelStarted
    | TextGenerated
    | SpeechText
    | WordMarked
    | SpeechEven
    | SpeechAudio
    | CallStarted
    | CallArguments
    | Generated
    | GenerationBroke
    | Attempted
    | LatencyDecided
    | SpeechUsed
    | UpstreamUsed
    | ToolsListed
    | ToolsNotListed
    | RemoteToolReturned
    | Played
    | TimerFired
)

Input = ClientEvent | BadEvent | Happening
