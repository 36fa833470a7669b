"""A client that believes nothing: it replays the server events it receives and checks the engine's invariants."""

from typing import Any

from tests.engine.machine_harness import Event

_DONE = {"completed", "cancelled", "incomplete", "failed"}


class Replay:
    """Invariants 1 to 5 and 7 of the design, event by event. `order` is the conversation as the client has it."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.sessions: list[dict[str, Any]] = []
        self.turns: dict[str, tuple[int, int]] = {}  # start and end in ms, of turns that turn detection ended
        self._started: dict[str, int] = {}
        self._event_ids: set[str] = set()
        self._created: set[str] = set()
        self._done: set[str] = set()
        self._writing: str | None = None
        self._open_item: dict[str, str | None] = {}  # by response
        self._open_part: dict[str, str | None] = {}
        self._text: dict[str, str] = {}  # by item, what its deltas said
        self._arguments: dict[str, str] = {}
        self._items_done: set[str] = set()
        self._calls: set[str] = set()  # of tools that the platform runs
        self._first = True

    def take(self, event: Event) -> None:
        kind = event["type"]
        assert (kind == "session.created") == self._first, "session.created comes first and once"
        self._first = False
        assert event["event_id"] not in self._event_ids, "event ids are unique"
        self._event_ids.add(event["event_id"])
        if kind.startswith("session."):
            self.sessions.append(event["session"])
        elif kind == "conversation.item.added":
            self._note_call(event["item"])
            self._insert(event["item"]["id"], event["previous_item_id"])
        elif kind == "conversation.item.deleted":
            assert event["item_id"] in self.order, "an item is deleted once, after it was added"
            self.order.remove(event["item_id"])
            self._items_done.discard(event["item_id"])  # its id is free again
        elif kind == "conversation.item.done":
            item_id = event["item"]["id"]
            assert item_id in self.order, "an item is done after it was added"
            assert item_id not in self._items_done, "an item is done once"
            self._items_done.add(item_id)
        elif kind == "input_audio_buffer.speech_started":
            self._started[event["item_id"]] = event["audio_start_ms"]
        elif kind == "input_audio_buffer.speech_stopped":
            self.turns[event["item_id"]] = (self._started[event["item_id"]], event["audio_end_ms"])
        elif kind == "response.created":
            self._response_created(event["response"])
        elif kind == "response.done":
            self._response_done(event["response"])
        elif kind.startswith("response.mcp_call."):
            assert event["item_id"] in self._calls, "a call runs after it was added"
        elif kind.startswith("response."):
            self._within_response(kind, event)

    def finish(self) -> None:
        """Nothing may be open once every response is done."""
        if self._created == self._done:
            assert not any(self._open_item.values()), "every item of a finished response is closed"

    def _note_call(self, item: dict[str, Any]) -> None:
        if item["type"] == "mcp_call":
            self._calls.add(item["id"])

    def _insert(self, item_id: str, previous: str | None) -> None:
        assert item_id not in self.order, "an item is added once"
        assert previous is None or previous in self.order, "previous_item_id names an item the client has"
        self.order.insert(0 if previous is None else self.order.index(previous) + 1, item_id)

    def _response_created(self, response: dict[str, Any]) -> None:
        response_id = response["id"]
        assert response_id not in self._created, "one response.created for a response"
        self._created.add(response_id)
        if response["conversation_id"] is not None:
            assert self._writing is None, "one response at a time writes to the conversation"
            self._writing = response_id

    def _response_done(self, response: dict[str, Any]) -> None:
        response_id = response["id"]
        assert response_id in self._created - self._done, "one response.done, after response.created"
        assert response["status"] in _DONE
        assert not self._open_item.get(response_id), "items are closed before response.done"
        self._done.add(response_id)
        if self._writing == response_id:
            self._writing = None

    def _within_response(self, kind: str, event: Event) -> None:
        response_id = event["response_id"]
        assert response_id in self._created, "nothing of a response before response.created"
        assert response_id not in self._done, f"nothing of a response after response.done: {kind}"
        item, part = self._open_item.get(response_id), self._open_part.get(response_id)
        if kind == "response.output_item.added":
            assert item is None, "an item opens when the one before it is closed"
            self._note_call(event["item"])
            self._open_item[response_id] = event["item"]["id"]
            self._text[event["item"]["id"]] = ""
            return
        if kind == "response.output_item.done":
            assert item == event["item"]["id"]
            assert part is None, "parts are closed before their item"
            self._open_item[response_id] = None
            return
        assert item == event["item_id"], f"{kind} belongs to the open item"
        if kind == "response.content_part.added":
            assert part is None, "a part opens when the one before it is closed"
            self._open_part[response_id] = item
        elif kind == "response.content_part.done":
            assert part == item
            self._open_part[response_id] = None
            content = event["part"]
            assert content.get("text", content.get("transcript")) == self._text[item], (
                "deltas join to the whole"
            )
        elif kind in ("response.output_text.delta", "response.output_audio_transcript.delta"):
            assert part == item, "deltas come within an open part"
            self._text[item] += event["delta"]
            made_for, _, _ = event["delta"].partition(":")
            foreign = made_for in self._created and made_for != response_id
            assert not foreign, "output made for another response goes nowhere"
        elif kind == "response.output_audio.delta":
            assert part == item
            assert event["delta"], "no empty audio"
        elif kind == "response.function_call_arguments.delta":
            self._arguments[item] = self._arguments.get(item, "") + event["delta"]
        elif kind == "response.function_call_arguments.done":
            assert event["arguments"] == self._arguments.get(item, "")
