"""Attempts at an answer: each request to a model is reported once, however it ends."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal, Protocol, TypeVar, runtime_checkable

from antiphon.audio.pcm import duration_ms
from antiphon.providers.base.errors import ErrorKind, ProviderError
from antiphon.providers.base.llm import (
    Attempt,
    LanguageModel,
    LlmEvent,
    LlmRequest,
    LlmUsage,
    Outcome,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.base.realtime import RealtimeEvent, SpokenText
from antiphon.providers.base.tokens import estimated_usage
from antiphon.providers.base.tts import Audio

Event = TypeVar("Event", bound=RealtimeEvent)
Reason = Literal["first", "fallback", "hedge", "continuation", "speculation"]


@runtime_checkable
class ReportsAttempts(Protocol):
    """A language model that asks others, and reports each attempt itself."""

    reports_attempts: Literal[True]


def answer(model: LanguageModel, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
    """The model's stream, with its attempts reported. Raises ProviderError."""
    if isinstance(model, ReportsAttempts):
        return model.stream(request)
    return attempt(model, request, "first")


async def attempt(
    model: LanguageModel, request: LlmRequest, reason: Reason, *, unwanted: Outcome = "cancelled"
) -> AsyncGenerator[LlmEvent, None]:
    """One attempt. Closed early it ends as `unwanted`, and its usage is an estimate. Raises ProviderError."""
    answering = reported(model.name, model.stream(request), request, reason, unwanted=unwanted)
    async with aclosing(answering) as events:
        async for event in events:
            yield event


async def reported(
    name: str,
    answering: AsyncGenerator[Event, None],
    request: LlmRequest,
    reason: Reason = "first",
    *,
    unwanted: Outcome = "cancelled",
) -> AsyncGenerator[Event, None]:
    """The events of one attempt of the model `name`, reported as `attempt` does. Raises ProviderError."""
    clock = asyncio.get_running_loop().time
    began = clock() * 1000
    first: float | None = None
    usage: LlmUsage | None = None
    error: ErrorKind | None = None
    outcome: Outcome = unwanted
    output: list[str] = []
    spoken = 0  # bytes
    try:
        async with aclosing(answering) as events:
            async for event in events:
                match event:
                    case (
                        TextDelta(text) | ToolCallDelta(_, text) | ToolCallStarted(_, text) | SpokenText(text)
                    ):
                        first = first or clock() * 1000
                        output.append(text)
                    case Audio(pcm):
                        first = first or clock() * 1000
                        spoken += len(pcm)
                    case LlmUsage():
                        usage = event
                yield event
        outcome = "completed"
    except ProviderError as failure:
        outcome, error = "failed", failure.kind
        usage = usage or failure.usage
        raise
    finally:
        if usage is None and (error is None or output or spoken):
            usage = estimated_usage(request, "".join(output), duration_ms(spoken))
        request.report(
            Attempt(
                model=name,
                reason=reason,
                outcome=outcome,
                began=began,
                first_output=first,
                ended=clock() * 1000,
                usage=usage,
                error=error,
            )
        )
