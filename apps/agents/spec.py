"""What an agent is: one document, which a draft holds as it is typed and a version for ever.

An empty name of a model or voice means the tenant's default. To add a setting: a field here with its default, its
limits in `checking`, what it does in `sessions`.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from django.core.exceptions import ValidationError
from msgspec import Struct

from antiphon.protocol.session import SemanticVad, ServerVad

VariableType = Literal["text", "number", "boolean"]
TurnTaking = ServerVad | SemanticVad

_PHONE_PAUSE_MS = 500  # people who think while they speak pause longer than the protocol's 200 ms


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Variable(_Part, frozen=True):
    """A `{{name}}` in the instructions or the first message, whose value the client brings."""

    name: str
    type: VariableType = "text"
    required: bool = False
    """A session without it is refused."""
    default: str = ""
    description: str = ""


class Prompt(_Part, frozen=True):
    instructions: str = ""
    variables: list[Variable] = []


class Model(_Part, frozen=True):
    name: str = ""
    """`provider/model` or `router/<name>`."""
    temperature: float | None = None
    """Of sampling; the model's own if null."""


class Voice(_Part, frozen=True):
    model: str = ""
    """The speech model, `provider/model` or `router/<name>`; a model that speaks itself needs none."""
    name: str = ""
    speed: float = 1.0


class Hearing(_Part, frozen=True):
    language: str = ""
    """ISO 639-1; detected if empty."""
    model: str = ""
    """The recogniser, `provider/model` or `router/<name>`."""
    vocabulary: str = ""
    """Words that are likely, and how they are written."""


class Limits(_Part, frozen=True):
    session_seconds: int | None = None
    """The longest session; the platform's limit if null."""
    response_tokens: int | None = None
    """The longest answer."""


class Privacy(_Part, frozen=True):
    keep_log: bool = True
    """Whether transcripts and events of its sessions are kept. When a session was and what it used is always."""
    record: bool = False
    """Whether the sound of its sessions is kept."""
    redact: list[str] = []
    """Kinds of personal data that are struck out of what is kept: `antiphon.redaction` has them."""
    log_days: int | None = None
    """How long events are kept; as long as the tenant keeps them if null. So with the other two."""
    transcript_days: int | None = None
    recording_days: int | None = None


class AfterCall(_Part, frozen=True):
    """What is made of its sessions when they are over."""

    summary: bool = True
    model: str = ""
    """Who summarises, `provider/model` or `router/<name>`; the built-in extract if empty."""
    fields: dict[str, Any] = {}
    """A JSON schema of an object: what is to be found out of each conversation."""
    transcription_model: str = ""
    """Hears recorded sessions once more, for a better transcript; not if empty."""


class AgentSpec(_Part, frozen=True):
    prompt: Prompt = Prompt()
    first_message: str = ""
    """What it says when the session opens; empty, and the user speaks first."""
    model: Model = Model()
    voice: Voice = Voice()
    hearing: Hearing = Hearing()
    turn_taking: TurnTaking | None = ServerVad(silence_duration_ms=_PHONE_PAUSE_MS)
    """As `session.audio.input.turn_detection`. Null: the client ends turns, as with push to talk."""
    tools: list[str] = []
    """Slugs of the tenant's tools."""
    limits: Limits = Limits()
    privacy: Privacy = Privacy()
    after_call: AfterCall = AfterCall()
    metadata: dict[str, str] = {}
    """For routers to decide by."""


def read_spec(document: Mapping[str, Any]) -> AgentSpec:
    """Raises ValidationError for what is no spec at all; `checking.problems` tells what one lacks."""
    if rb"\u0000" in msgspec.json.encode(document).replace(rb"\\", b""):
        raise ValidationError({"spec": ["A text has a NUL character in it: remove it."]})
    try:
        return msgspec.convert(document, AgentSpec)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        raise ValidationError({path.rstrip("`") or "spec": [f"{message}."]}) from None


def document_of(spec: AgentSpec) -> dict[str, Any]:
    """As JSON has it, with every default written out: a version means the same when defaults change."""
    document: dict[str, Any] = msgspec.to_builtins(spec)
    return document
