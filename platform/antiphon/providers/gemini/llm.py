"""Gemini behind `POST /models/{model}:streamGenerateContent`, as server-sent events."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from urllib.parse import quote

import msgspec

from antiphon.providers.base.answer import Answer, StopReason, stream_answer
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.failures import error_from_event
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import LlmCapabilities, LlmEvent, LlmRequest, LlmUsage
from antiphon.providers.gemini.content import Chunk, FunctionCall, Part, Usage, encode_request

STOP_REASONS: Mapping[str, StopReason] = {
    "STOP": "end",
    "OTHER": "end",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "PUP_LIMITED_DISABLED": "content_filter",
}
FAILURES = {
    "MALFORMED_FUNCTION_CALL": "a call of a tool that can't be read",
    "UNEXPECTED_TOOL_CALL": "a call of a tool that was not offered",
    "TOO_MANY_TOOL_CALLS": "too many calls of tools",
    "MISSING_THOUGHT_SIGNATURE": "no answer, for want of a signature of an earlier call",
    "MALFORMED_RESPONSE": "an answer that can't be read",
}

_decode = msgspec.json.Decoder(Chunk).decode


class GeminiLlm:
    """`model` is the name that the server knows, `name` the one that sessions use.

    The endpoint's base URL ends in `/v1beta`, and its key header is `KeyHeader("x-goog-api-key", "")`.
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
        path = f"/models/{quote(self._model, safe='')}:streamGenerateContent?alt=sse"
        body = encode_request(self._model, request)
        return stream_answer(self._wire, path, body, request, ContentAnswer(self._endpoint))


class ContentAnswer(Answer):
    """Reads the chunks of one answer; the one with a finish reason is the last."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._usage = msgspec.Raw()

    def read(self, data: bytes) -> Sequence[LlmEvent]:
        chunk = _decode(data)
        if chunk.error is not None:
            raise error_from_event(self.endpoint, chunk.error, started=self.started)
        if chunk.usage_metadata:
            self._usage = chunk.usage_metadata
        if not chunk.candidates:
            if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
                self._finish("SAFETY")
            return ()
        candidate = chunk.candidates[0]
        events: list[LlmEvent] = []
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                events += self._part(part)
        if candidate.finish_reason:
            self._finish(candidate.finish_reason)
        return events

    def reported_usage(self) -> LlmUsage | None:
        try:
            usage = msgspec.json.decode(self._usage or b"null", type=Usage | None)
        except ValueError:  # then it is estimated
            return None
        return None if usage is None else usage.to_usage()

    def _part(self, part: Part) -> Sequence[LlmEvent]:
        if part.function_call is not None:
            return self._call(part.function_call)
        return () if part.thought else self.text(part.text or "")

    def _call(self, made: FunctionCall) -> Sequence[LlmEvent]:
        if not made.name:
            raise ValueError("A tool call has no name.")
        call, started = self.begin_call(made.name, made.id)
        return (started, *self.arguments(call, bytes(made.args).decode()))

    def _finish(self, reason: str) -> None:
        """Raises ProviderError."""
        self.done = True
        if reason in FAILURES:
            raise ProviderError("upstream", f"The model gave {FAILURES[reason]}: ask again.")
        self.stop = STOP_REASONS.get(reason, "end")
