"""What a session uses, as usage records: one for each attempt at an answer, each transcription and each speech,
and some for the connection to a model that is billed by time."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from antiphon.engine import inputs
from antiphon.metering.rates import RateCard
from antiphon.metering.records import Kind, UsageRecord, usage_record
from antiphon.providers.base.llm import Outcome
from antiphon.providers.base.usage import Quantities, of_connection, of_recognition, of_speech, of_tokens


class UsageObserver:
    """Observes one session. Prices what was used at the rates of that moment and gives it to `sink`, which is
    called on the event loop and must return at once.

    Everything is recorded when it is reported: nothing waits for a response to end, since attempts that lost a race
    report after it.
    """

    def __init__(
        self,
        sink: Callable[[UsageRecord], object],
        rates: RateCard,
        *,
        tenant_id: str,
        session_id: str,
        epoch_ms: float,
    ) -> None:
        """`epoch_ms` is when the session's clock read zero, in ms since 1970."""
        self._sink = sink
        self._rates = rates
        self._tenant_id = tenant_id
        self._session_id = session_id
        self._epoch = epoch_ms
        self._attempts: defaultdict[tuple[Kind, str], int] = defaultdict(int)

    def __call__(self, event: object, now: float) -> None:
        if handler := _HANDLERS.get(type(event)):
            handler(self, event, now + self._epoch)

    def _attempted(self, event: inputs.Attempted, at: float) -> None:
        attempt = event.attempt
        if attempt.usage is None:  # it failed before it cost anything
            return
        quantities: Quantities = {**of_tokens(attempt.usage), "request": 1}
        self._record(
            "response",
            event.response_id,
            attempt.model,
            quantities,
            at,
            estimated=attempt.usage.estimated,
            outcome=attempt.outcome,
        )

    def _recognised(self, event: inputs.RecognitionUsed, at: float) -> None:
        self._record("transcription", event.item_id, event.model, of_recognition(event.usage), at)

    def _spoke(self, event: inputs.SpeechUsed, at: float) -> None:
        self._record("speech", event.response_id, event.model, of_speech(event.usage), at)

    def _connected(self, event: inputs.UpstreamUsed, at: float) -> None:
        """Only what is billed for being connected: any other model is paid by what its answers use."""
        quantities = of_connection(event.usage)
        if any(self._rates.find(event.model, unit, at) for unit in quantities):
            self._record("connection", event.model, event.model, quantities, at)

    def _record(
        self,
        kind: Kind,
        subject_id: str,
        model: str,
        quantities: Quantities,
        at: float,
        *,
        estimated: bool = False,
        outcome: Outcome | None = None,
    ) -> None:
        number = self._attempts[kind, subject_id]
        self._attempts[kind, subject_id] = number + 1
        self._sink(
            usage_record(
                tenant_id=self._tenant_id,
                session_id=self._session_id,
                kind=kind,
                subject_id=subject_id,
                attempt=number,
                model=model,
                priced=self._rates.price(model, quantities, at),
                estimated=estimated,
                outcome=outcome,
                at=at,
            )
        )


_HANDLERS: dict[type, Callable[[UsageObserver, Any, float], None]] = {
    inputs.Attempted: UsageObserver._attempted,
    inputs.RecognitionUsed: UsageObserver._recognised,
    inputs.SpeechUsed: UsageObserver._spoke,
    inputs.UpstreamUsed: UsageObserver._connected,
}
