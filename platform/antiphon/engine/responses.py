"""One response: what models produce goes in, server events in the protocol's order come out.

Items and parts open when their first content arrives and close in nesting order, one item at a time, whatever
ends the response (protocol reference 2.1 B, D, E, G, L, M).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from antiphon.audio.formats import Format
from antiphon.engine.conversation import Conversation, Entry
from antiphon.engine.effects import CallRemoteTool
from antiphon.engine.ids import Ids
from antiphon.engine.inputs import CallArguments, Generated, Generation, GenerationBroke
from antiphon.engine.playout import Speech
from antiphon.engine.tool_offers import Offer, Target, outcome
from antiphon.engine.usage import usage_of
from antiphon.protocol import server_events as ev
from antiphon.protocol.items import (
    FunctionCall,
    Item,
    ItemStatus,
    McpApprovalRequest,
    McpCall,
    Message,
    OutputAudio,
    OutputText,
    RemoteToolError,
    with_transcript,
)
from antiphon.protocol.responses import (
    Response,
    ResponseError,
    ResponseParams,
    ResponseStatus,
    StatusDetails,
    StatusReason,
)
from antiphon.providers.base.llm import LlmRequest, LlmUsage


@dataclass(slots=True)
class _Spoken:
    """An open message of audio."""

    message: Message
    index: int
    speech: Speech


@dataclass(slots=True)
class _Written:
    """An open message of text."""

    message: Message
    index: int
    text: str = ""


@dataclass(slots=True)
class _Called:
    """An open function call."""

    call: FunctionCall
    index: int


@dataclass(slots=True)
class _Remote:
    """An open call of a tool that we run. `call_id` is the model's; it runs once its arguments are complete."""

    call: McpCall
    index: int
    call_id: str
    target: Target
    running: bool = False


@dataclass(slots=True)
class _Asking:
    """A call that needs approval; nothing of it is shown before its arguments are complete."""

    request: McpApprovalRequest
    call_id: str
    target: Target


_Open = _Spoken | _Written | _Called | _Remote | _Asking
_CUT_OFF = RemoteToolError(
    type="tool_execution_error", message="The response ended before the tool had returned."
)


class RunningResponse:
    """A response between `response.created` and `response.done`."""

    def __init__(
        self,
        response: Response,
        conversation: Conversation | None,
        ids: Ids,
        *,
        ask: Callable[[Target, McpApprovalRequest], None],
        called: Callable[[str, FunctionCall, Offer], None],
        params: ResponseParams,
        context: Sequence[Entry],
        turn: str,
    ) -> None:
        """`conversation` is None for an out-of-band response, which leaves no items behind.

        `ask` is told of calls that need approval, `called` of function calls in the conversation. `context` is what
        the model will see, `turn` the id of the user item that is answered, or empty.
        """
        self.response = response
        self.params = params
        self.context = context
        self.turn = turn
        self.awaits: set[str] = set()  # items whose words or results it needs before it can start
        self.said = ""  # words that are given: no model is asked for any
        self.request: LlmRequest | None = None  # once its model is at work
        self.format = Format()  # of its audio
        self.offer = Offer()  # the tools that its model was offered
        self.speech_samples = 0
        self._conversation = conversation
        self._ids = ids
        self._ask = ask
        self._called = called
        self._open: _Open | None = None
        self._output: list[Item] = []
        self._characters = 0

    @property
    def id(self) -> str:
        return self.response.id

    def text(self, delta: str) -> list[ev.ServerEvent]:
        events: list[ev.ServerEvent] = []
        part = self._open
        if not isinstance(part, _Written):
            events += self._close_item("completed")
            part = self._open = _Written(self._new_message(), len(self._output))
            events += self._item_added(part.message, part.index)
            events.append(ev.ContentPartAdded(part=ev.TextPart(), **self._part(part)))
        part.text += delta
        self._characters += len(delta)
        events.append(ev.OutputTextDelta(delta=delta, **self._part(part)))
        return events

    def speech_text(self, text: str) -> list[ev.ServerEvent]:
        events, part = self._speaking()
        part.speech.say(text)
        self._characters += len(text)
        events.append(ev.OutputTranscriptDelta(delta=text, **self._part(part)))
        return events

    def word_marked(self, text: str, end: int) -> None:
        """`end` is in samples from the beginning of the speech."""
        if isinstance(self._open, _Spoken):
            self._open.speech.mark(text, end)

    def speech_even(self) -> None:
        if isinstance(self._open, _Spoken):
            self._open.speech.spread()

    def speech_audio(self, audio: bytes, samples: int) -> tuple[list[ev.ServerEvent], Speech]:
        """`audio` is in the output format and plays as long as `samples` at 24 kHz."""
        events, part = self._speaking()
        part.speech.samples += samples
        self.speech_samples += samples
        events.append(ev.OutputAudioDelta(delta=audio, samples=samples, **self._part(part)))
        return events, part.speech

    def call_started(self, call_id: str, name: str) -> list[ev.ServerEvent]:
        events = self._close_item("completed")
        if target := self.offer.targets.get(name):
            return events + self._remote_call_started(call_id, target)
        call = FunctionCall(
            id=self._ids.new("item"), status="in_progress", call_id=call_id, name=name, arguments=""
        )
        self._open = _Called(call, len(self._output))
        events += self._item_added(call, self._open.index)
        return events

    def call_arguments(self, call_id: str, delta: str) -> list[ev.ServerEvent]:
        part = self._open
        self._characters += len(delta)
        if isinstance(part, _Asking) and part.call_id == call_id:
            part.request = structs.replace(part.request, arguments=part.request.arguments + delta)
            return []
        if isinstance(part, _Remote) and part.call_id == call_id:
            part.call = structs.replace(part.call, arguments=part.call.arguments + delta)
            return [
                ev.McpCallArgumentsDelta(
                    response_id=self.id, output_index=part.index, item_id=part.call.id, delta=delta
                )
            ]
        if not isinstance(part, _Called) or part.call.call_id != call_id:
            return []
        part.call = structs.replace(part.call, arguments=part.call.arguments + delta)
        return [
            ev.FunctionCallArgumentsDelta(
                response_id=self.id,
                output_index=part.index,
                item_id=part.call.id,
                call_id=call_id,
                delta=delta,
            )
        ]

    def is_held_up(self, event: Generation) -> bool:
        """Whether this has to wait for a tool: one that runs, or one whose call is complete now that this comes.

        A call that was cut off never runs.
        """
        match self._open, event:
            case _Remote(running=True), _:
                return True
            case _Remote(call_id=call_id), CallArguments(call_id=given) if call_id == given:
                return False
            case _Remote(), GenerationBroke() | Generated(reason="length" | "content_filter"):
                return False
            case _Remote(), _:
                return True
        return False

    @property
    def running_tool(self) -> str:
        """The item of the call that runs now, or empty."""
        return self._open.call.id if isinstance(self._open, _Remote) and self._open.running else ""

    def run_tool(self) -> tuple[list[ev.ServerEvent], CallRemoteTool]:
        """Only when something is held up by a call that does not run yet."""
        part = self._open
        assert isinstance(part, _Remote)
        part.running = True
        events: list[ev.ServerEvent] = [
            self._arguments_done(part),
            ev.McpCallInProgress(item_id=part.call.id, output_index=part.index),
        ]
        call = part.call
        return events, CallRemoteTool(call.id, self.id, part.target.server, part.target.name, call.arguments)

    def tool_returned(self, output: str | None, error: RemoteToolError | None) -> list[ev.ServerEvent]:
        part, self._open = self._open, None
        assert isinstance(part, _Remote)
        item = structs.replace(part.call, output=output, error=error)
        return [*self._item_done(item, part.index), outcome(item.id, part.index, error)]

    def retract(self, unsent: Sequence[ev.ServerEvent]) -> None:
        """These deltas were taken back before they left: what closes the response must not claim them."""
        part = self._open
        samples = sum(event.samples for event in unsent if isinstance(event, ev.OutputAudioDelta))
        self.speech_samples -= samples
        if isinstance(part, _Spoken):
            said = sum(len(e.delta) for e in unsent if isinstance(e, ev.OutputTranscriptDelta))
            part.speech.retract(samples, said)
        elif isinstance(part, _Written):
            written = sum(len(e.delta) for e in unsent if isinstance(e, ev.OutputTextDelta))
            part.text = part.text[: len(part.text) - written]

    def complete(self, usage: LlmUsage | None) -> list[ev.ServerEvent]:
        return self._done("completed", None, "completed", usage)

    def cancel(self, reason: StatusReason | None) -> list[ev.ServerEvent]:
        details = StatusDetails(type="cancelled", reason=reason)
        return self._done("cancelled", details, "incomplete", None)

    def stop_short(self, reason: StatusReason, usage: LlmUsage | None) -> list[ev.ServerEvent]:
        details = StatusDetails(type="incomplete", reason=reason)
        return self._done("incomplete", details, "incomplete", usage)

    def fail(self, error: ResponseError) -> list[ev.ServerEvent]:
        details = StatusDetails(type="failed", error=error)
        return self._done("failed", details, "incomplete", None)

    def _speaking(self) -> tuple[list[ev.ServerEvent], _Spoken]:
        if isinstance(self._open, _Spoken):
            return [], self._open
        events = self._close_item("completed")
        message = self._new_message()
        part = self._open = _Spoken(message, len(self._output), Speech(message.id))
        events += self._item_added(message, part.index, part.speech)
        events.append(ev.ContentPartAdded(part=ev.AudioPart(), **self._part(part)))
        return events, part

    def _new_message(self) -> Message:
        return Message(id=self._ids.new("item"), status="in_progress", role="assistant", content=[])

    def _part(self, part: _Spoken | _Written) -> dict[str, Any]:
        return {
            "response_id": self.id,
            "item_id": part.message.id,
            "output_index": part.index,
            "content_index": 0,
        }

    def _item_added(self, item: Item, index: int, speech: Speech | None = None) -> list[ev.ServerEvent]:
        events: list[ev.ServerEvent] = [
            ev.OutputItemAdded(response_id=self.id, output_index=index, item=item)
        ]
        if self._conversation is not None:
            previous = self._conversation.insert(Entry(item, speech=speech))
            events.append(ev.ItemAdded(previous_item_id=previous, item=item))
        return events

    def _remote_call_started(self, call_id: str, target: Target) -> list[ev.ServerEvent]:
        label, name = target.server.label, target.name
        if target.needs_approval:
            request = McpApprovalRequest(
                id=self._ids.new("mcpr"), server_label=label, name=name, arguments=""
            )
            self._open = _Asking(request, call_id, target)
            return []
        call = McpCall(id=self._ids.new("mcp"), server_label=label, name=name, arguments="")
        self._open = _Remote(call, len(self._output), call_id, target)
        return self._item_added(call, self._open.index)

    def _arguments_done(self, part: _Remote) -> ev.ServerEvent:
        return ev.McpCallArgumentsDone(
            response_id=self.id,
            output_index=part.index,
            item_id=part.call.id,
            arguments=part.call.arguments,
        )

    def _close_item(self, status: ItemStatus) -> list[ev.ServerEvent]:
        part, self._open = self._open, None
        item: Item
        match part:
            case None:
                return []
            case _Spoken(message, index, speech):
                if status == "incomplete":
                    speech.cut(speech.samples)  # of what was to be said, this much exists
                item = structs.replace(message, status=status, content=[OutputAudio(transcript=speech.text)])
                events: list[ev.ServerEvent] = [
                    ev.OutputAudioDone(**self._part(part)),
                    ev.OutputTranscriptDone(transcript=speech.text, **self._part(part)),
                    ev.ContentPartDone(part=ev.AudioPart(transcript=speech.text), **self._part(part)),
                ]
            case _Written(message, index, text):
                item = structs.replace(message, status=status, content=[OutputText(text=text)])
                events = [
                    ev.OutputTextDone(text=text, **self._part(part)),
                    ev.ContentPartDone(part=ev.TextPart(text=text), **self._part(part)),
                ]
            case _Called(call, index):
                item = structs.replace(call, status=status)
                events = [
                    ev.FunctionCallArgumentsDone(
                        response_id=self.id,
                        output_index=index,
                        item_id=call.id,
                        call_id=call.call_id,
                        name=call.name,
                        arguments=call.arguments,
                    )
                ]
                if status == "completed" and self._conversation is not None:
                    self._called(self.id, item, self.offer)
            case _Remote(call, index):  # cut off, as else it would have returned
                item = structs.replace(call, error=_CUT_OFF)
                events = [] if part.running else [self._arguments_done(part)]
                return [*events, *self._item_done(item, index), outcome(call.id, index, _CUT_OFF)]
            case _Asking(request, _, target):
                if status != "completed":
                    return []
                self._ask(target, request)
                item, index = request, len(self._output)
                events = self._item_added(item, index)
        return events + self._item_done(item, index)

    def _item_done(self, item: Item, index: int) -> list[ev.ServerEvent]:
        events: list[ev.ServerEvent] = []
        if self._conversation is not None and (entry := self._conversation.find(item.id)) is not None:
            entry.item = with_transcript(item, entry.speech.heard_text) if entry.speech else item
            previous = self._conversation.previous_id(item.id)
            events.append(ev.ItemDone(previous_item_id=previous, item=item))
        events.append(ev.OutputItemDone(response_id=self.id, output_index=index, item=item))
        self._output.append(item)
        return events

    def _done(
        self,
        status: ResponseStatus,
        details: StatusDetails | None,
        item_status: ItemStatus,
        usage: LlmUsage | None,
    ) -> list[ev.ServerEvent]:
        events = self._close_item(item_status)
        self.response = structs.replace(
            self.response,
            status=status,
            status_details=details,
            output=list(self._output),
            usage=usage_of(usage, self.request, self._characters, self.speech_samples),
        )
        events.append(ev.ResponseDone(response=self.response))
        return events
