"""A session that its host ends politely: its clients are told why, what is under way is cut short, the assistant
says goodbye, and the connection closes once that was heard.

Nothing that costs anything is begun meanwhile but the goodbye.
"""

from antiphon.engine import inputs
from antiphon.engine.answering import Answering
from antiphon.engine.effects import CancelTimer, Close, SetTimer
from antiphon.engine.listening import Listening
from antiphon.engine.remote_tools import RemoteTools
from antiphon.engine.responses import RunningResponse
from antiphon.engine.state import SessionState
from antiphon.protocol import client_events as client
from antiphon.protocol import server_events as ev
from antiphon.protocol.errors import Refused

WINDING_UP = "winding_up"  # the timer that runs until the connection closes
LONGEST_MS = 15_000
_ON_ITS_WAY_MS = 500  # until a client plays what was sent: the network, and what players hold back
# What a client may still do: look at what there is, tell what was heard, and cut the goodbye short.
_ADMITTED = (client.ItemRetrieve, client.ItemTruncate, client.OutputAudioClear, client.ResponseCancel)
_UNHEARD = (client.InputAudioAppend, inputs.AudioFrame)


class WindingUp:
    def __init__(
        self,
        state: SessionState,
        answering: Answering,
        listening: Listening,
        remote: RemoteTools,
        *,
        paced: bool,
    ) -> None:
        self._state = state
        self._answering = answering
        self._listening = listening
        self._remote = remote
        self._paced = paced
        self._asked: inputs.WindUp | None = None
        self._goodbye: RunningResponse | None = None
        self._unplayed_ms = 0.0  # of what was cut short
        self._latest = 0.0  # when the connection closes, whatever happens
        self._is_said = False
        self._closed = False

    @property
    def is_on(self) -> bool:
        return self._asked is not None

    def begin(self, event: inputs.WindUp) -> None:
        """The first one counts."""
        if self._asked is not None:
            return
        self._asked = event
        self._latest = self._state.now + LONGEST_MS
        self._state.send(ev.Error(error=event.error))
        self._listening.stop()
        # Few clients drop what they have not played of an answer cut short: the others play the goodbye after it.
        self._unplayed_ms = 0.0 if self._paced else self._answering.left_ms
        self._answering.stop_all()
        self._remote.stop()
        if event.goodbye.strip():
            self._state.do(SetTimer(WINDING_UP, LONGEST_MS))
            self._goodbye = self._answering.recite(event.goodbye)

    def admits(self, event: inputs.Input) -> bool:
        """Whether something still counts. Raises Refused for what a client asks in vain."""
        assert self._asked is not None
        if isinstance(event, inputs.TimerFired):
            return event.name == WINDING_UP
        if isinstance(event, _UNHEARD):
            return False
        if isinstance(event, client.ClientEventBase) and not isinstance(event, _ADMITTED):
            raise Refused(self._asked.error)
        return True

    def advance(self) -> None:
        """Closes the connection once the goodbye was heard, or will not be said."""
        assert self._asked is not None
        if self._goodbye is None or self._goodbye.response.status in ("cancelled", "failed"):
            self.close()
        elif self._goodbye.response.status != "in_progress":
            if not self._is_said:
                self._is_said = True
                wait_ms = self._asked.patience_ms
                if not self._paced:
                    wait_ms = min(wait_ms, self._unplayed_ms + self._answering.left_ms + _ON_ITS_WAY_MS)
                wait_ms = min(wait_ms, self._latest - self._state.now)
                self._state.do(SetTimer(WINDING_UP, max(wait_ms, 0.0)))
            if not self._goodbye.speech_samples or (self._paced and not self._answering.left_ms):
                self.close()

    def close(self) -> None:
        assert self._asked is not None
        if not self._closed:
            self._closed = True
            self._state.do(CancelTimer(WINDING_UP))
            self._state.do(Close(self._asked.code, self._asked.reason))
