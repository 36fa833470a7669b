"""Server events on their way out: bounded by asking producers to wait, able to take back what has not left, and to
send again what a client has missed."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain

from antiphon.engine.listening_in import UserAudio
from antiphon.protocol import server_events as ev
from antiphon.protocol.items import FunctionCall, FunctionCallOutput, Item, Message

_FULL = 256 * 1024  # bytes of audio and text that may wait for a slow reader
_PARTS = ("text", "transcript", "audio", "image_url")
_DELTAS = (ev.OutputAudioDelta, ev.OutputTranscriptDelta, ev.OutputTextDelta)


class Outbox:
    def __init__(self, *, remembers: int = 0) -> None:
        """`remembers`: how many bytes of the last events that have left stay here, to be sent again."""
        self._events: deque[ev.ServerEvent] = deque()
        self._size = 0
        self._left: deque[ev.ServerEvent] = deque()
        self._left_size = 0
        self._remembers = remembers
        self._forgotten: str | None = None  # the id of the last event that left and is not kept
        self._closed = False
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()

    @property
    def size(self) -> int:
        """About how many bytes wait."""
        return self._size

    def put(self, event: ev.ServerEvent) -> None:
        self._events.append(event)
        self._resize(_size(event))
        self._filled.set()

    async def room(self) -> None:
        """Waits until the reader has caught up. Everybody who adds events of their own accord asks first."""
        if not self._roomy.is_set():
            await self._roomy.wait()

    def close(self) -> None:
        """Nothing is added any more: `drain` returns once everything has left."""
        self._closed = True
        self._filled.set()

    def recall(self, response_id: str) -> Sequence[ev.ServerEvent]:
        """Takes back the last deltas of a response, up to its last event that is none, newest first."""
        recalled: list[ev.ServerEvent] = []
        kept: list[ev.ServerEvent] = []
        while self._events:
            event = self._events.pop()
            ours = getattr(event, "response_id", None) == response_id
            if ours and isinstance(event, _DELTAS):
                recalled.append(event)
                self._resize(-_size(event))
                continue
            kept.append(event)
            if ours:
                break
        self._events.extend(reversed(kept))
        return recalled

    def remove(self, recalled: Sequence[ev.ServerEvent]) -> None:
        """Drops those of the events that still wait: they were taken back elsewhere."""
        gone = {id(event) for event in recalled}
        if gone:
            self._events = deque(event for event in self._events if id(event) not in gone)
            self._resize(sum(map(_size, self._events)) - self._size)

    def rewind(self, last_event_id: str, first: ev.SessionCreated) -> bool:
        """Has everything leave again that came after an event, with `first` before it. What was said to greet an
        earlier connection is left out.

        False, and nothing changes, if the event is unknown or too much has left since. Nobody drains meanwhile.
        """
        events = [*self._left, *self._events]
        seen = 0
        if last_event_id != self._forgotten:
            ids = [event.event_id for event in events]
            if last_event_id not in ids:
                return False
            seen = ids.index(last_event_id) + 1
        unseen = (event for event in events[seen:] if not isinstance(event, ev.SessionCreated))
        self._left = deque(events[:seen])
        self._left_size = sum(map(_size, self._left))
        self._events = deque(chain([first], unseen))
        self._resize(sum(map(_size, self._events)) - self._size)
        self._filled.set()
        return True

    async def drain(self, send: Callable[[ev.ServerEvent], Awaitable[None]]) -> None:
        """Sends events in order until cancelled or closed. An event that is being sent can no longer be recalled,
        and counts as having left if that fails."""
        while True:
            while not self._events:
                if self._closed:
                    return
                self._filled.clear()
                await self._filled.wait()
            event = self._events.popleft()
            self._resize(-_size(event))
            self._remember(event)
            await send(event)

    def _remember(self, event: ev.ServerEvent) -> None:
        self._left.append(event)
        self._left_size += _size(event)
        while self._left_size > self._remembers:
            oldest = self._left.popleft()
            self._left_size -= _size(oldest)
            self._forgotten = oldest.event_id

    def _resize(self, by: int) -> None:
        self._size += by
        if self._size >= _FULL:
            self._roomy.clear()
        else:
            self._roomy.set()


def _size(event: ev.ServerEvent) -> int:
    """About what it takes: audio and text by their length, the rest is small."""
    if isinstance(event, (*_DELTAS, UserAudio)):
        return 300 + len(event.delta)
    return 300 + _length(getattr(event, "item", None))


def _length(item: Item | None) -> int:
    """Of all text and audio in it."""
    match item:
        case Message(content=content):
            parts = (getattr(part, name, None) for part in content for name in _PARTS)
            return sum(len(part) for part in parts if isinstance(part, str))
        case FunctionCall(arguments=text) | FunctionCallOutput(output=text):
            return len(text)
    return 0
