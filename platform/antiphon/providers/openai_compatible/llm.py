"""Language models behind `POST /chat/completions`, streamed."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, suppress
from typing import Literal
from uuid import uuid4

import msgspec

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.failures import error_from_event
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import (
    LlmCapabilities,
    LlmEvent,
    LlmRequest,
    LlmUsage,
    Stop,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.base.sse import SseParser
from antiphon.providers.base.tokens import estimated_usage
from antiphon.providers.openai_compatible.chat import Chunk, Quirks, ToolCallPart, encode_request

DONE = b"[DONE]"
DRAIN = 0.25  # seconds to wait for the end of the body, so that the connection can be used again

StopReason = Literal["end", "length", "tool_calls", "content_filter"]

STOP_REASONS: Mapping[str, StopReason] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}

_decode = msgspec.json.Decoder(Chunk).decode


class OpenAiLlm:
    """`model` is the name that the server knows, `name` the one that sessions use."""

    def __init__(
        self,
        wire: Wire,
        endpoint: Endpoint,
        model: str,
        *,
        name: str,
        capabilities: LlmCapabilities = LlmCapabilities(),  # noqa: B008
        quirks: Quirks = Quirks(),  # noqa: B008
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self._wire = wire
        self._endpoint = endpoint
        self._model = model
        self._quirks = quirks

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        body = encode_request(self._model, request, self._quirks, reasoning=self.capabilities.reasoning)
        answer = _Answer(self._endpoint)
        parser = SseParser()
        posted = self._wire.post(self._endpoint, "/chat/completions", body, "application/json")
        async with aclosing(posted) as chunks:
            try:
                async for chunk in chunks:
                    for data in parser.feed(chunk):
                        for event in answer.read(data):
                            yield event
                    if answer.done:
                        break
            except ProviderError as error:
                error.started = answer.started
                raise
            except ValueError as error:  # an event that is too large, or one that is no chunk
                message = f"{self._endpoint.host} sent something that is no chat completion."
                raise ProviderError("upstream", message, started=answer.started) from error
            for event in answer.end(request):
                yield event
            with suppress(ProviderError, TimeoutError):
                async with asyncio.timeout(DRAIN):
                    async for _ in chunks:
                        pass


class _Answer:
    """Reads the chunks of one answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.started = False
        self.done = False
        self._endpoint = endpoint
        self._finish_reason: str | None = None
        self._usage: LlmUsage | None = None
        self._output: list[str] = []  # all that was generated, for an estimate of usage
        self._calls: list[_Call] = []
        self._open_calls: dict[int, _Call] = {}  # by the server's index
        self._last_index = 0

    def read(self, data: bytes) -> Iterator[LlmEvent]:
        """Raises ProviderError, and ValueError for what is no chunk."""
        if data == DONE:
            self.done = True
            return
        chunk = _decode(data)
        if chunk.error is not None:
            raise error_from_event(self._endpoint, chunk.error, started=self.started)
        if chunk.usage is not None:
            self._usage = chunk.usage.to_usage()
        if not chunk.choices:
            return
        choice = chunk.choices[0]
        self._finish_reason = choice.finish_reason or self._finish_reason
        if choice.delta is None:
            return
        if text := choice.delta.text:
            self.started = True
            self._output.append(text)
            yield TextDelta(text)
        for part in choice.delta.tool_calls or ():
            self.started = True
            yield from self._tool_call(part)

    def _tool_call(self, part: ToolCallPart) -> Iterator[LlmEvent]:
        name = (part.function and part.function.name) or ""
        arguments = (part.function and part.function.arguments) or ""
        index = self._last_index if part.index is None else part.index
        call = self._open_calls.get(index)
        if call is None or (name and part.id and part.id != call.call_id):  # some number every call 0
            if not name:
                raise ValueError("A tool call begins without a name.")
            call = self._open_calls[index] = _Call(part.id or f"call_{uuid4().hex}")
            self._calls.append(call)
            self._output.append(name)
            yield ToolCallStarted(call.call_id, name)
        self._last_index = index
        if arguments:
            call.has_arguments = True
            self._output.append(arguments)
            yield ToolCallDelta(call.call_id, arguments)

    def end(self, request: LlmRequest) -> Iterator[LlmEvent]:
        """Usage and stop. Raises ProviderError when the stream ended before the answer did."""
        if self._finish_reason is None and not self.done:
            raise ProviderError(
                "upstream",
                f"{self._endpoint.host} ended the answer before it was complete.",
                started=self.started,
            )
        for call in self._calls:
            if not call.has_arguments:  # a call without arguments; ours are always JSON
                yield ToolCallDelta(call.call_id, "{}")
        yield self._usage or estimated_usage(request, "".join(self._output))
        reason: StopReason = STOP_REASONS.get(self._finish_reason or "", "end")
        # With a forced tool, the reason given is "stop".
        yield Stop("tool_calls" if self._calls and reason == "end" else reason)


class _Call(msgspec.Struct):
    call_id: str
    has_arguments: bool = False
