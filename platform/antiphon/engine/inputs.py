"""What happens to a session besides client events: detectors, models, timers and the transport report."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.errors import ErrorBody
from antiphon.protocol.items import RemoteTool, RemoteToolError
from antiphon.providers.base.errors import ErrorKind
from antiphon.providers.base.llm import Attempt, Decision, LlmUsage
from antiphon.providers.base.realtime import UpstreamUsage
from antiphon.providers.base.stt import SttUsage
from antiphon.providers.base.tts import TtsUsage


class AudioFrame(Struct, frozen=True):
    """Audio from a transport that carries it outside of events: PCM16 mono, 24 kHz."""

    pcm: bytes


class SpeechHeard(Struct, frozen=True):
    """Speech probabilities of the next consecutive VAD windows of detector `run`."""

    run: int
    probabilities: Sequence[float]


class TurnScored(Struct, frozen=True):
    """How likely the speaker had finished when pause number `pause` began."""

    pause: int
    probability: float


class PartlyTranscribed(Struct, frozen=True):
    """What is recognised so far of a turn, spoken or just ended; replaces what came before it."""

    item_id: str
    text: str


class Foreseen(Struct, frozen=True):
    """What the turn says, if it is over; not `certain` is a guess, which the final transcript may change."""

    item_id: str
    text: str
    audio_ms: int
    certain: bool = True
    language: str | None = None


class Transcribed(Struct, frozen=True, omit_defaults=True):
    """`language` is what the recogniser took it for (ISO 639-1), if it says so."""

    item_id: str
    text: str
    audio_ms: int
    language: str | None = None


class TranscriptionBroke(Struct, frozen=True):
    item_id: str
    kind: ErrorKind
    message: str


class TurnSignalled(Struct, frozen=True):
    """What the recogniser of a turn makes of it: it probably ended, goes on after all, or ended."""

    item_id: str
    sign: Literal["probably_ended", "resumed", "ended"]


class RecognitionUsed(Struct, frozen=True):
    """A recogniser is done with a turn, one way or another. Changes nothing; observers count it."""

    item_id: str
    model: str
    usage: SttUsage


class ModelStarted(Struct, frozen=True):
    """The first token of a response arrived. Changes nothing; observers measure with it."""

    response_id: str


class TextGenerated(Struct, frozen=True):
    response_id: str
    text: str


class SpeechText(Struct, frozen=True):
    """The audio that follows says this text."""

    response_id: str
    text: str


class WordMarked(Struct, frozen=True):
    """When a word of the response's speech is heard, in milliseconds from the beginning of that speech."""

    response_id: str
    text: str
    start_ms: float
    end_ms: float


class SpeechEven(Struct, frozen=True):
    """All of the response's speech is there; where in it each word is said was only guessed, so that text and time
    of the whole are best taken as proportional."""

    response_id: str


class SpeechAudio(Struct, frozen=True):
    """`audio` is in the response's output format; it plays as long as `samples` at 24 kHz."""

    response_id: str
    audio: bytes
    samples: int


class CallStarted(Struct, frozen=True):
    response_id: str
    call_id: str
    name: str


class CallArguments(Struct, frozen=True):
    response_id: str
    call_id: str
    arguments: str  # the next piece of the JSON text


class Generated(Struct, frozen=True):
    """A model has said all it will say."""

    response_id: str
    reason: Literal["end", "length", "tool_calls", "content_filter"]
    usage: LlmUsage | None


class GenerationBroke(Struct, frozen=True):
    response_id: str
    kind: ErrorKind
    message: str


class Attempted(Struct, frozen=True):
    """A request to a language model for this response is over, one way or another."""

    response_id: str
    attempt: Attempt


class LatencyDecided(Struct, frozen=True):
    """Something was done so that this response does not come too late."""

    response_id: str
    decision: Decision


class SpeechUsed(Struct, frozen=True):
    """A voice is done with a response, one way or another. Changes nothing; observers count it."""

    response_id: str
    model: str
    usage: TtsUsage


class UpstreamUsed(Struct, frozen=True):
    """What the connection to a model that speaks itself has cost since it was last said. Changes nothing; observers
    count it."""

    model: str
    usage: UpstreamUsage


class ToolsListed(Struct, frozen=True):
    """A server has said which tools it has."""

    item_id: str
    tools: Sequence[RemoteTool]


class ToolsNotListed(Struct, frozen=True):
    item_id: str
    error: RemoteToolError


class RemoteToolReturned(Struct, frozen=True):
    """A call of ours is over: with an output, or with an error."""

    item_id: str
    response_id: str
    output: str | None = None
    error: RemoteToolError | None = None


class FunctionStarted(Struct, frozen=True):
    """A function that the platform runs itself is at work. Changes nothing; observers note it."""

    item_id: str
    response_id: str
    call_id: str
    name: str


FunctionOutcome = Literal["completed", "failed", "cancelled"]


class FunctionEnded(Struct, frozen=True):
    """How that went. Changes nothing; observers note it."""

    item_id: str
    response_id: str
    call_id: str
    name: str
    outcome: FunctionOutcome
    duration_ms: int
    error: RemoteToolError | None = None


class RemoteToolUsed(Struct, frozen=True):
    """A call of ours to a tool server is over, one way or another. Changes nothing; observers count it."""

    item_id: str
    response_id: str
    outcome: FunctionOutcome
    duration_ms: int


class FunctionReturned(Struct, frozen=True):
    """What the model is told of it."""

    item_id: str
    output: str


class Played(Struct, frozen=True):
    """A transport that plays at real-time pace has played this much of all audio it was given, in samples."""

    samples: int


class TimerFired(Struct, frozen=True):
    name: str


class WindUp(Struct, frozen=True):
    """The host ends the session, politely: see `engine.winding_up`."""

    error: ErrorBody  # why
    goodbye: str  # what the assistant says last; empty, and it says nothing
    code: int  # with which the connection closes
    reason: str
    patience_ms: float


Generation = (
    TextGenerated | SpeechText | SpeechAudio | CallStarted | CallArguments | Generated | GenerationBroke
)

Used = Attempted | RecognitionUsed | SpeechUsed | UpstreamUsed | RemoteToolUsed

LeftToTell = Used | FunctionEnded
"""What observers are told even of what the end of the session cut short."""

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
    | RemoteToolUsed
    | FunctionStarted
    | FunctionEnded
    | FunctionReturned
    | Played
    | TimerFired
    | WindUp
)

Input = ClientEvent | BadEvent | Happening
