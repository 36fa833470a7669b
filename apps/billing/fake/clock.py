"""What comes by itself as time goes on: renewals, retries, ends of trials, late refunds, disputes; and what is
forgotten."""

from collections.abc import Callable, Iterator

from apps.billing.fake import checkout, collecting, cycles, disputes, refunds
from apps.billing.fake.invoice_lines import subscription_of
from apps.billing.fake.state import Object, State

DAY = 86_400
EVENTS_KEPT = 30 * DAY
KEYS_KEPT = DAY  # as long as Stripe promises to know an idempotency key
USAGE_KEPT = 100 * DAY

Due = tuple[int, Callable[[State, Object], None], Object]


def run_until(state: State, target: int) -> bool:
    """Do all that is due until then, in order; whether anything was. `state.now` is `target` afterwards."""
    worked = False
    while True:
        at, work, thing = min(_due(state), key=lambda due: due[0], default=(target + 1, _nothing, {}))
        if at > target:
            state.now = target
            return worked
        state.now = max(at, state.document["at"])
        state.document["at"] = state.now
        work(state, thing)
        worked = True


def next_at(state: State, latest: int) -> int:
    """When the next thing is due, at the latest `latest`."""
    return min((due[0] for due in _due(state)), default=latest)


def _nothing(state: State, thing: Object) -> None:
    raise AssertionError("nothing is due")


def _due(state: State) -> Iterator[Due]:
    for subscription in state.all("subscription"):
        yield from _subscription_due(subscription)
    for invoice in state.all("invoice"):
        if invoice["status"] == "draft" and invoice["automatically_finalizes_at"] is not None:
            yield invoice["automatically_finalizes_at"], collecting.finalize_unasked, invoice
        elif invoice["status"] == "open" and invoice["next_payment_attempt"] is not None:
            yield invoice["next_payment_attempt"], collecting.charge_unasked, invoice
        elif invoice["status"] == "open" and invoice["due_date"] is not None and not invoice.get("_overdue"):
            yield invoice["due_date"], _overdue, invoice
    for session in state.all("checkout.session"):
        if session["status"] == "open":
            yield session["expires_at"], checkout.expire_session, session
    for refund in state.all("refund"):
        if refund["_settles_at"] is not None:
            yield refund["_settles_at"], refunds.settle, refund
    for charge in state.all("charge"):
        if (at := disputes.comes_at(state, charge)) is not None:
            yield at, disputes.begin, charge


def _subscription_due(subscription: Object) -> Iterator[Due]:
    if subscription["status"] == "incomplete":
        yield subscription["created"] + cycles.INCOMPLETE_SECONDS, _expire, subscription
    if subscription["status"] not in cycles.GOING:
        return
    if subscription["status"] == "trialing" and not subscription["_warned"]:
        yield subscription["trial_end"] - cycles.TRIAL_WARNING, _warn, subscription
    _, ends = cycles.period_of(subscription)
    cancel_at = subscription["cancel_at"]
    yield ends if cancel_at is None else min(ends, cancel_at), cycles.period_is_over, subscription


def _warn(state: State, subscription: Object) -> None:
    subscription["_warned"] = True
    state.emit("customer.subscription.trial_will_end", subscription)


def _expire(state: State, subscription: Object) -> None:
    cycles.expire_incomplete(state, subscription)
    invoice = state.kind("invoice").get(subscription["latest_invoice"])
    if invoice and invoice["status"] == "open":
        collecting.void(state, invoice)


def _overdue(state: State, invoice: Object) -> None:
    invoice["_overdue"] = True
    state.emit("invoice.overdue", invoice)
    subscription = state.kind("subscription").get(subscription_of(invoice) or "")
    if subscription and subscription["status"] == "active":
        cycles.set_status(state, subscription, "past_due")


def prune(state: State) -> None:
    """Forget what Stripe forgets, so that the state does not grow without end."""
    document = state.document
    waiting = {entry["id"] for entry in document["outbox"]}
    for name, kept in (("events", EVENTS_KEPT), ("keys", KEYS_KEPT), ("meter_events", USAGE_KEPT)):
        held = document[name]
        for id in [
            id for id, each in held.items() if each["created"] < state.now - kept and id not in waiting
        ]:
            del held[id]
    sessions = document["meter_sessions"]
    for token in [token for token, expires in sessions.items() if expires <= state.now]:
        del sessions[token]
