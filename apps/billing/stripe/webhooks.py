"""What Stripe tells us: verified, noted, answered, and processed later.

An event says only that something changed. Its object is fetched and taken over as it is now, so events may
come late, twice and in any order.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import stripe
import structlog
from django.conf import settings
from django.utils import timezone

from apps.billing.stripe.client import at_stripe, client, id_of, moment
from apps.billing.stripe.customers import tenant_of
from apps.billing.stripe.disputes import dispute_take
from apps.billing.stripe.invoices import invoice_take
from apps.billing.stripe.models import EventStatus, StripeEvent
from apps.billing.stripe.refunds import refund_take
from apps.billing.stripe.subscriptions import page_expired, subscription_take
from apps.billing.stripe.top_ups import top_up_of_intent, top_up_of_session
from apps.core.tenancy import tenant_context

MOST_BYTES = 1 << 20
SIGNED_AGO_SECONDS = 300  # what is older may be somebody who listened
MOST_ATTEMPTS = 8
FIRST_WAIT = timedelta(seconds=15)  # doubled with each attempt: the last one after half an hour

log = structlog.get_logger(__name__)


class BadWebhook(Exception):
    """What came can't be from Stripe. The message is a sentence."""


class _Thing(msgspec.Struct):
    """What an event is about. Who it belongs to is an id, or the whole where somebody expanded it."""

    object: str = ""
    id: str | None = None
    customer: str | dict[str, Any] | None = None
    payment_intent: str | dict[str, Any] | None = None


class _Data(msgspec.Struct):
    object: _Thing


class Event(msgspec.Struct):
    """The parts of an event that matter here."""

    id: str
    type: str
    created: int
    data: _Data


def event_receive(*, body: bytes, signature: str) -> StripeEvent | None:
    """Notes an event; None for one that is known. Raises BadWebhook."""
    _verify(body, signature)
    try:
        return event_note(msgspec.json.decode(body, type=Event))
    except msgspec.DecodeError:  # a ValidationError is one
        raise BadWebhook("The body is not an event of Stripe's.") from None


def _verify(body: bytes, signature: str) -> None:
    """With any of the secrets, so that one can be replaced by another."""
    if not signature:
        raise BadWebhook("The header Stripe-Signature is missing: only Stripe may send events here.")
    secrets = webhook_secrets()
    if not secrets:
        raise BadWebhook("No secret is known for events: set STRIPE_WEBHOOK_SECRET.")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadWebhook("The body is not an event of Stripe's.") from None
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(text, signature, secret, SIGNED_AGO_SECONDS)
        except stripe.SignatureVerificationError:
            continue
        return
    raise BadWebhook(
        "The signature does not fit: check that STRIPE_WEBHOOK_SECRET is the signing secret of this "
        "endpoint, and that the clock is right."
    )


def webhook_secrets() -> tuple[str, ...]:
    if settings.STRIPE_WEBHOOK_SECRETS or settings.STRIPE_SECRET_KEY:
        return tuple(settings.STRIPE_WEBHOOK_SECRETS)
    from apps.billing.stripe.stand_in import webhook_secret

    return (webhook_secret(),)


def event_note(event: Event) -> StripeEvent | None:
    """None for one that is known."""
    about, now = event.data.object, timezone.now()
    wanted = handler_of(event.type) is not None
    row, new = StripeEvent.objects.get_or_create(
        id=event.id,
        defaults={
            "type": event.type[:100],
            "object_id": about.id or "",
            "customer_id": _id(about.id if about.object == "customer" else about.customer),
            "payment_intent_id": _id(about.payment_intent),
            "created_at": moment(event.created),
            "received_at": now,
            "status": EventStatus.WAITING if wanted else EventStatus.IGNORED,
            "next_at": now if wanted else None,
            "done_at": None if wanted else now,
        },
    )
    return row if new else None


def _id(of: str | dict[str, Any] | None) -> str:
    return str(of.get("id", "")) if isinstance(of, dict) else of or ""


def event_process(id: str) -> None:
    """Processes an event that waits for it; twice does no harm. Never raises: what fails is tried again, and parked
    when it fails too often."""
    event = StripeEvent.objects.filter(id=id, status=EventStatus.WAITING).first()
    if event is None:
        return
    try:
        status, error = _handle(event), ""
    except Exception as failure:  # whatever it is: this event must not stop the others
        log.warning("stripe_event_failed", event_id=event.id, type=event.type, exc_info=True)
        status, error = EventStatus.WAITING, f"{type(failure).__name__}: {failure}"[:500]
    _finish(event, status, error, timezone.now())


def _handle(event: StripeEvent) -> EventStatus:
    take = handler_of(event.type)
    if take is None:
        return EventStatus.IGNORED
    customer = event.customer_id
    if not customer and event.payment_intent_id:
        customer = id_of(client().v1.payment_intents.retrieve(event.payment_intent_id).customer)
    tenant = tenant_of(customer)
    if tenant is None:
        return EventStatus.IGNORED  # somebody else uses this account at Stripe, too
    with tenant_context(tenant), at_stripe():
        take(event.object_id)
    return EventStatus.DONE


def _finish(event: StripeEvent, status: EventStatus, error: str, now: datetime) -> None:
    event.status, event.error = status, error
    event.attempts += 1
    event.next_at, event.done_at = None, now
    if status == EventStatus.WAITING:
        event.next_at, event.done_at = now + FIRST_WAIT * 2 ** (event.attempts - 1), None
        if event.attempts >= MOST_ATTEMPTS:
            event.status, event.next_at = EventStatus.PARKED, None
            log.error("stripe_event_parked", event_id=event.id, type=event.type, error=error)
    event.save()


def events_due(*, now: datetime) -> list[str]:
    """What waits: left over by a worker that died, or to be tried again."""
    due = StripeEvent.objects.filter(status=EventStatus.WAITING, next_at__lte=now)
    return list(due.order_by("next_at").values_list("id", flat=True)[:500])


def events_catch_up(*, since: datetime) -> int:
    """Notes what Stripe did not get through to us: it gives up after three days. Returns how many."""
    listed = client().v1.events.list({"created": {"gte": int(since.timestamp())}, "limit": 100})
    return sum(
        event_note(msgspec.convert(event.to_dict(), Event)) is not None for event in listed.auto_paging_iter()
    )


# What is done about each type.


def _take_session(id: str) -> None:
    session = client().v1.checkout.sessions.retrieve(id)
    top_up_of_session(session)
    if session.subscription:
        subscription_take(client().v1.subscriptions.retrieve(id_of(session.subscription)))
    elif session.mode == "subscription" and session.status == "expired":
        page_expired(session.id)


def _take_subscription(id: str) -> None:
    subscription_take(client().v1.subscriptions.retrieve(id))


def _take_invoice(id: str) -> None:
    try:
        found = client().v1.invoices.retrieve(id, {"expand": ["payments"]})
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        return  # a draft that was deleted
    invoice_take(found)


def _take_intent(id: str) -> None:
    top_up_of_intent(client().v1.payment_intents.retrieve(id))


def _take_refund(id: str) -> None:
    refund_take(client().v1.refunds.retrieve(id))


def _take_dispute(id: str) -> None:
    dispute_take(client().v1.disputes.retrieve(id))


_HANDLERS: dict[str, Callable[[str], None]] = {
    "checkout.session.": _take_session,
    "customer.subscription.": _take_subscription,
    "invoice.": _take_invoice,
    "payment_intent.": _take_intent,
    "refund.": _take_refund,
    "charge.dispute.": _take_dispute,
}
_WITHOUT_OBJECT = ("invoice.upcoming",)


def handler_of(type: str) -> Callable[[str], None] | None:
    if type in _WITHOUT_OBJECT:
        return None
    return next((take for prefix, take in _HANDLERS.items() if type.startswith(prefix)), None)
