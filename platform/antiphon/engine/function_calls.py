"""Functions that the platform runs itself for the app: which run, what they return, and when that is to be told.

A call runs beside whatever is being said. Its output is an item like that of a client's function; once all calls
of a response have one, a response follows by itself, unless the client runs some of them too and so asks for it.
"""

from collections.abc import Container
from dataclasses import dataclass

import msgspec

from antiphon.engine import inputs
from antiphon.engine.conversation import Entry
from antiphon.engine.effects import RunFunction, StopFunction
from antiphon.engine.state import SessionState
from antiphon.engine.tool_offers import Offer
from antiphon.protocol import errors
from antiphon.protocol import server_events as ev
from antiphon.protocol.items import FunctionCall, FunctionCallOutput

MOST_IN_A_ROW = 16  # responses that follow results by themselves, before the model has to answer in words
_STOPPED = "The call was interrupted before it returned; it may have taken effect or not."


@dataclass(frozen=True, slots=True)
class _Running:
    call: FunctionCall
    response_id: str


class FunctionCalls:
    def __init__(self, state: SessionState, names: Container[str]) -> None:
        self._state = state
        self._names = names
        self._running: dict[str, _Running] = {}  # by item
        self._ours: set[str] = set()  # call ids of all that ever ran here
        self._shared: set[str] = set()  # responses some of whose calls are the client's
        self._untold: set[str] = set()  # responses whose results no model has seen yet

    def runs(self, name: str, offer: Offer) -> bool:
        """Whether a function is run here: a name that the response did not offer is the client's to refuse."""
        return name in self._names and any(tool.name == name for tool in offer.tools)

    def called(self, response_id: str, call: FunctionCall, offer: Offer) -> None:
        """A response has made a call."""
        if not self.runs(call.name, offer):
            self._shared.add(response_id)
            return
        self._ours.add(call.call_id)
        self._running[call.id] = _Running(call, response_id)
        self._state.do(RunFunction(call, response_id))

    def returned(self, event: inputs.FunctionReturned) -> bool:
        """Its output enters the conversation. False if the call was stopped before."""
        running = self._running.pop(event.item_id, None)
        if running is None:
            return False
        self._untold.add(running.response_id)
        self._put_output(running.call, event.output)
        return True

    def stop(self, response_id: str | None) -> list[str]:
        """Stops the calls of a response, or all, and says which items those were."""
        stopped = [
            item_id
            for item_id, running in self._running.items()
            if response_id in (None, running.response_id)
        ]
        for item_id in stopped:
            self._state.do(StopFunction(item_id))
            self._put_output(self._running.pop(item_id).call, failed(_STOPPED))
        return stopped

    def check_output(self, output: FunctionCallOutput) -> None:
        """Raises Refused for a client's output of a call that is ours."""
        if output.call_id in self._ours:
            raise errors.invalid_value(
                f"The call '{output.call_id}' is run by the platform, which adds its output itself.",
                "item.call_id",
            )

    @property
    def pending(self) -> set[str]:
        """The items of the calls that run."""
        return set(self._running)

    @property
    def is_due(self) -> bool:
        """Whether there are results for which a response should follow."""
        return bool(self._untold - self._shared - {running.response_id for running in self._running.values()})

    def asked(self) -> None:
        """The client has done its part of the calls, and wants an answer."""
        self._shared.clear()

    def told(self) -> None:
        """A model is asked that sees all results there are."""
        self._untold.clear()

    def _put_output(self, call: FunctionCall, output: str) -> None:
        item = FunctionCallOutput(id=self._state.ids.new("item"), call_id=call.call_id, output=output)
        previous = self._state.conversation.insert(Entry(item))
        self._state.send(ev.ItemAdded(previous_item_id=previous, item=item))
        self._state.send(ev.ItemDone(previous_item_id=previous, item=item))


def failed(message: str) -> str:
    """The output of a call that returned nothing, for a model to explain."""
    return msgspec.json.encode({"error": message}).decode()
