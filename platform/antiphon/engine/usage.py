"""What a response used: the tokens of its language model, and of its speech by its length, unless that model spoke
itself and counted them."""

import math

from antiphon.engine.context import CHARACTERS_PER_TOKEN, tokens_of_message, tokens_of_text, tokens_of_tools
from antiphon.engine.input_buffer import SAMPLES_PER_MS
from antiphon.protocol.responses import CachedTokens, InputTokens, OutputTokens, Usage
from antiphon.providers.base.llm import LlmRequest, LlmUsage

AUDIO_TOKEN_MS = 50  # OpenAI counts one token for 50 ms of assistant audio


def usage_of(
    reported: LlmUsage | None, request: LlmRequest | None, characters: int, speech_samples: int
) -> Usage:
    """What a model that was cut off did not report is estimated from what went in and the `characters` that came
    out. `request` is None when no model was asked; `speech_samples` are at 24 kHz."""
    used = reported or _estimated(request, characters)
    written = used.output_tokens - used.output_audio_tokens
    spoken = used.output_audio_tokens or math.ceil(speech_samples / (SAMPLES_PER_MS * AUDIO_TOKEN_MS))
    return Usage(
        total_tokens=used.input_tokens + written + spoken,
        input_tokens=used.input_tokens,
        output_tokens=written + spoken,
        input_token_details=InputTokens(
            text_tokens=used.input_tokens - used.input_audio_tokens - used.input_image_tokens,
            audio_tokens=used.input_audio_tokens,
            image_tokens=used.input_image_tokens,
            cached_tokens=used.cached_tokens,
            cached_tokens_details=CachedTokens(
                text_tokens=used.cached_tokens - used.cached_audio_tokens,
                audio_tokens=used.cached_audio_tokens,
            ),
        ),
        output_token_details=OutputTokens(text_tokens=written, audio_tokens=spoken),
    )


def _estimated(request: LlmRequest | None, characters: int) -> LlmUsage:
    if request is None:
        return LlmUsage(0, 0, estimated=True)
    sent = tokens_of_text(request.instructions) + tokens_of_tools(request.tools)
    sent += sum(tokens_of_message(message) for message in request.messages)
    return LlmUsage(sent, math.ceil(characters / CHARACTERS_PER_TOKEN), estimated=True)
