"""What a response asks of its model: which items it sees, with what settings, cut to what the model can take."""

from collections.abc import Sequence
from typing import Any, NoReturn

from msgspec import UNSET, structs

from antiphon.audio.formats import Format
from antiphon.engine import context
from antiphon.engine.conversation import Entry
from antiphon.engine.editing import user_entry
from antiphon.engine.effects import Generate
from antiphon.engine.formats import format_of
from antiphon.engine.ports import UnknownModel
from antiphon.engine.remote_tools import as_messages
from antiphon.engine.responses import RunningResponse
from antiphon.engine.state import SessionState
from antiphon.protocol import errors, items, provider_data
from antiphon.protocol.errors import Refused
from antiphon.protocol.responses import (
    ItemReference,
    OutputSettings,
    Response,
    ResponseAudio,
    ResponseError,
    ResponseParams,
)
from antiphon.protocol.session import RetentionRatio, Session, Truncation
from antiphon.protocol.session_update import VoiceReference, format_named, spoken_or_written
from antiphon.providers.base.llm import LlmCapabilities, LlmRequest, Message
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.base.tts import TtsConfig

_USUAL_OUTPUT = 4_096  # tokens kept free for an answer without a limit of its own
_SETTINGS = ("instructions", "tools", "max_output_tokens", "reasoning")  # that a response can have of its own

_TOO_LONG = ResponseError(
    type="invalid_request_error",
    code="context_length_exceeded",
    message="The conversation is longer than the model can take, and truncation is disabled. "
    "Delete items, or set truncation to 'auto'.",
)


class CannotAsk(Exception):
    """There is nothing to ask the model, or no model to ask; the response fails with `error`."""

    def __init__(self, error: ResponseError) -> None:
        super().__init__(error.message)
        self.error = error


def response_object(state: SessionState, params: ResponseParams) -> Response:
    """The response as `response.created` shows it."""
    session = state.session
    output = params.audio.output
    voice = or_else(output.voice, session.audio.output.voice)
    return Response(
        id=state.ids.new("resp"),
        status="in_progress",
        conversation_id=state.conversation.id if params.conversation == "auto" else None,
        output_modalities=[spoken_or_written(or_else(params.output_modalities, session.output_modalities))],
        max_output_tokens=or_else(params.max_output_tokens, session.max_output_tokens),
        audio=ResponseAudio(
            output=OutputSettings(
                format=or_else(format_named(output.format), session.audio.output.format),
                voice=voice.id if isinstance(voice, VoiceReference) else voice,
            )
        ),
        temperature=or_else(params.temperature, session.temperature),
        metadata=params.metadata,
    )


def visible(state: SessionState, params: ResponseParams) -> tuple[list[Entry], list[tuple[Entry, bytes]]]:
    """The items that the model will see, and the audio among them that has yet to be recognised. Raises Refused."""
    if params.input is UNSET:
        return [entry for entry in state.conversation if entry.item.id not in state.left_out], []
    entries: list[Entry] = []
    speech: list[tuple[Entry, bytes]] = []
    for index, given in enumerate(params.input):
        param = f"response.input[{index}]"
        if isinstance(given, ItemReference):
            found = state.conversation.find(given.id)
            if found is None:
                raise errors.invalid_value(f"There is no item with id '{given.id}'.", f"{param}.id")
            entries.append(found)
            continue
        item = structs.replace(items.accept_item(given, param), id=state.ids.new("item"))
        entry, pcm = user_entry(item, state.session.audio.input.format)
        entries.append(entry)
        if pcm:
            speech.append((entry, pcm))
    return entries, speech


def generation(state: SessionState, response: RunningResponse, *, paced: bool) -> Generate:
    """The work for the response's model, once the words of all items are known. Raises CannotAsk."""
    params, session = response.params, state.session
    reasoning = or_else(params.reasoning, session.reasoning)
    instructions = or_else(params.instructions, session.instructions)
    offered, choice = response.offer.chosen(or_else(params.tool_choice, session.tool_choice))
    limit = context.max_tokens(response.response.max_output_tokens)
    try:
        capabilities = state.capabilities(session.model)
        check_abilities(capabilities, session, params)
    except UnknownModel as unknown:
        error = ResponseError(type="invalid_request_error", code="model_not_found", message=str(unknown))
        raise CannotAsk(error) from None
    except Refused as refused:
        body = refused.body
        raise CannotAsk(ResponseError(type=body.type, code=body.code, message=body.message)) from None
    room = (
        capabilities.context_tokens
        - (limit or _USUAL_OUTPUT)
        - context.tokens_of_text(instructions)
        - context.tokens_of_tools(offered)
    )
    request = LlmRequest(
        instructions=instructions,
        messages=_fitting(state, response, room, capabilities),
        tools=offered,
        tool_choice=choice,
        parallel_tool_calls=or_else(or_else(params.parallel_tool_calls, session.parallel_tool_calls), True),
        max_output_tokens=limit,
        temperature=or_else(response.response.temperature, None),
        reasoning_effort=None if reasoning is UNSET else reasoning.effort,
        metadata=params.metadata or {},
        session_metadata=provider_data.metadata(session.providerData),
        user=provider_data.user(session.providerData),
        language=_language(session),
        cache_key=session.id,
        modality=response.response.output_modalities[0],
        latency_budget_ms=provider_data.latency_budget_ms(session.providerData),
    )
    output = session.audio.output
    return Generate(
        response.id,
        session.model,
        request,
        response.response.output_modalities[0],
        Format() if paced else format_of(response.response.audio.output.format),
        or_else(output.model, None),
        TtsConfig(voice=response.response.audio.output.voice, speed=output.speed),
        native=isinstance(capabilities, RealtimeCapabilities),
        beside=params.conversation == "none" or params.input is not UNSET,
        said=response.said,
    )


def check_abilities(
    capabilities: LlmCapabilities, session: Session, params: ResponseParams | None = None
) -> None:
    """Raises Refused when the session, or a response in it, asks a model that speaks itself for what it can't do.

    What other models can't do, the session does for them.
    """
    if not isinstance(capabilities, RealtimeCapabilities):
        return
    where, params = ("session", ResponseParams()) if params is None else ("response", params)
    voice = params.audio.output.voice

    def refuse(limit: str, param: str) -> NoReturn:
        raise errors.unsupported_by_model(session.model, limit, param)

    modality = spoken_or_written(or_else(params.output_modalities, session.output_modalities))
    if modality == "text" and not capabilities.text_out:
        refuse("answers in speech only", f"{where}.output_modalities")
    if session.audio.output.speed != 1 and not capabilities.speed:
        refuse("speaks at its own speed only", "session.audio.output.speed")
    if or_else(params.tool_choice, session.tool_choice) != "auto" and not capabilities.tool_choice:
        refuse("chooses its tools itself", f"{where}.tool_choice")
    if not capabilities.out_of_band and params.conversation == "none":
        refuse("has no out-of-band responses", "response.conversation")
    if not capabilities.out_of_band and params.input is not UNSET:
        refuse("answers the whole conversation only", "response.input")
    if capabilities.per_response:
        return
    for name in _SETTINGS:
        if or_else(getattr(params, name), getattr(session, name)) != getattr(session, name):
            refuse("has the same settings for all responses", f"response.{name}")
    if or_else(voice, session.audio.output.voice) != session.audio.output.voice:
        refuse("has the same voice for all responses", "response.audio.output.voice")


def _language(session: Session) -> str | None:
    """The language that the client said is spoken."""
    wanted = session.audio.input.transcription
    return wanted.language if wanted else None


def or_else(value: Any, default: Any) -> Any:
    """What a response sets itself, else what holds for the session."""
    return default if value is UNSET else value


def _fitting(
    state: SessionState, response: RunningResponse, room: int, capabilities: LlmCapabilities
) -> list[Message]:
    seen = [
        (entry, message)
        for entry in response.context
        for message in _messages(state, entry, response, capabilities)
    ]
    truncation = state.session.truncation
    room, ratio = _bounds(truncation, room)
    first = context.first_kept([context.tokens_of_message(message) for _, message in seen], room, ratio)
    if first and truncation == "disabled":
        raise CannotAsk(_TOO_LONG)
    while first and first < len(seen) and seen[first][1].role == "tool":
        first += 1  # a result means nothing without its call
    if response.params.input is UNSET:
        state.left_out.update(entry.item.id for entry, _ in seen[:first])
    return [message for _, message in seen[first:]]


def _messages(
    state: SessionState, entry: Entry, response: RunningResponse, capabilities: LlmCapabilities
) -> Sequence[Message]:
    match entry.item:
        case items.McpCall() | items.McpApprovalRequest():
            answers = {
                answer.approval_request_id: answer
                for other in response.context
                if isinstance(answer := other.item, items.McpApprovalResponse)
            }
            return as_messages(entry, response.offer, answers)
    audio = b""
    if isinstance(capabilities, RealtimeCapabilities) and entry.speech is None and not entry.is_silence:
        recording = state.audio.find(entry.item.id)
        audio = recording.audio if recording else b""
    message = context.message(entry, images=capabilities.images, audio=audio)
    return [] if message is None else [message]


def _bounds(truncation: Truncation, room: int) -> tuple[int, float]:
    """How many tokens the messages may have, and which part of that is left once they have more."""
    if not isinstance(truncation, RetentionRatio):
        return room, 1.0
    limits = truncation.token_limits
    if limits is not UNSET and limits.post_instructions is not None:
        room = min(room, limits.post_instructions)
    return room, truncation.retention_ratio
