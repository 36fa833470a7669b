"""Estimates of token counts, for answers whose provider reports none: it can't, or the answer was cut off."""

from antiphon.audio.pcm import BYTES_PER_MS
from antiphon.providers.base.llm import LlmRequest, LlmUsage, Message

BYTES_PER_TOKEN = 4  # of UTF-8, about right for prose in most languages
TOKENS_PER_IMAGE = 800  # about what vendors count for a picture of 1024 x 1024
HEARD_MS_PER_TOKEN = 100  # of a user's speech, as OpenAI counts it
SPOKEN_MS_PER_TOKEN = 50  # of a model's own


def estimated_tokens(text: str) -> int:
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def estimated_usage(request: LlmRequest, output: str, spoken_ms: int = 0) -> LlmUsage:
    """`output` is all that was generated so far, the arguments of tool calls included; `spoken_ms` how long a model
    that speaks has spoken."""
    tools = sum(estimated_tokens(f"{t.name}{t.description}{t.parameters}") for t in request.tools)
    context = estimated_tokens(request.instructions) + sum(map(_message_tokens, request.messages)) + tools
    heard = sum(len(m.audio) // (HEARD_MS_PER_TOKEN * BYTES_PER_MS) for m in request.messages if not m.text)
    spoken = -(-spoken_ms // SPOKEN_MS_PER_TOKEN)
    return LlmUsage(
        input_tokens=context + heard,
        output_tokens=estimated_tokens(output) + spoken,
        estimated=True,
        input_audio_tokens=heard,
        output_audio_tokens=spoken,
    )


def _message_tokens(message: Message) -> int:
    calls = sum(estimated_tokens(call.name + call.arguments) for call in message.tool_calls)
    return estimated_tokens(message.text) + calls + TOKENS_PER_IMAGE * len(message.images)
