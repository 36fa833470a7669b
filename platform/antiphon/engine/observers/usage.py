"""What a session uses, as usage records: one for each attempt at an answer, each transcription, each speech and
each tool that we run, and some for the time connected: to the client, and to a model that is billed by time."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Container, Sequence
from typing import Any

from antiphon.engine import inputs
from antiphon.metering.pricing import NO_MARKUP, PriceRules, billed
from antiphon.metering.rates import RateCard
from antiphon.metering.records import Kind, UsageRecord, User, subject_of, usage_record
from antiphon.protocol import server_events as ev
from antiphon.providers.base.llm import Outcome
from antiphon.providers.base.usage import Quantities, of_connection, of_recognition, of_speech, of_tokens

WEBSOCKET = "antiphon/websocket"
TOOL = "antiphon/tool"


async def _at_once() -> None:
    """For a sink that keeps what it is given before it returns."""


class UsageObserver:
    """Observes one session, and is its `ports.Meter`. Prices what was used at the rates of that moment and gives it
    to `sink`, which is called on the event loop, keeps it for good and returns at once: whoever is told of a
    record, the record is there.

    Everything is recorded when it is reported: nothing waits for a response to end, since attempts that lost a race
    report after it.
    """

    def __init__(
        self,
        sink: Callable[[UsageRecord], object],
        rates: RateCard,
        user: User,
        *,
        epoch_ms: float,
        rules: PriceRules = NO_MARKUP,
        own_credentials: Container[str] = (),
        transport: str = WEBSOCKET,
        settle: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:
        """`epoch_ms` is when the session's clock read zero, in ms since 1970. `own_credentials` names the providers
        that bill the tenant itself. `settle` returns when all that the sink was given is durable."""
        self._sink = sink
        self._rates = rates
        self._user = user
        self._rules = rules
        self._own_credentials = own_credentials
        self._transport = transport
        self._epoch = epoch_ms
        self._attempts: defaultdict[tuple[Kind, str], int] = defaultdict(int)
        self._connected_at: float | None = None
        self._connected_ms = 0  # of which a record was made
        self._untold: dict[str, list[UsageRecord]] = {}  # of responses that are not done
        self._news: list[UsageRecord] = []
        self._settle = settle

    def __call__(self, event: object, now: float) -> None:
        if handler := _HANDLERS.get(type(event)):
            handler(self, event, now + self._epoch)

    def bills_time(self, now: float) -> bool:
        """Whether the tenant pays for being connected."""
        minute: Quantities = {"session_ms": 60_000}
        priced = billed(self._transport, minute, now + self._epoch, rates=self._rates, rules=self._rules)
        return any(line.price_micro for line in priced.lines)

    def note_time(self, now: float) -> None:
        """Records how long the client has been connected since this was last recorded."""
        if self._connected_at is None:
            return
        connected = round(now + self._epoch - self._connected_at) - self._connected_ms
        if connected > 0:
            self._connected_ms += connected
            self._record("transport", self._transport, {"session_ms": connected}, now + self._epoch)

    # The session's meter

    def of_response(self, response_id: str) -> Sequence[UsageRecord]:
        return self._untold.pop(response_id, ())

    def news(self) -> Sequence[UsageRecord]:
        if not self._news:
            return ()
        news, self._news = self._news, []
        return news

    def over(self, now: float) -> None:
        self.note_time(now)
        self._connected_at = None
        for records in self._untold.values():
            self._news += records
        self._untold.clear()

    async def settle(self) -> None:
        await self._settle()

    # What it sees

    def _created(self, event: ev.SessionCreated, at: float) -> None:
        if self._connected_at is None:
            self._connected_at = at

    def _response_created(self, event: ev.ResponseCreated, at: float) -> None:
        self._untold[event.response.id] = []

    def _attempted(self, event: inputs.Attempted, at: float) -> None:
        attempt = event.attempt
        if attempt.usage is None:  # it failed before it cost anything
            return
        self._record(
            "response",
            attempt.model,
            {**of_tokens(attempt.usage), "request": 1},
            at,
            response_id=event.response_id,
            estimated=attempt.usage.estimated,
            outcome=attempt.outcome,
        )

    def _recognised(self, event: inputs.RecognitionUsed, at: float) -> None:
        self._record("transcription", event.model, of_recognition(event.usage), at, item_id=event.item_id)

    def _spoke(self, event: inputs.SpeechUsed, at: float) -> None:
        self._record("speech", event.model, of_speech(event.usage), at, response_id=event.response_id)

    def _connected(self, event: inputs.UpstreamUsed, at: float) -> None:
        """Only what is billed for being connected: any other model is paid by what its answers use."""
        quantities = of_connection(event.usage)
        if any(self._rates.find(event.model, unit, at) for unit in quantities):
            self._record("connection", event.model, quantities, at)

    def _tool_used(self, event: inputs.FunctionEnded | inputs.RemoteToolUsed, at: float) -> None:
        quantities: Quantities = {"request": 1, "tool_ms": event.duration_ms}
        self._record(
            "tool",
            TOOL,
            quantities,
            at,
            response_id=event.response_id or None,
            item_id=event.item_id,
            outcome=event.outcome,
        )

    def _record(
        self,
        kind: Kind,
        model: str,
        quantities: Quantities,
        at: float,
        *,
        response_id: str | None = None,
        item_id: str | None = None,
        estimated: bool = False,
        outcome: Outcome | None = None,
    ) -> None:
        counted = kind, subject_of(model, response_id, item_id)
        number = self._attempts[counted]
        self._attempts[counted] = number + 1
        record = usage_record(
            self._user,
            kind=kind,
            attempt=number,
            model=model,
            billed=billed(
                model,
                quantities,
                at,
                rates=self._rates,
                rules=self._rules,
                own_credential=model.partition("/")[0] in self._own_credentials,
            ),
            response_id=response_id,
            item_id=item_id,
            estimated=estimated,
            outcome=outcome,
            at=at,
        )
        self._sink(record)
        self._untold.get(response_id or "", self._news).append(record)


_HANDLERS: dict[type, Callable[[UsageObserver, Any, float], None]] = {
    ev.SessionCreated: UsageObserver._created,
    ev.ResponseCreated: UsageObserver._response_created,
    inputs.Attempted: UsageObserver._attempted,
    inputs.RecognitionUsed: UsageObserver._recognised,
    inputs.SpeechUsed: UsageObserver._spoke,
    inputs.UpstreamUsed: UsageObserver._connected,
    inputs.FunctionEnded: UsageObserver._tool_used,
    inputs.RemoteToolUsed: UsageObserver._tool_used,
}
