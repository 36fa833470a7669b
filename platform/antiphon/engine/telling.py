"""What clients are told that ask for more than the protocol has: attempts, decisions and what is used, as server
events."""

from collections.abc import Sequence

from antiphon.engine import inputs
from antiphon.metering.records import UsageRecord
from antiphon.protocol import server_events as ev
from antiphon.protocol.responses import Spent, SpentLine


def attempt_ended(event: inputs.Attempted) -> ev.AttemptEnded:
    attempt, used = event.attempt, event.attempt.usage
    told = ev.AttemptEnded(
        response_id=event.response_id,
        model=attempt.model,
        reason=attempt.reason,
        outcome=attempt.outcome,
        first_output_ms=None if attempt.first_output is None else attempt.first_output - attempt.began,
        duration_ms=attempt.ended - attempt.began,
        error=attempt.error,
    )
    if used is not None:
        told.input_tokens, told.cached_tokens = used.input_tokens, used.cached_tokens
        told.output_tokens, told.estimated = used.output_tokens, used.estimated
    return told


def latency_decided(event: inputs.LatencyDecided) -> ev.LatencyDecided:
    decision = event.decision
    return ev.LatencyDecided(
        response_id=event.response_id,
        decision=decision.kind,
        reason=decision.reason,
        after_ms=decision.after_ms,
        model=decision.model,
    )


def spent(records: Sequence[UsageRecord]) -> Spent:
    lines = [line for record in records for line in _lines(record)]
    return Spent(lines=lines, price_micro=sum([record.price_micro for record in records]))


def usage_recorded(record: UsageRecord) -> ev.UsageRecorded:
    return ev.UsageRecorded(
        response_id=record.response_id,
        item_id=record.item_id,
        lines=_lines(record),
        price_micro=record.price_micro,
    )


def _lines(record: UsageRecord) -> list[SpentLine]:
    used = [(line.unit, line.quantity, line.price_micro) for line in record.lines]
    return [
        SpentLine(
            record=record.id,
            kind=record.kind,
            model=record.model,
            unit=unit,
            quantity=quantity,
            price_micro=price_micro,
            estimated=record.estimated,
        )
        for unit, quantity, price_micro in [
            *used,
            *((missing.unit, missing.quantity, None) for missing in record.unpriced),
        ]
    ]
