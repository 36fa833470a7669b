"""One socket to a Live model. All that is said over it is appended to what the model knows; nothing can be taken
back, and there is one setup.
"""

from collections.abc import Sequence
from typing import Any

from antiphon.audio.formats import Encoder
from antiphon.providers.base.duplex import Duplex, Meter
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import Message
from antiphon.providers.base.memory import Known, Memory, given, single
from antiphon.providers.base.realtime import RealtimeRequest
from antiphon.providers.gemini import live_shapes as shapes
from antiphon.providers.gemini.live_answer import LiveAnswer

_PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


class LiveConnection:
    """Connects at once; what is sent before the model is set up waits for that.

    `expects_history`: the model is told a conversation before anything else. `error` is set when the connection is
    of no use any more, `leaving` when the server has announced that.
    """

    def __init__(
        self, wire: Wire, endpoint: Endpoint, setup: dict[str, Any], meter: Meter, *, expects_history: bool
    ) -> None:
        self.setup = setup
        self.expects_history = expects_history
        self.error: ProviderError | None = None
        self.leaving = False
        self.used = False  # the model was told something
        self.answer: LiveAnswer | None = None
        self._endpoint = endpoint
        self._quiet = wire.timeouts.idle
        self._memory = Memory()
        self._awaited: dict[str, str] = {}  # the names of calls whose results the model waits for
        self._turn = ""  # the item of the activity under way
        self._heard = 0  # bytes of it
        self._encoder = Encoder(shapes.HEARD)
        self._waiting: list[dict[str, Any]] | None = []  # None once the model is set up
        self._duplex = Duplex(lambda: wire.connect(endpoint, _PATH), self._take, self._break, meter)
        if expects_history:
            setup = {**setup, "historyConfig": {"initialHistoryInClientContent": True}}
        self._duplex.send({"setup": setup})

    @property
    def is_busy(self) -> bool:
        return self.answer is not None and not self.answer.over.is_set()

    def hear(self, item_id: str, pcm: bytes) -> None:
        """Only between answers; a turn from its beginning."""
        if not self._turn:
            self._turn, self.used = item_id, True
            self._send(shapes.begin())
        self._heard += len(pcm)
        self._send(*shapes.sound(self._encoder, pcm))

    def begin(self, messages: Sequence[Message]) -> None:
        """Tells a new model the conversation, and has it answer."""
        wanted = list(single(messages))
        before = len(wanted) - (1 if wanted and wanted[-1].role != "assistant" else 0)
        if self.expects_history:
            self._send(shapes.history(wanted[:before]))
        self._send(*shapes.live(wanted[before:]))
        self._memory.items = [given(message, by_ear=bool(message.audio)) for message in wanted]
        self.used = True

    def go_on(self, messages: Sequence[Message]) -> bool:
        """Tells the model what is new, and has it answer. False, and nothing was told, if it is not only that there
        is something new."""
        wanted = list(single(messages))
        known = list(self._memory.items)
        if self._turn:
            known.append(Known("user", self._turn, by_ear=True))
        matched = Memory(known, self._memory.calls).match(wanted)
        new = wanted[len(known) :]
        if matched != [*known, *(None for _ in new)]:
            return False
        if any(one.is_cut_by(message) for one, message in zip(known, wanted, strict=False)):
            return False
        if not self._tell(new, wanted[len(known) - 1].audio if self._turn else b""):
            return False
        self._memory.items = [*known, *(given(message, by_ear=bool(message.audio)) for message in new)]
        self._turn, self._heard = "", 0
        return True

    def answering(self, request: RealtimeRequest) -> LiveAnswer:
        self.answer = LiveAnswer(self._endpoint.host, self._quiet, request)
        if self.error is not None:
            self.answer.fail(self.error)
        return self.answer

    async def aclose(self) -> None:
        await self._duplex.aclose()
        self._break(ProviderError("network", f"The connection to {self._endpoint.host} was closed."))

    def _tell(self, new: Sequence[Message], turn: bytes) -> bool:
        calls = self._memory.calls
        told = {calls.get(message.call_id or "", message.call_id) for message in new}
        if self._awaited:
            if self._turn or told != set(self._awaited):
                return False
            self._send(shapes.results(new, self._awaited, calls))
            self._awaited = {}
        elif self._turn:
            if new:
                return False
            self._send(*shapes.sound(self._encoder, turn[self._heard :], is_last=True), shapes.end())
        elif any(message.role in ("assistant", "tool") for message in new):
            return False
        else:
            self._send(*shapes.live(new))
        return True

    def _send(self, *messages: dict[str, Any]) -> None:
        if self._waiting is not None:
            self._waiting += messages
            return
        for message in messages:
            self._duplex.send(message)

    def _take(self, message: dict[str, Any]) -> None:
        if "setupComplete" in message:
            waiting, self._waiting = self._waiting or [], None
            self._send(*waiting)
        if "goAway" in message:
            self.leaving = True
        if self.answer is None or not self.is_busy:
            return
        try:
            self.answer.take(message)
        except (KeyError, TypeError, ValueError, AttributeError):
            error = f"{self._endpoint.host} sent a message that can't be understood."
            raise ProviderError("upstream", error) from None
        if not self.is_busy:
            self._remember(self.answer)

    def _remember(self, answer: LiveAnswer) -> None:
        said = [answer.said] if answer.said.text or answer.said.spoken_ms else []
        self._memory.items += [*said, *answer.calls]
        self._awaited = {known.call.call_id: known.call.name for known in answer.calls if known.call}

    def _break(self, error: ProviderError) -> None:
        if self.error is not None:
            return
        if "api key" in error.message.lower():  # said in the reason for which the socket is closed
            host = self._endpoint.host
            error = ProviderError("auth", f"{host} refused the API key: check the key of this provider.")
        self.error = error
        if self.answer is not None:
            self.answer.fail(error)
