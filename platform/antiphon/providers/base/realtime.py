"""Speech to speech models: they hear the user and speak themselves, over one connection for a whole session.

The session owns the conversation and decides about turns. Before each answer the model is told what it does not
know yet of the conversation, and what of it is no longer so; each message carries the id of its item for that.
Audio is PCM16 mono at 24 kHz, little endian, whatever the vendor wants.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from antiphon.providers.base.llm import LlmCapabilities, LlmEvent, LlmRequest
from antiphon.providers.base.tts import Audio


@dataclass(frozen=True, slots=True)
class RealtimeCapabilities(LlmCapabilities):
    """What the model's protocol can express. A client that asks for more gets `unsupported_by_model`."""

    text_out: bool = True  # answers without speech
    out_of_band: bool = True  # answers beside the conversation, with input of their own
    per_response: bool = True  # instructions and tools for one answer alone
    forget: bool = True  # items can be deleted, and speech cut to what was heard
    tool_choice: bool = True  # a tool can be forced, or all of them forbidden
    speed: bool = False
    voices: tuple[str, ...] = ()  # the first is the default; empty: any name is passed on

    def voice(self, name: str) -> str:
        """The voice that a session gets which asks for this one."""
        return name if name in self.voices or not self.voices else self.voices[0]


@dataclass(frozen=True, slots=True)
class SpokenText:
    """Words of the answer, as the model writes them along with its speech, not aligned to it."""

    text: str


RealtimeEvent = LlmEvent | SpokenText | Audio


@dataclass(frozen=True, slots=True)
class RealtimeRequest:
    """One answer. `prompt.messages` is all that the model shall know, the newest last."""

    prompt: LlmRequest
    modality: Literal["text", "audio"]
    voice: str
    speed: float = 1.0
    beside: bool = False  # out of band: the conversation does not learn of it


@dataclass(frozen=True, slots=True)
class UpstreamUsage:
    """What connections cost besides what they are used for: vendors bill answers by tokens, or these."""

    open_ms: int = 0  # of all together
    text_messages: int = 0  # that the model was told


class Upstream(Protocol):
    """A connection to the model. One answer at a time, but those `beside` the conversation may overlap others."""

    @property
    def name(self) -> str:
        """Of the model."""

    def hear(self, item_id: str, pcm: bytes) -> None:
        """The next audio of the turn that the user is speaking, ahead of the request that answers it. Never blocks;
        what was heard of a turn need not be sent again with its message."""

    def drop(self, item_id: str) -> None:
        """The turn came to nothing."""

    def respond(self, request: RealtimeRequest) -> AsyncGenerator[RealtimeEvent, None]:
        """Streams the answer; ends with `LlmUsage` and `Stop` (usage first).

        Closing the iterator or cancelling its task cancels the answer upstream. Raises ProviderError; a connection
        that broke is replaced by the next request, which then tells the model everything again.
        """

    def take_usage(self) -> UpstreamUsage:
        """What was used since this was last asked."""

    async def aclose(self) -> None:
        """Releases the connection. May be called twice."""


class RealtimeModel(Protocol):
    """A model bound to its provider, endpoint and key."""

    @property
    def name(self) -> str:
        """`provider/model`, as sessions name it."""

    @property
    def capabilities(self) -> RealtimeCapabilities: ...

    def open(self) -> Upstream:
        """An upstream for one session; connects when it is first used."""
