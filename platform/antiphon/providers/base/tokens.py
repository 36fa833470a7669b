"""Estimates of token counts, for answers whose provider reports none: it can't, or the answer was cut off."""

from antiphon.providers.base.llm import LlmRequest, LlmUsage, Message

BYTES_PER_TOKEN = 4  # of UTF-8, about right for prose in most languages
TOKENS_PER_IMAGE = 800  # about what vendors count for a picture of 1024 x 1024


def estimated_tokens(text: str) -> int:
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def estimated_usage(request: LlmRequest, output: str) -> LlmUsage:
    """`output` is all that was generated so far, the arguments of tool calls included."""
    tools = sum(estimated_tokens(f"{t.name}{t.description}{t.parameters}") for t in request.tools)
    context = estimated_tokens(request.instructions) + sum(map(_message_tokens, request.messages)) + tools
    return LlmUsage(input_tokens=context, output_tokens=estimated_tokens(output), estimated=True)


def _message_tokens(message: Message) -> int:
    calls = sum(estimated_tokens(call.name + call.arguments) for call in message.tool_calls)
    return estimated_tokens(message.text) + calls + TOKENS_PER_IMAGE * len(message.images)
