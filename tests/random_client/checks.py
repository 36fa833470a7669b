"""What holds for every client, whatever it does: seen from its side of the wire."""

import logging
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from itertools import dropwhile
from typing import Any

from antiphon.protocol.server_events import Error, ServerEvent, SessionCreated
from tests.engine.replay import Replay
from tests.openai_types import check_server_event
from tests.random_client.frames import MARK

Event = dict[str, Any]
_CHECKED_OF_EACH = 3
_WEB_SEARCH = '"type":"web_search"'  # a tool of Inworld's, which the openai package does not know


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


def check_order(seen: Sequence[Event], made: Iterable[ServerEvent], maybe: Set[str] = frozenset()) -> None:
    """From the first event that a client sees, it sees all that were made in their order, each once; but for errors
    that answer others, and, as it happened, those whose ids are in `maybe`."""
    if not seen:
        return
    remaining = dropwhile(lambda event: event.event_id != seen[0]["event_id"], made)
    for event in seen:
        for due in remaining:
            if due.event_id == event["event_id"]:
                break
            missed = f"the client misses {due} before {event['type']}"
            assert isinstance(due, Error | SessionCreated) or due.event_id in maybe, missed
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
