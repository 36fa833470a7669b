"""What clients are told that ask for more than the protocol has: attempts and decisions, as server events."""

from antiphon.engine import inputs
from antiphon.protocol import server_events as ev


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
