"""What the machine wants done. The session carries effects out in order and decides nothing."""

from msgspec import Struct

from antiphon.audio.formats import Format
from antiphon.protocol.items import FunctionCall
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.session import Modality
from antiphon.providers.base.llm import LlmRequest
from antiphon.providers.base.stt import SttConfig
from antiphon.providers.base.tools import ToolServer
from antiphon.providers.base.tts import TtsConfig


class Send(Struct, frozen=True):
    event: ServerEvent


class Detect(Struct, frozen=True):
    """Feed audio (PCM16, 24 kHz) to the voice activity detector of `run`; another run is a new stream."""

    run: int
    pcm: bytes


class StopDetecting(Struct, frozen=True):
    pass


class ScoreTurn(Struct, frozen=True):
    """Ask the end-of-turn model about the turn so far (PCM16, 24 kHz)."""

    pause: int
    pcm: bytes


class Follow(Struct, frozen=True):
    """The next audio of a turn that is still being spoken, for a recogniser that hears while it is spoken."""

    item_id: str
    pcm: bytes
    model: str | None
    config: SttConfig


class StopFollowing(Struct, frozen=True):
    """The turn was dropped."""

    item_id: str


class Foresee(Struct, frozen=True):
    """Recognise a turn that is probably over: all its audio so far, should no speech follow."""

    item_id: str
    pcm: bytes
    model: str | None
    config: SttConfig


class StopForeseeing(Struct, frozen=True):
    """The turn goes on, or was dropped: what was begun for its end is void."""

    item_id: str


class Transcribe(Struct, frozen=True):
    """Recognise a turn: all its audio, of which a recogniser may have followed the first part."""

    item_id: str
    pcm: bytes
    model: str | None
    config: SttConfig


class Hear(Struct, frozen=True):
    """The next audio of a turn that is still being spoken, for a model that hears."""

    model: str
    item_id: str
    pcm: bytes


class StopHearing(Struct, frozen=True):
    """The turn was dropped, or another model hears it."""

    model: str
    item_id: str


class Leave(Struct, frozen=True):
    """The session has changed its model: the connection to this one can be closed, once its answers are over."""

    model: str


class Generate(Struct, frozen=True):
    """`native`: the model speaks itself. `beside`: its conversation is not the session's. `said`: the words to say;
    no model is asked for any."""

    response_id: str
    model: str
    request: LlmRequest
    modality: Modality
    format: Format
    speech_model: str | None
    speech: TtsConfig
    native: bool = False
    beside: bool = False
    said: str = ""


class Speculate(Struct, frozen=True):
    """Begin the answer that a turn will get if it ends here and now. `job` has no response id; should the same
    be generated then, what was begun becomes that response."""

    job: Generate


class StopGenerating(Struct, frozen=True):
    response_id: str


class ListTools(Struct, frozen=True):
    """Ask a server for its tools, which go into this item."""

    item_id: str
    server: ToolServer


class CallRemoteTool(Struct, frozen=True):
    """`item_id` is the call's, `response_id` empty for a call outside of any response."""

    item_id: str
    response_id: str
    server: ToolServer
    name: str
    arguments: str


class StopRemoteTool(Struct, frozen=True):
    item_id: str


class RunFunction(Struct, frozen=True):
    """A function that the platform runs itself, called by this response."""

    call: FunctionCall
    response_id: str


class StopFunction(Struct, frozen=True):
    item_id: str


class StopPlaying(Struct, frozen=True):
    """Drop what a paced transport has not played yet."""


class Heard(Struct, frozen=True):
    """Observers are told that playing an item was cut short: how much of its audio was heard, and which words.
    Another one for the same item takes its place. Never sent to clients."""

    item_id: str
    audio_ms: int
    text: str


class SetTimer(Struct, frozen=True):
    """Replaces a timer of the same name."""

    name: str
    after_ms: float


class CancelTimer(Struct, frozen=True):
    name: str


class Close(Struct, frozen=True):
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
    | RunFunction
    | StopFunction
    | StopPlaying
    | Heard
    | SetTimer
    | CancelTimer
    | Close
)
