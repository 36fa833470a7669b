"""Which adapter speaks a dialect. An adapter is imported when a model of its dialect is first asked for."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from antiphon.providers.base.provider import Kind

_HERE = "antiphon.providers"

ADAPTERS: Mapping[tuple[Kind, str], str] = {
    ("language", "openai"): f"{_HERE}.openai_compatible.llm:OpenAiLlm",
    ("language", "anthropic"): f"{_HERE}.anthropic.llm:AnthropicLlm",
    ("language", "gemini"): f"{_HERE}.gemini.llm:GeminiLlm",
    ("speech_to_text", "openai"): f"{_HERE}.openai_compatible.stt:OpenAiStt",
    ("speech_to_text", "deepgram"): f"{_HERE}.deepgram.stt:DeepgramStt",
    ("speech_to_text", "assemblyai"): f"{_HERE}.assemblyai.stt:AssemblyAiStt",
    ("speech_to_text", "soniox"): f"{_HERE}.soniox.stt:SonioxStt",
    ("speech_to_text", "elevenlabs"): f"{_HERE}.elevenlabs.stt:ElevenLabsStt",
    ("speech_to_text", "cartesia"): f"{_HERE}.cartesia.stt:CartesiaStt",
    ("speech_to_text", "inworld"): f"{_HERE}.inworld.stt:InworldStt",
    ("speech_to_text", "xai"): f"{_HERE}.xai.stt:XaiStt",
    ("text_to_speech", "openai"): f"{_HERE}.openai_compatible.tts:OpenAiTts",
    ("text_to_speech", "deepgram"): f"{_HERE}.deepgram.tts:DeepgramTts",
    ("text_to_speech", "elevenlabs"): f"{_HERE}.elevenlabs.tts:ElevenLabsTts",
    ("text_to_speech", "cartesia"): f"{_HERE}.cartesia.tts:CartesiaTts",
    ("text_to_speech", "inworld"): f"{_HERE}.inworld.tts:InworldTts",
    ("text_to_speech", "soniox"): f"{_HERE}.soniox.tts:SonioxTts",
    ("text_to_speech", "xai"): f"{_HERE}.xai.tts:XaiTts",
    ("realtime", "openai"): f"{_HERE}.openai_realtime.realtime:OpenAiRealtime",
    ("realtime", "gemini"): f"{_HERE}.gemini.realtime:GeminiRealtime",
}


@cache
def adapter(kind: Kind, dialect: str) -> Callable[..., Any]:
    """Makes a model of `(wire, endpoint, model, *, name, ...)`. Raises KeyError if nobody speaks the dialect."""
    module, _, name = ADAPTERS[kind, dialect].partition(":")
    factory: Callable[..., Any] = getattr(import_module(module), name)
    return factory
