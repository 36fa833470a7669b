"""What the parts of the session machine share: the session, its conversation, the time, and the effects."""

from collections.abc import Callable, Iterable

from msgspec import structs

from antiphon.engine.audio_store import AudioStore
from antiphon.engine.conversation import Conversation
from antiphon.engine.effects import Effect, Send
from antiphon.engine.ids import Ids
from antiphon.engine.ports import UnknownModel
from antiphon.protocol import server_events as ev
from antiphon.protocol.errors import Refused
from antiphon.protocol.session import Session
from antiphon.providers.base.llm import LlmCapabilities
from antiphon.providers.base.realtime import RealtimeCapabilities


class SessionState:
    def __init__(self, session: Session, ids: Ids, capabilities: Callable[[str], LlmCapabilities]) -> None:
        """`capabilities` of a language model by name; raises UnknownModel."""
        self.session = session
        self.capabilities = capabilities
        self.ids = ids
        self.conversation = Conversation(ids.new("conv"))
        self.audio = AudioStore()
        self.call_ids: set[str] = set()  # of all function calls there ever were
        self.left_out: set[str] = set()  # items that no longer fit the model's context
        self.now = 0.0  # ms on the clock of whoever runs the machine
        self._effects: list[Effect] = []
        self._latest: tuple[str, LlmCapabilities | None] = "", None  # asked for once, not for each frame

    @property
    def native(self) -> RealtimeCapabilities | None:
        """What the session's model can do if it hears and speaks itself; None for any other."""
        if self.session.type == "transcription":
            return None
        name, capabilities = self._latest
        if name != self.session.model:
            try:
                capabilities = self.capabilities(self.session.model)
            except UnknownModel:  # said when it is to answer
                return None
            self._latest = self.session.model, capabilities
        return capabilities if isinstance(capabilities, RealtimeCapabilities) else None

    def do(self, effect: Effect) -> None:
        self._effects.append(effect)

    def send(self, event: ev.ServerEvent) -> None:
        event.event_id = self.ids.new("event")
        self._effects.append(Send(event))

    def send_all(self, events: Iterable[ev.ServerEvent]) -> None:
        for event in events:
            self.send(event)

    def refuse(self, refused: Refused, event_id: str | None) -> None:
        """`event_id` is the client's own for the event that was refused."""
        self.send(ev.Error(error=structs.replace(refused.body, event_id=event_id)))

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects
