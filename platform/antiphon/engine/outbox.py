"""Server events on their way out: bounded by asking producers to wait, and able to take back what has not left."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from antiphon.protocol import server_events as ev

_FULL = 256 * 1024  # bytes of audio and text that may wait for a slow reader
_DELTAS = (ev.OutputAudioDelta, ev.OutputTranscriptDelta, ev.OutputTextDelta)


class Outbox:
    def __init__(self) -> None:
        self._events: deque[ev.ServerEvent] = deque()
        self._size = 0
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, event: ev.ServerEvent) -> None:
        self._events.append(event)
        self._resize(_size(event))
        self._filled.set()
        self._empty.clear()

    async def room(self) -> None:
        """Waits until the reader has caught up. Everybody who adds events of their own accord asks first."""
        if not self._roomy.is_set():
            await self._roomy.wait()

    async def emptied(self) -> None:
        """Waits until everything has left."""
        await self._empty.wait()

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

    async def drain(self, send: Callable[[ev.ServerEvent], Awaitable[None]]) -> None:
        """Sends events in order until cancelled. An event that is being sent can no longer be recalled."""
        while True:
            if not self._events:
                self._filled.clear()
                self._empty.set()
                await self._filled.wait()
            event = self._events.popleft()
            await send(event)
            self._resize(-_size(event))

    def _resize(self, by: int) -> None:
        self._size += by
        if self._size >= _FULL:
            self._roomy.clear()
        else:
            self._roomy.set()


def _size(event: ev.ServerEvent) -> int:
    """About what it takes: audio counts by its length, the rest is small."""
    return 300 + (len(event.delta) if isinstance(event, _DELTAS) else 0)
