"""What holds for every client, whatever it does: seen from its side of the wire."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import dropwhile
from typing import Any

from tests.engine.replay import Replay
from tests.openai_types import check_server_event
from tests.random_client.frames import MARK

Event = dict[str, Any]
_CHECKED_OF_EACH = 3
_WEB_SEARCH = '"type":"web_search"'  # a tool of Inworld's, which the openai package does not know
_DELTAS = {
    "response.output_audio.delta",
    "response.output_audio_transcript.delta",
    "response.output_text.delta",
}


def check_story(events: Sequence[Event], frames: Iterable[str]) -> None:
    """All that a client got of one session, over however many connections."""
    replay = Replay()
    for event in events:
        replay.take(event)
    replay.finish()
    check_no_fault_of_ours(events)
    _check_sessions(events, replay.sessions)
    seen: dict[str, int] = {}
    for event, frame in zip(events, frames, strict=True):
        kind = event["type"]
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= _CHECKED_OF_EACH and _WEB_SEARCH not in frame:
            check_server_event(frame)


def check_no_fault_of_ours(events: Iterable[Event]) -> None:
    for event in events:
        assert event["type"] != "error" or event["error"]["type"] != "server_error", event


def check_order(seen: Sequence[Event], sent: Sequence[tuple[str, str]]) -> None:
    """From the first event that a client sees, it sees all in the order in which they were made, each once. It
    misses only what was taken back, and errors that answer others. `sent` has the kind and id of every event."""
    if not seen:
        return
    remaining = dropwhile(lambda made: made[1] != seen[0]["event_id"], sent)
    for event in seen:
        for kind, event_id in remaining:
            if event_id == event["event_id"]:
                break
            assert kind in _DELTAS or kind == "error", f"the client misses {kind} before {event['type']}"
        else:
            raise AssertionError(f"{event['type']} comes late, twice or from nowhere")


def _check_sessions(events: Sequence[Event], sessions: Sequence[Event]) -> None:
    refused = {event["error"]["event_id"] for event in events if event["type"] == "error"}
    for session in sessions:
        if session["object"] != "realtime.session" or not session["instructions"].startswith(MARK):
            continue
        mark = session["instructions"]
        assert session["prompt"]["id"] == session["providerData"]["mark"] == mark, (
            "all of an update is applied"
        )
        assert mark not in refused, "an update that is refused changes nothing"


@contextmanager
def no_error_is_logged() -> Iterator[None]:
    class Errors(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(record)

    logged: list[logging.LogRecord] = []
    handler = Errors(logging.ERROR)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    for record in logged:
        raise AssertionError(f"Logged: {record.getMessage()}") from (record.exc_info or (None, None))[1]
