"""What providers bill by. Quantities are whole numbers of these units."""

from collections.abc import Mapping
from typing import Literal, get_args

from antiphon.providers.base.llm import LlmUsage
from antiphon.providers.base.realtime import UpstreamUsage
from antiphon.providers.base.stt import SttUsage
from antiphon.providers.base.tts import TtsUsage

Unit = Literal[
    "input_text_token",  # of those not read from a cache
    "cached_text_token",
    "cache_write_token",
    "output_text_token",  # reasoning apart
    "reasoning_token",
    "input_audio_token",  # of those not read from a cache
    "cached_audio_token",
    "output_audio_token",
    "input_image_token",
    "input_audio_ms",
    "output_audio_ms",
    "session_ms",  # for which a connection was open
    "tool_ms",  # for which a tool was at work
    "character",
    "text_message",
    "request",
]
UNITS: tuple[Unit, ...] = get_args(Unit)

Quantities = Mapping[Unit, int]


def of_tokens(usage: LlmUsage) -> Quantities:
    """Each token once, under the one unit it is billed by."""
    cached_text = usage.cached_tokens - usage.cached_audio_tokens
    input_audio = usage.input_audio_tokens - usage.cached_audio_tokens
    plain = (
        usage.input_tokens
        - usage.cached_tokens
        - usage.cache_write_tokens
        - input_audio
        - usage.input_image_tokens
    )
    return _present(
        {
            "input_text_token": max(plain, 0),
            "cached_text_token": cached_text,
            "cache_write_token": usage.cache_write_tokens,
            "output_text_token": usage.output_tokens - usage.reasoning_tokens - usage.output_audio_tokens,
            "reasoning_token": usage.reasoning_tokens,
            "input_audio_token": input_audio,
            "cached_audio_token": usage.cached_audio_tokens,
            "output_audio_token": usage.output_audio_tokens,
            "input_image_token": usage.input_image_tokens,
        }
    )


def of_recognition(usage: SttUsage) -> Quantities:
    return _present(
        {
            "input_audio_ms": usage.audio_ms,
            "session_ms": usage.open_ms,
            "input_audio_token": usage.input_audio_tokens,
            "input_text_token": usage.input_text_tokens,
            "output_text_token": usage.output_text_tokens,
            "request": 1,
        }
    )


def of_speech(usage: TtsUsage) -> Quantities:
    return _present({"character": usage.characters, "output_audio_ms": usage.audio_ms, "request": 1})


def of_connection(usage: UpstreamUsage) -> Quantities:
    return _present({"session_ms": usage.open_ms, "text_message": usage.text_messages})


def _present(quantities: dict[Unit, int]) -> Quantities:
    return {unit: quantity for unit, quantity in quantities.items() if quantity > 0}
