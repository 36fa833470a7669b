"""Messages in the shapes of Gemini's Live API (google.genai.types, BidiGenerateContent)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pybase64

from antiphon.audio.formats import Encoder, Format
from antiphon.audio.pcm import size_of
from antiphon.providers.base.llm import LlmUsage, Message
from antiphon.providers.base.realtime import RealtimeCapabilities, RealtimeRequest

HEARD = Format("pcm", 16_000)  # what the model hears; it speaks at 24 kHz
_CHUNK = size_of(1_000)
_NUDGE = "."  # what begins an answer that nobody asked for in words


def setup_of(model: str, request: RealtimeRequest, capabilities: RealtimeCapabilities) -> dict[str, Any]:
    """The first message. It can't be changed later; the session decides about turns."""
    prompt = request.prompt
    generation: dict[str, Any] = {"responseModalities": [request.modality.upper()]}
    if request.modality == "audio":
        voice = {"prebuiltVoiceConfig": {"voiceName": capabilities.voice(request.voice)}}
        generation["speechConfig"] = {"voiceConfig": voice}
    if prompt.max_output_tokens is not None:
        generation["maxOutputTokens"] = prompt.max_output_tokens
    if prompt.temperature is not None:
        generation["temperature"] = prompt.temperature
    setup: dict[str, Any] = {
        "model": f"models/{model}",
        "generationConfig": generation,
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
    }
    if request.modality == "audio":
        setup["outputAudioTranscription"] = {}
    if prompt.instructions:
        setup["systemInstruction"] = {"parts": [{"text": prompt.instructions}]}
    if prompt.tools:
        declared = [
            {
                "name": tool.name,
                "description": tool.description,
                "parametersJsonSchema": dict(tool.parameters),
            }
            for tool in prompt.tools
        ]
        setup["tools"] = [{"functionDeclarations": declared}]
    return setup


def history(messages: Sequence[Message]) -> dict[str, Any]:
    """The conversation before what is to be answered, for a new connection."""
    names = {call.call_id: call.name for message in messages for call in message.tool_calls}
    turns = [
        {"role": "model" if message.role == "assistant" else "user", "parts": _parts(message, names)}
        for message in messages
    ]
    return {"clientContent": {"turns": turns, "turnComplete": True}}


def live(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """What the user does now, which the model answers; nothing is a nudge."""
    frames: list[dict[str, Any]] = []
    for message in messages:
        if message.audio:
            frames += sound(Encoder(HEARD), message.audio, is_last=True)
        elif message.role == "tool":
            frames.append(_realtime({"text": _result(message, {})}))
        elif message.text:
            frames.append(_realtime({"text": _text(message)}))
        frames += [_realtime({"video": _blob(url)}) for url in message.images]
    return [begin(), *(frames or [_realtime({"text": _NUDGE})]), end()]


def sound(encoder: Encoder, pcm: bytes, *, is_last: bool = False) -> list[dict[str, Any]]:
    """PCM16 at 24 kHz as the model hears it."""
    pieces = [encoder.encode(pcm[start : start + _CHUNK]) for start in range(0, len(pcm), _CHUNK)]
    if is_last:
        pieces.append(encoder.flush())
    return [
        _realtime({"audio": {"data": _base64(piece), "mimeType": f"audio/pcm;rate={HEARD.rate}"}})
        for piece in pieces
        if piece
    ]


def begin() -> dict[str, Any]:
    return _realtime({"activityStart": {}})


def end() -> dict[str, Any]:
    return _realtime({"activityEnd": {}})


def results(messages: Iterable[Message], calls: Mapping[str, str], ids: Mapping[str, str]) -> dict[str, Any]:
    """The results of calls that the model waits for; `calls` are their names, by the model's ids of them, `ids`
    those, by the session's."""
    responses = []
    for message in messages:
        call_id = ids.get(message.call_id or "", message.call_id or "")
        responses.append({"id": call_id, "name": calls[call_id], "response": {"output": message.text}})
    return {"toolResponse": {"functionResponses": responses}}


def usage_of(metadata: Mapping[str, Any]) -> LlmUsage:
    """Results of tools and thoughts are counted apart, but are input and output too."""
    thoughts = metadata.get("thoughtsTokenCount") or 0
    prompt = (metadata.get("promptTokenCount") or 0) + (metadata.get("toolUsePromptTokenCount") or 0)
    return LlmUsage(
        input_tokens=prompt,
        output_tokens=(metadata.get("responseTokenCount") or 0) + thoughts,
        cached_tokens=metadata.get("cachedContentTokenCount") or 0,
        reasoning_tokens=thoughts,
        input_audio_tokens=_tokens(metadata, "promptTokensDetails", "AUDIO"),
        cached_audio_tokens=_tokens(metadata, "cacheTokensDetails", "AUDIO"),
        input_image_tokens=_tokens(metadata, "promptTokensDetails", "IMAGE", "VIDEO"),
        output_audio_tokens=_tokens(metadata, "responseTokensDetails", "AUDIO"),
    )


def _tokens(metadata: Mapping[str, Any], details: str, *modalities: str) -> int:
    return sum(
        count.get("tokenCount") or 0
        for count in metadata.get(details) or ()
        if count.get("modality") in modalities
    )


def _parts(message: Message, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Calls and results of the past are told in words: the API takes them live only."""
    if message.tool_calls:
        calls = [f"(I called {call.name} with {call.arguments})" for call in message.tool_calls]
        return [{"text": " ".join(calls)}]
    if message.role == "tool":
        return [{"text": _result(message, names)}]
    parts: list[dict[str, Any]] = []
    if message.text:
        parts.append({"text": _text(message)})
    elif message.audio:
        encoder = Encoder(HEARD)
        pcm = encoder.encode(message.audio) + encoder.flush()
        parts.append({"inlineData": {"mimeType": f"audio/pcm;rate={HEARD.rate}", "data": _base64(pcm)}})
    return [*parts, *({"inlineData": _blob(url)} for url in message.images)]


def _text(message: Message) -> str:
    return f"(System: {message.text})" if message.role == "system" else message.text


def _result(message: Message, names: Mapping[str, str]) -> str:
    return f"({names.get(message.call_id or '', 'The tool')} returned: {message.text})"


def _blob(data_uri: str) -> dict[str, str]:
    head, _, data = data_uri.partition(",")
    return {"mimeType": head.removeprefix("data:").partition(";")[0], "data": data}


def _base64(data: bytes) -> str:
    return pybase64.b64encode_as_string(data)


def _realtime(part: dict[str, Any]) -> dict[str, Any]:
    return {"realtimeInput": part}
