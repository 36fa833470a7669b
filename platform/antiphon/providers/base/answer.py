"""Answers streamed as server-sent events: what the dialects of language models have in common."""

from abc import ABC, abstractmethod
from asyncio import timeout
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal
from uuid import uuid4

from aiohttp import ClientError

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import (
    LlmEvent,
    LlmRequest,
    LlmUsage,
    Stop,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.base.sse import SseParser
from antiphon.providers.base.tokens import estimated_tokens, estimated_usage

DRAIN = 0.25  # seconds to wait for the end of the body, so that the connection can be used again

StopReason = Literal["end", "length", "tool_calls", "content_filter"]


@dataclass(slots=True)
class Call:
    call_id: str
    has_arguments: bool = False


class Answer(ABC):
    """Reads one answer. `done`: nothing of it follows. `stop`: why it ended, once that is known."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.done = False
        self.stop: StopReason | None = None
        self.output: list[str] = []  # all that was generated, for an estimate of usage
        self.calls: list[Call] = []

    @abstractmethod
    def read(self, data: bytes) -> Sequence[LlmEvent]:
        """What an event says. Raises ProviderError, and ValueError for what the protocol does not have."""

    @abstractmethod
    def reported_usage(self) -> LlmUsage | None:
        """What the server has said about it so far."""

    @property
    def started(self) -> bool:
        return bool(self.output)

    @property
    def usage_so_far(self) -> LlmUsage | None:
        """What is to be paid if the stream breaks here; None while the server has said nothing about it."""
        usage = self.reported_usage()
        if usage is None:
            return None
        generated = estimated_tokens("".join(self.output))
        if generated <= usage.output_tokens:
            return usage
        return replace(usage, output_tokens=generated, estimated=True)

    def text(self, text: str) -> Sequence[LlmEvent]:
        if not text:
            return ()
        self.output.append(text)
        return (TextDelta(text),)

    def begin_call(self, name: str, call_id: str | None) -> tuple[Call, ToolCallStarted]:
        """A call to the tool `name`; some servers give their calls no ids."""
        call = Call(call_id or f"call_{uuid4().hex}")
        self.calls.append(call)
        self.output.append(name)
        return call, ToolCallStarted(call.call_id, name)

    def arguments(self, call: Call, piece: str) -> Sequence[LlmEvent]:
        if not piece:
            return ()
        call.has_arguments = True
        self.output.append(piece)
        return (ToolCallDelta(call.call_id, piece),)

    def end(self, request: LlmRequest) -> Sequence[LlmEvent]:
        """Usage and stop. Raises ProviderError when the stream ended before the answer did."""
        if self.stop is None and not self.done:
            raise ProviderError("upstream", f"{self.endpoint.host} ended the answer before it was complete.")
        # A call without arguments; ours are always JSON.
        bare = [ToolCallDelta(call.call_id, "{}") for call in self.calls if not call.has_arguments]
        usage = self.reported_usage() or estimated_usage(request, "".join(self.output))
        reason = self.stop or "end"
        # With a forced tool, some give the reason of an ordinary end.
        return (*bare, usage, Stop("tool_calls" if self.calls and reason == "end" else reason))


async def stream_answer(
    wire: Wire,
    path: str,
    body: bytes,
    request: LlmRequest,
    answer: Answer,
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[LlmEvent, None]:
    """Posts `body` and gives the events of the answer. Raises ProviderError with `started` and the usage so far."""
    parser = SseParser()
    try:
        async with wire.posting(answer.endpoint, path, body, "application/json", headers) as reply:
            chunk = reply.first
            while chunk:
                for data in parser.feed(chunk):
                    for event in answer.read(data):
                        yield event
                if answer.done:
                    break
                chunk = await reply.more()
            for event in answer.end(request):
                yield event
            with suppress(TimeoutError, ClientError):
                async with timeout(DRAIN):
                    while chunk:
                        chunk = await reply.more()
    except ProviderError as error:
        error.started = answer.started
        error.usage = answer.usage_so_far
        raise
    except ValueError as error:  # an event that is too large, or one that is none
        raise ProviderError(
            "upstream",
            f"{answer.endpoint.host} sent something that is no answer of a language model.",
            started=answer.started,
            usage=answer.usage_so_far,
        ) from error
