"""What the machine wants done. The session carries effects out in order and decides nothing."""

from dataclasses import dataclass

from antiphon.audio.formats import Format
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.session import Modality
from antiphon.providers.base.llm import LlmRequest
from antiphon.providers.base.stt import SttConfig
from antiphon.providers.base.tools import ToolServer
from antiphon.providers.base.tts import TtsConfig


@dataclass(frozen=True, slots=True)
class Send:
    event: ServerEvent


@dataclass(frozen=True, slots=True)
class Detect:
    """Feed audio (PCM16, 24 kHz) to the voice activity detector of `run`; another run is a new stream."""

    run: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class StopDetecting:
    pass


@dataclass(frozen=True, slots=True)
class ScoreTurn:
    """Ask the end-of-turn model about the turn so far (PCM16, 24 kHz)."""

    pause: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Follow:
    """The next audio of a turn that is still being spoken, for a recogniser that hears while it is spoken."""

    item_id: str
    pcm: bytes
    model: str | None
    config: SttConfig


@dataclass(frozen=True, slots=True)
class StopFollowing:
    """The turn was dropped."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Foresee:
    """Recognise a turn that is probably over: all its audio so far, should no speech follow."""

    item_id: str
    pcm: bytes
    model: str | None
    config: SttConfig


@dataclass(frozen=True, slots=True)
class StopForeseeing:
    """The turn goes on, or was dropped: what was begun for its end is void."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Recognise a turn: all its audio, of which a recogniser may have followed the first part."""

    item_id: str
    pcm: bytes
    model: str | None
    config: SttConfig


@dataclass(frozen=True, slots=True)
class Hear:
    """The next audio of a turn that is still being spoken, for a model that hears."""

    model: str
    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class StopHearing:
    """The turn was dropped, or another model hears it."""

    model: str
    item_id: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The session has changed its model: the connection to this one can be closed, once its answers are over."""

    model: str


@dataclass(frozen=True, slots=True)
class Generate:
    """`native`: the model speaks itself. `beside`: its conversation is not the session's."""

    response_id: str
    model: str
    request: LlmRequest
    modality: Modality
    format: Format
    speech_model: str | None
    speech: TtsConfig
    native: bool = False
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Speculate:
    """Begin the answer that a turn will get if it ends here and now. `job` has no response id; should the same
    be generated then, what was begun becomes that response."""

    job: Generate


@dataclass(frozen=True, slots=True)
class StopGenerating:
    response_id: str


@dataclass(frozen=True, slots=True)
class ListTools:
    """Ask a server for its tools, which go into this item."""

    item_id: str
    server: ToolServer


@dataclass(frozen=True, slots=True)
class CallRemoteTool:
    """`item_id` is the call's, `response_id` empty for a call outside of any response."""

    item_id: str
    response_id: str
    server: ToolServer
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class StopRemoteTool:
    item_id: str


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Drop what a paced transport has not played yet."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Replaces a timer of the same name."""

    name: str
    after_ms: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    name: str


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection once everything sent so far has left."""

    code: int
    reason: str


Effect = (
    Send
    | Detect
    | StopDetecting
    | ScoreTurn
    | Follow
    | StopFollowing
    | Foresee
    | StopForeseeing
    | Transcribe
    | Hear
    | StopHearing
    | Leave
    | Generate
    | Speculate
    | StopGenerating
    | ListTools
    | CallRemoteTool
    | StopRemoteTool
    | StopPlaying
    | SetTimer
    | CancelTimer
    | Close
)
