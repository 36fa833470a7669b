"""Attempts at an answer: each request to a model is reported once, however it ends."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal, Protocol, runtime_checkable

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
from antiphon.providers.base.tokens import estimated_usage

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
    clock = asyncio.get_running_loop().time
    began = clock() * 1000
    first: float | None = None
    usage: LlmUsage | None = None
    error: ErrorKind | None = None
    outcome: Outcome = unwanted
    output: list[str] = []
    try:
        async with aclosing(model.stream(request)) as events:
            async for event in events:
                match event:
                    case TextDelta(text) | ToolCallDelta(_, text) | ToolCallStarted(_, text):
                        first = first or clock() * 1000
                        output.append(text)
                    case LlmUsage():
                        usage = event
                yield event
        outcome = "completed"
    except ProviderError as failure:
        outcome, error = "failed", failure.kind
        usage = usage or failure.usage
        raise
    finally:
        if usage is None and (error is None or output):
            usage = estimated_usage(request, "".join(output))
        request.report(
            Attempt(
                model=model.name,
                reason=reason,
                outcome=outcome,
                began=began,
                first_output=first,
                ended=clock() * 1000,
                usage=usage,
                error=error,
            )
        )
