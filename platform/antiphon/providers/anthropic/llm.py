"""Claude behind `POST /messages`, streamed."""

from collections.abc import AsyncGenerator, Mapping, Sequence

import msgspec

from antiphon.providers.anthropic.messages import Block, Event, encode_request
from antiphon.providers.base.answer import Answer, Call, StopReason, stream_answer
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.failures import error_from_event
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import LlmCapabilities, LlmEvent, LlmRequest, LlmUsage

VERSION = {"anthropic-version": "2023-06-01"}  # later ones refuse a temperature for every model

STOP_REASONS: Mapping[str, StopReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

_decode = msgspec.json.Decoder(Event).decode


class AnthropicLlm:
    """`model` is the name that the server knows, `name` the one that sessions use.

    The endpoint's base URL ends in `/v1`, and its key header is `KeyHeader("x-api-key", "")`.
    """

    def __init__(
        self,
        wire: Wire,
        endpoint: Endpoint,
        model: str,
        *,
        name: str,
        capabilities: LlmCapabilities = LlmCapabilities(images=True),  # noqa: B008
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self._wire = wire
        self._endpoint = endpoint
        self._model = model

    def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        body = encode_request(self._model, request)
        answer = MessageAnswer(self._endpoint)
        return stream_answer(self._wire, "/messages", body, request, answer, VERSION)


class MessageAnswer(Answer):
    """Reads the events of one answer; pings and thoughts say nothing."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._open_calls: dict[int, Call] = {}  # by the index of their block
        self._usage: LlmUsage | None = None

    def read(self, data: bytes) -> Sequence[LlmEvent]:
        event = _decode(data)
        match event.type:
            case "content_block_delta" if event.delta is not None:
                if event.delta.type == "text_delta":
                    return self.text(event.delta.text)
                if event.delta.type == "input_json_delta":
                    return self._arguments(event.index, event.delta.partial_json)
            case "content_block_start" if event.content_block is not None:
                return self._block(event.index, event.content_block)
            case "message_start" if event.message is not None and event.message.usage is not None:
                self._usage = event.message.usage.onto(None)
            case "message_delta":
                if event.usage is not None:
                    self._usage = event.usage.onto(self._usage)
                if event.delta is not None and event.delta.stop_reason:
                    self.stop = STOP_REASONS.get(event.delta.stop_reason, "end")
            case "message_stop":
                self.done = True
            case "error":
                raise error_from_event(self.endpoint, event.error, started=self.started)
        return ()

    def reported_usage(self) -> LlmUsage | None:
        return self._usage

    def _block(self, index: int, block: Block) -> Sequence[LlmEvent]:
        if block.type == "text":
            return self.text(block.text)
        if block.type != "tool_use":
            return ()
        if not block.name:
            raise ValueError("A tool call has no name.")
        call, started = self.begin_call(block.name, block.id)
        self._open_calls[index] = call
        whole = msgspec.json.encode(block.input).decode() if block.input else ""  # by some, not in pieces
        return (started, *self.arguments(call, whole))

    def _arguments(self, index: int, piece: str) -> Sequence[LlmEvent]:
        call = self._open_calls.get(index)
        return () if call is None else self.arguments(call, piece)
