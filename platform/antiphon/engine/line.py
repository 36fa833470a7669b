"""Which response a paced transport plays: the events by which its client knows when each is heard.

Positions are samples of all audio that the transport was given.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from antiphon.engine.state import SessionState
from antiphon.protocol import server_events as ev


@dataclass(slots=True)
class _Waiting:
    response_id: str
    end: int


class Line:
    def __init__(self, state: SessionState, is_done: Callable[[str], bool]) -> None:
        """`is_done`: whether a response will have no more audio."""
        self._state = state
        self._is_done = is_done
        self._waiting: deque[_Waiting] = deque()  # the first is being played

    def add(self, response_id: str, end: int) -> None:
        """A response's audio reaches `end`."""
        if self._waiting and self._waiting[-1].response_id == response_id:
            self._waiting[-1].end = end
            return
        self._waiting.append(_Waiting(response_id, end))
        if len(self._waiting) == 1:
            self._state.send(ev.OutputAudioBufferStarted(response_id=response_id))

    def advance(self, played: float) -> None:
        """So much was played, or a response was done."""
        while self._waiting and played >= self._waiting[0].end:
            playing = self._waiting[0].response_id
            if len(self._waiting) == 1 and not self._is_done(playing):
                return
            self._waiting.popleft()
            self._state.send(ev.OutputAudioBufferStopped(response_id=playing))
            if self._waiting:
                self._state.send(ev.OutputAudioBufferStarted(response_id=self._waiting[0].response_id))

    def clear(self) -> bool:
        """Nothing more is played. False if nothing was."""
        if not self._waiting:
            return False
        self._state.send(ev.OutputAudioBufferCleared(response_id=self._waiting[0].response_id))
        self._waiting.clear()
        return True
