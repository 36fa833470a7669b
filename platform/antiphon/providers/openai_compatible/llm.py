"""Language models behind `POST /chat/completions`, streamed."""

from collections.abc import AsyncGenerator, Mapping, Sequence

import msgspec

from antiphon.providers.base.answer import Answer, Call, StopReason, stream_answer
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.failures import error_from_event
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import LlmCapabilities, LlmEvent, LlmRequest, LlmUsage
from antiphon.providers.openai_compatible.chat import (
    Chunk,
    Quirks,
    ToolCallPart,
    Usage,
    encode_request,
)
from antiphon.providers.openai_compatible.thoughts import WithoutThoughts

DONE = b"[DONE]"

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

    def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        body = encode_request(self._model, request, self._quirks, reasoning=self.capabilities.reasoning)
        answer = ChatAnswer(self._endpoint)
        return stream_answer(self._wire, "/chat/completions", body, request, answer)


class ChatAnswer(Answer):
    """Reads the chunks of one answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._open_calls: dict[int, Call] = {}  # by the server's index
        self._last_index = 0
        self._usage: Usage | None = None
        self._thoughts = WithoutThoughts()

    def read(self, data: bytes) -> Sequence[LlmEvent]:
        if data == DONE:
            self.done = True
            return self.text(self._thoughts.end())
        chunk = _decode(data)
        if chunk.error is not None:
            raise error_from_event(self.endpoint, chunk.error, started=self.started)
        if chunk.usage is not None:
            self._usage = chunk.usage
        if not chunk.choices:
            return ()
        choice = chunk.choices[0]
        if choice.finish_reason:
            self.stop = STOP_REASONS.get(choice.finish_reason, "end")
        delta = choice.delta
        if delta is None:
            return ()
        said = delta.content if isinstance(delta.content, str) else delta.text_of_parts()
        text = self.text(said if self._thoughts.passed else self._thoughts.feed(said))
        if not delta.tool_calls:
            return text
        return [*text, *(event for part in delta.tool_calls for event in self._tool_call(part))]

    def reported_usage(self) -> LlmUsage | None:
        return None if self._usage is None else self._usage.to_usage()

    def _tool_call(self, part: ToolCallPart) -> Sequence[LlmEvent]:
        name = (part.function and part.function.name) or ""
        arguments = (part.function and part.function.arguments) or ""
        index = self._last_index if part.index is None else part.index
        self._last_index = index
        call = self._open_calls.get(index)
        if call is not None and not (name and part.id and part.id != call.call_id):
            return self.arguments(call, arguments)
        if not name:
            raise ValueError("A tool call begins without a name.")
        call, started = self.begin_call(name, part.id)  # some number every call 0: a new id is a new call
        self._open_calls[index] = call
        return (started, *self.arguments(call, arguments))
