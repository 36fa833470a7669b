"""`session.providerData`: what Inworld added to the protocol, and our own additions under `antiphon`.

Objects merge into objects with each update, null clears, unknown keys are kept. The names, types and defaults are
those of protocol reference 9; where that gives no range, the ranges here are what the features can use.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from antiphon.protocol import errors
from antiphon.protocol.mismatch import explain_mismatch

Share = Annotated[float, Meta(ge=0, le=1)]
Temperature = Annotated[float, Meta(ge=0, le=2)]
Milliseconds = Annotated[int, Meta(ge=0, le=600_000)]
Count = Annotated[int, Meta(ge=0, le=100_000)]


_TOO_LATE = (
    "The customer on whose account a session is can't change: name them as `customer` in the URL, or when the "
    "client secret is minted."
)


class Known(Struct, frozen=True, kw_only=True):
    """Checked, never kept: the session keeps the JSON, with the keys that are not known here."""


class SpeechToText(Known, frozen=True):
    prompt: str | None = None
    voice_profile: bool | None = None
    language_hints: list[str] | None = None
    end_of_turn_confidence_threshold: Share | None = None
    vad_threshold: Share | None = None
    min_end_of_turn_silence: Milliseconds | None = None
    max_turn_silence: Milliseconds | None = None


class TextToSpeech(Known, frozen=True):
    segmenter_strategy: (
        Literal["auto", "balanced", "sentence", "full_turn", "fast_start", "per_segment_context"] | None
    ) = None
    steering_handling: Literal["repeat_each_chunk", "emit_once"] | None = None
    language: str | None = None
    delivery_mode: Literal["STABLE", "BALANCED", "CREATIVE"] | None = None
    conversational: bool | None = None
    user_turn_mode: Literal["both", "audio_only", "text_only", "none"] | None = None
    timestamp_type: Literal["WORD", "CHARACTER"] | None = None
    timestamp_transport_strategy: Literal["SYNC", "ASYNC"] | None = None


class MemoryState(Known, frozen=True):
    """What an earlier session remembered; a client sends back what it was shown."""

    version: int | None = None
    facts: list[str] | None = None
    summary: str | None = None
    context_text: str | None = None
    turns_since_gen: Count | None = None
    total_turns: Count | None = None
    items_trimmed: Count | None = None


class Memory(Known, frozen=True):
    enabled: bool | None = None
    turn_interval: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    max_memory_length: Count | None = None
    max_transcript_items: Count | None = None
    max_facts: Count | None = None
    trim_after_summarize: bool | None = None
    state: MemoryState | None = None


class Backchannel(Known, frozen=True):
    enabled: bool | None = None
    small_model: str | None = None
    eval_interval_ms: Annotated[int, Meta(ge=50, le=600_000)] | None = None
    min_speech_ms: Milliseconds | None = None
    min_gap_ms: Milliseconds | None = None
    max_per_turn: Count | None = None
    hard_deadline_ms: Milliseconds | None = None
    history_tail_items: Count | None = None
    temperature: Temperature | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=4_096)] | None = None
    volume_gain: Share | None = None
    require_pause: bool | None = None
    allowed_phrases: list[str] | None = None
    prompt_template: str | None = None
    decider_kind: Literal["llm", "rule"] | None = None
    rule_fire_probability: Share | None = None


class Responsiveness(Known, frozen=True):
    enabled: bool | None = None
    small_model: str | None = None
    initial_wait_timeout_ms: Milliseconds | None = None
    hard_deadline_ms: Milliseconds | None = None
    history_tail_items: Count | None = None
    temperature: Temperature | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=4_096)] | None = None
    min_filler_gap_ms: Milliseconds | None = None
    max_initial_per_turn: Count | None = None
    max_buffer_deltas: Count | None = None
    enable_filler_on_first_assistant_reply: bool | None = None
    prompt_template: str | None = None
    pause_text: str | None = None


class Antiphon(Known, frozen=True):
    """`events` names the events outside of the protocol that a client wants: `attempts`, `decisions`,
    `usage`. `latency_budget_ms` is the time in which the first audio of an answer should be there; `speculate` says
    whether an answer may be begun before the turn is known to be over. `variables` fill the texts of an agent, when
    the session opens. `customer` is the tenant's own customer on whose account the sessions of a client secret are:
    it is named when that is minted, and never later."""

    events: list[str] | None = None
    latency_budget_ms: Annotated[int, Meta(ge=100, le=60_000)] | None = None
    speculate: bool | None = None
    variables: dict[str, str | int | float | bool] | None = None
    customer: str | None = None


class ProviderData(Known, frozen=True):
    stt: SpeechToText | None = None
    tts: TextToSpeech | None = None
    memory: Memory | None = None
    backchannel: Backchannel | None = None
    responsiveness: Responsiveness | None = None
    user_id: str | None = None
    metadata: dict[str, str] | None = None
    antiphon: Antiphon | None = None


def wanted_events(data: dict[str, Any] | UnsetType) -> Sequence[str]:
    """The kinds of events outside of the protocol that the client asked for."""
    return _ours(data).get("events") or ()


def metadata(data: dict[str, Any] | UnsetType) -> Mapping[str, str]:
    """What the client says of the session, for routers to decide by."""
    return {} if isinstance(data, UnsetType) else data.get("metadata") or {}


def user(data: dict[str, Any] | UnsetType) -> str:
    """Which of the tenant's users speaks; empty if the client does not say."""
    return "" if isinstance(data, UnsetType) else data.get("user_id") or ""


def latency_budget_ms(data: dict[str, Any] | UnsetType) -> int | None:
    return _ours(data).get("latency_budget_ms")


def may_speculate(data: dict[str, Any] | UnsetType) -> bool:
    return _ours(data).get("speculate") is not False


def variables(data: dict[str, Any] | UnsetType) -> dict[str, str]:
    """As text: JSON's true is `true`."""
    given = _ours(data).get("variables") or {}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()
    }


def _ours(data: dict[str, Any] | UnsetType) -> dict[str, Any]:
    return {} if isinstance(data, UnsetType) else data.get("antiphon") or {}


def updated(current: dict[str, Any] | UnsetType, change: dict[str, Any] | None) -> dict[str, Any] | UnsetType:
    """`change` merged into `current`; None clears it. Raises Refused when a known key has a bad value."""
    if change is None:
        return UNSET
    try:
        known = msgspec.convert(change, ProviderData)
        if known.antiphon and known.antiphon.customer is not None:
            raise errors.invalid_value(_TOO_LATE, "session.providerData.antiphon.customer")
        return _merged({} if isinstance(current, UnsetType) else current, change)
    except msgspec.ValidationError as error:
        raise explain_mismatch(str(error), "session.providerData") from None
    except RecursionError:
        raise errors.invalid_value(
            "'session.providerData' is nested too deeply.", "session.providerData"
        ) from None


def _merged(current: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    result = dict(current)
    for key, value in change.items():
        before = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            result[key] = value
    return result
