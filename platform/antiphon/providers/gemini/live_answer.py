"""One answer of a Live model: what the server says until the turn is complete, or tools are called."""

from collections.abc import Mapping
from itertools import count
from typing import Any

import msgspec
import pybase64

from antiphon.audio.pcm import BYTES_PER_MS
from antiphon.providers.base.answer_stream import AnswerStream
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import LlmUsage, Stop, TextDelta, ToolCall, ToolCallDelta, ToolCallStarted
from antiphon.providers.base.memory import Known
from antiphon.providers.base.realtime import RealtimeRequest, SpokenText
from antiphon.providers.base.tokens import estimated_usage
from antiphon.providers.base.tts import Audio
from antiphon.providers.gemini.live_shapes import usage_of

_ANSWERED = (None, "TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT")
_IDLE = (None, "INTERACTION_STATUS_UNSPECIFIED", "REQUIRES_ACTION", "IDLE")
_numbers = count(1)


class LiveAnswer(AnswerStream):
    """`said` is what the model says in this answer, `calls` the tools it calls at its end."""

    def __init__(self, host: str, quiet: float, request: RealtimeRequest) -> None:
        super().__init__(host, quiet)
        self.said = Known("assistant", made=True)
        self.calls: list[Known] = []
        self._request = request
        self._usage: LlmUsage | None = None
        self._interrupted = False

    def take(self, message: Mapping[str, Any]) -> None:
        """A message may hold several things at once, the end of the turn among them.

        Raises KeyError, TypeError, ValueError and AttributeError for one that is not as it should be.
        """
        if metadata := message.get("usageMetadata"):
            self._usage = usage_of(metadata)
        content = message.get("serverContent") or {}
        for part in (content.get("modelTurn") or {}).get("parts") or ():
            self._part(part)
        if words := (content.get("outputTranscription") or {}).get("text"):
            self.said.text += words
            self.tell(SpokenText(words))
        called = (message.get("toolCall") or {}).get("functionCalls") or ()
        for call in called:
            self._called(call)
        if called:
            self._stop(Stop("tool_calls"))
        elif content.get("interrupted"):  # something before this answer, whose turn completes yet
            self._interrupted = True
        elif content.get("turnComplete") and content.get("interactionStatus") in _IDLE:
            self._turn_complete(content.get("turnCompleteReason"))

    def _part(self, part: Mapping[str, Any]) -> None:
        if part.get("thought"):
            return
        if data := part.get("inlineData"):
            pcm = pybase64.b64decode(data["data"], validate=True)
            self.said.spoken_ms += len(pcm) / BYTES_PER_MS
            self.tell(Audio(pcm))
        elif part.get("text") and self._request.modality == "text":
            self.said.text += part["text"]
            self.tell(TextDelta(part["text"]))

    def _called(self, call: Mapping[str, Any]) -> None:
        call_id = call.get("id") or f"call_{next(_numbers)}"
        arguments = msgspec.json.encode(call.get("args") or {}).decode()
        self.calls.append(Known("assistant", call=ToolCall(call_id, call["name"], arguments), made=True))
        self.tell(ToolCallStarted(call_id, call["name"]))
        self.tell(ToolCallDelta(call_id, arguments))

    def _turn_complete(self, reason: str | None) -> None:
        if self._interrupted:
            self._interrupted = False
        elif reason == "MALFORMED_FUNCTION_CALL":
            self.fail(ProviderError("upstream", f"{self._host} made a function call that is malformed."))
        else:
            self._stop(Stop("end" if reason in _ANSWERED else "content_filter"))

    def _stop(self, stop: Stop) -> None:
        self.end(self._usage or self._estimate(), stop)

    def _estimate(self) -> LlmUsage:
        words = self.said.text + "".join(known.call.arguments for known in self.calls if known.call)
        return estimated_usage(self._request.prompt, words, int(self.said.spoken_ms))
