"""One answer: the events of a response, as they come from OpenAI, Azure or xAI, become those of any model.

xAI leaves out indices, parts and usage, which nothing here relies on.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pybase64

from antiphon.audio.pcm import BYTES_PER_MS
from antiphon.providers.base.answer_stream import AnswerStream
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.failures import error_from_event
from antiphon.providers.base.llm import (
    LlmUsage,
    Stop,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.base.memory import Known
from antiphon.providers.base.realtime import RealtimeRequest, SpokenText
from antiphon.providers.base.tokens import estimated_usage
from antiphon.providers.base.tts import Audio

Event = Mapping[str, Any]

_SHORT: Mapping[str, Literal["length", "content_filter"]] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}


class Answer(AnswerStream):
    """`made` is all that the model has begun to make."""

    def __init__(self, endpoint: Endpoint, quiet: float, number: int, request: RealtimeRequest) -> None:
        super().__init__(endpoint.host, quiet)
        self.number = str(number)
        self.request = request
        self.response_id = ""
        self.made: list[Known] = []
        self._endpoint = endpoint
        self._items: dict[str, Known] = {}

    def take(self, event: Event) -> Known | None:
        """An event of this response. Returns what the model has begun to make with it, if it has.

        Raises KeyError, TypeError and ValueError for an event that is not as it should be.
        """
        match event["type"]:
            case "response.output_item.added":
                return self._begin(event["item"])
            case "response.output_text.delta":
                self._words(event, TextDelta(event["delta"]))
            case "response.output_audio_transcript.delta":
                self._words(event, SpokenText(event["delta"]))
            case "response.output_audio.delta":
                pcm = pybase64.b64decode(event["delta"], validate=True)
                if known := self._items.get(event.get("item_id", "")):
                    known.spoken_ms += len(pcm) / BYTES_PER_MS
                self.tell(Audio(pcm))
            case "response.function_call_arguments.delta":
                self._arguments(event["item_id"], event["delta"])
            case "response.function_call_arguments.done":
                return self._arguments_done(event)
            case "response.done":
                self._end(event)
        return None

    def _begin(self, item: Event) -> Known | None:
        known = Known("assistant", ref=item["id"], made=True)
        if item["type"] == "function_call":
            known.call = ToolCall(item["call_id"], item["name"], "")
            self.tell(ToolCallStarted(item["call_id"], item["name"]))
        elif item["type"] != "message":
            return None
        self._items[known.ref] = known
        self.made.append(known)
        return known

    def _words(self, event: Event, words: TextDelta | SpokenText) -> None:
        if known := self._items.get(event.get("item_id", "")):
            known.text += words.text
        if words.text:
            self.tell(words)

    def _arguments(self, item_id: str, piece: str) -> None:
        known = self._items[item_id]
        if known.call is not None and piece:
            known.call = replace(known.call, arguments=known.call.arguments + piece)
            self.tell(ToolCallDelta(known.call.call_id, piece))

    def _arguments_done(self, event: Event) -> Known | None:
        """Not everybody announces calls or sends arguments in pieces; all say them whole."""
        item_id = event.get("item_id") or event["call_id"]
        begun = None
        if item_id not in self._items:
            begun = self._begin({**event, "type": "function_call", "id": item_id})
        known = self._items[item_id]
        if known.call is not None and not known.call.arguments:
            self._arguments(item_id, event["arguments"])
        return begun

    def _end(self, event: Event) -> None:
        response = event["response"]
        details = response.get("status_details") or {}
        status = response.get("status")
        if status == "failed":
            self.fail(error_from_event(self._endpoint, details.get("error"), started=self.started))
        elif status == "cancelled":
            self.fail(ProviderError("upstream", f"{self._endpoint.host} cancelled the response."))
        else:
            reason = _SHORT.get(details.get("reason") or "") if status == "incomplete" else None
            calls = any(known.call for known in self.made)
            stop = Stop(reason or ("tool_calls" if calls else "end"))
            self.end(usage_of(response, event) or self._estimate(), stop)

    def _estimate(self) -> LlmUsage:
        words = "".join(known.text + (known.call.arguments if known.call else "") for known in self.made)
        spoken = sum(known.spoken_ms for known in self.made)
        return estimated_usage(self.request.prompt, words, int(spoken))


def usage_of(response: Event, event: Event) -> LlmUsage | None:
    """The usage of a response: of OpenAI's, whose cached tokens are among the input's. None where there is none."""
    usage = response.get("usage") or event.get("usage") or {}
    if not usage.get("input_tokens") and not usage.get("output_tokens"):
        return None
    heard = usage.get("input_token_details") or {}
    cached = heard.get("cached_tokens_details") or {}
    said = usage.get("output_token_details") or {}
    return LlmUsage(
        input_tokens=usage.get("input_tokens") or 0,
        output_tokens=usage.get("output_tokens") or 0,
        cached_tokens=heard.get("cached_tokens") or 0,
        input_audio_tokens=heard.get("audio_tokens") or 0,
        cached_audio_tokens=cached.get("audio_tokens") or 0,
        input_image_tokens=heard.get("image_tokens") or 0,
        output_audio_tokens=said.get("audio_tokens") or 0,
    )
