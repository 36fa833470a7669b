"""Requests in the shapes of OpenAI's Realtime protocol, as generally available (openai.types.realtime)."""

from typing import Any

import pybase64

from antiphon.providers.base.llm import LlmRequest, Message
from antiphon.providers.base.realtime import RealtimeCapabilities, RealtimeRequest

MOST_OUTPUT_TOKENS = 4_096  # more than that is "inf"
_PCM = {"type": "audio/pcm", "rate": 24_000}
LISTENING: dict[str, Any] = {
    "input": {"format": _PCM, "turn_detection": None}
}  # the session decides about turns


def session_settings(request: RealtimeRequest, capabilities: RealtimeCapabilities) -> dict[str, Any]:
    """The `session` of `session.update`."""
    settings = _settings(request, capabilities)
    output = settings.pop("audio")["output"]
    if capabilities.speed:
        output["speed"] = request.speed
    return {"type": "realtime", **settings, "audio": {**LISTENING, "output": output}}


def response_settings(request: RealtimeRequest, capabilities: RealtimeCapabilities) -> dict[str, Any]:
    """What a `response.create` beside the conversation has of its own, but for its input."""
    return {"conversation": "none", **_settings(request, capabilities)}


def _settings(request: RealtimeRequest, capabilities: RealtimeCapabilities) -> dict[str, Any]:
    prompt = request.prompt
    limit = prompt.max_output_tokens
    settings: dict[str, Any] = {
        "instructions": prompt.instructions,
        "output_modalities": [request.modality],
        "tools": [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            }
            for tool in prompt.tools
        ],
        "tool_choice": _tool_choice(prompt),
        "max_output_tokens": "inf" if limit is None or limit > MOST_OUTPUT_TOKENS else limit,
        "audio": {"output": {"format": _PCM, "voice": capabilities.voice(request.voice)}},
    }
    if not prompt.parallel_tool_calls:  # only models that reason know the setting
        settings["parallel_tool_calls"] = False
    if prompt.reasoning_effort and capabilities.reasoning:
        settings["reasoning"] = {"effort": prompt.reasoning_effort}
    return settings


def _tool_choice(prompt: LlmRequest) -> str | dict[str, str]:
    choice = prompt.tool_choice
    if choice.mode == "named" and choice.name:
        return {"type": "function", "name": choice.name}
    return choice.mode


def item_of(message: Message, *, call_id: str | None, by_ear: bool) -> dict[str, Any]:
    """An item for a message with words or one call; `call_id` is the provider's, for a result. `by_ear`: the model
    is given what the user said as sound."""
    if message.tool_calls:
        [call] = message.tool_calls
        return {
            "type": "function_call",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
        }
    if message.role == "tool":
        return {"type": "function_call_output", "call_id": call_id, "output": message.text}
    if message.role == "assistant":
        content = [{"type": "output_text", "text": message.text}]
    elif by_ear:
        content = [{"type": "input_audio", "audio": pybase64.b64encode_as_string(message.audio)}]
    else:
        content = [{"type": "input_text", "text": message.text}] if message.text else []
    content += [{"type": "input_image", "image_url": url} for url in message.images]
    return {"type": "message", "role": message.role, "content": content}
