"""Content as JSON: the request that is sent and the chunks that come back.

https://ai.google.dev/api/generate-content
"""

import mimetypes
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from antiphon.providers.base.effort import nearest
from antiphon.providers.base.images import data_of
from antiphon.providers.base.llm import LlmRequest, LlmUsage, Message, ToolCall
from antiphon.providers.base.turns import Turn, instructions_and_turns
from antiphon.providers.gemini.models import family_of
from antiphon.providers.gemini.schema import gemini_schema

BUDGETS = {"low": 1024, "medium": 4096, "high": 16_384}  # tokens to think

# What Google documents for calls whose signature is not there, since nobody or another model made it.
# https://ai.google.dev/gemini-api/docs/generate-content/thought-signatures
_UNSIGNED = {"thoughtSignature": "skip_thought_signature_validator"}
_MODES = {"none": "NONE", "required": "ANY", "named": "ANY"}


class FunctionCall(msgspec.Struct, gc=False):
    name: str = ""
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw(b"{}")


class Part(msgspec.Struct, rename="camel", gc=False):
    text: str | None = None
    thought: bool | None = None
    function_call: FunctionCall | None = None


class Content(msgspec.Struct, gc=False):
    parts: list[Part] | None = None


class Candidate(msgspec.Struct, rename="camel", gc=False):
    content: Content | None = None
    finish_reason: str | None = None


class PromptFeedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class OfModality(msgspec.Struct, rename="camel"):
    modality: str = ""
    token_count: int = 0


class Usage(msgspec.Struct, rename="camel"):
    """Counts are of all so far. `candidates_token_count` leaves out thoughts."""

    prompt_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    cached_content_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0
    prompt_tokens_details: list[OfModality] | None = None
    cache_tokens_details: list[OfModality] | None = None
    candidates_tokens_details: list[OfModality] | None = None

    def to_usage(self) -> LlmUsage:
        return LlmUsage(
            input_tokens=self.prompt_token_count + self.tool_use_prompt_token_count,
            output_tokens=self.candidates_token_count + self.thoughts_token_count,
            cached_tokens=self.cached_content_token_count,
            reasoning_tokens=self.thoughts_token_count,
            input_audio_tokens=_count(self.prompt_tokens_details, "AUDIO"),
            cached_audio_tokens=_count(self.cache_tokens_details, "AUDIO"),
            input_image_tokens=_count(self.prompt_tokens_details, "IMAGE"),
            output_audio_tokens=_count(self.candidates_tokens_details, "AUDIO"),
        )


class Chunk(msgspec.Struct, rename="camel", gc=False):
    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw()  # of all so far: only the last is worth decoding
    error: Any = None


def _count(details: Sequence[OfModality] | None, modality: str) -> int:
    return sum(detail.token_count for detail in details or () if detail.modality == modality)


def encode_request(model: str, request: LlmRequest) -> bytes:
    """What is at its default is left out."""
    instructions, turns = instructions_and_turns(request)
    names = {call.call_id: call.name for message in request.messages for call in message.tool_calls}
    signed = family_of(model).signed
    body: dict[str, Any] = {"contents": [_content(turn, names, signed=signed) for turn in turns]}
    if instructions:
        body["systemInstruction"] = {"parts": [{"text": instructions}]}
    if request.tools:
        body["tools"] = function_declarations(request)
        if request.tool_choice.mode != "auto":
            body["toolConfig"] = {"functionCallingConfig": _calling(request)}
    if settings := _settings(model, request):
        body["generationConfig"] = settings
    return msgspec.json.encode(body)


def function_declarations(request: LlmRequest) -> list[dict[str, Any]]:
    """The request's tools, as the field `tools` of this API and of the Live API has them."""
    declarations = []
    for tool in request.tools:
        declaration: dict[str, Any] = {"name": tool.name, "description": tool.description}
        if (parameters := gemini_schema(tool.parameters)) is not None:
            declaration["parameters"] = parameters
        declarations.append(declaration)
    return [{"functionDeclarations": declarations}]


def _calling(request: LlmRequest) -> dict[str, Any]:
    choice = request.tool_choice
    calling: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if choice.mode == "named":
        calling["allowedFunctionNames"] = [choice.name]
    return calling


def _settings(model: str, request: LlmRequest) -> dict[str, Any]:
    """Without a wish, as little thinking as the model can: in a conversation, thinking is silence."""
    family = family_of(model)
    settings: dict[str, Any] = {}
    if request.max_output_tokens is not None:
        settings["maxOutputTokens"] = request.max_output_tokens
    if request.temperature is not None and family.temperature:
        settings["temperature"] = request.temperature
    wanted = request.reasoning_effort
    if family.levels:
        settings["thinkingConfig"] = {"thinkingLevel": nearest(wanted, family.levels).upper()}
    elif family.budget is not None:
        rests = wanted in (None, "none", "minimal")
        budget = family.budget if rests else BUDGETS[nearest(wanted, tuple(BUDGETS))]
        settings["thinkingConfig"] = {"thinkingBudget": budget}
    return settings


def _content(turn: Turn, names: Mapping[str, str], *, signed: bool) -> dict[str, Any]:
    role = "model" if turn.role == "assistant" else "user"
    return {"role": role, "parts": [p for m in turn.messages for p in _parts(m, names, signed=signed)]}


def _parts(message: Message, names: Mapping[str, str], *, signed: bool) -> list[dict[str, Any]]:
    if message.role == "tool":
        call_id = message.call_id or ""
        response = {"id": call_id, "name": names[call_id], "response": {"output": message.text}}
        return [{"functionResponse": response}]
    parts: list[dict[str, Any]] = [_image(image) for image in message.images]
    if message.text.strip():
        text = f"<system>{message.text}</system>" if message.role == "system" else message.text
        parts.append({"text": text})
    calls: list[dict[str, Any]] = [{"functionCall": _call(call)} for call in message.tool_calls]
    if calls and signed:
        calls[0] |= _UNSIGNED  # of calls made at once, the first has the signature
    return parts + calls


def _call(call: ToolCall) -> dict[str, Any]:
    try:
        arguments = msgspec.json.decode(call.arguments, type=dict[str, Any])
    except msgspec.DecodeError:  # models sometimes write no object; the call is told nevertheless
        arguments = {"arguments": call.arguments} if call.arguments.strip() else {}
    return {"id": call.call_id, "name": call.name, "args": arguments}


def _image(image: str) -> dict[str, Any]:
    inline = data_of(image)
    if inline is not None:
        return {"inlineData": {"mimeType": inline.media_type, "data": inline.base64}}
    media_type = mimetypes.guess_type(urlsplit(image).path)[0] or "image/jpeg"
    return {"fileData": {"mimeType": media_type, "fileUri": image}}
