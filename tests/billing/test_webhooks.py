"""What comes at the address for Stripe's events."""

import json
import time
from datetime import timedelta
from unittest import mock

import pytest
import stripe
from django.test import Client

from apps.billing import tasks
from apps.billing.stripe import webhooks
from apps.billing.stripe.models import EventStatus, StripeEvent, TopUp, TopUpStatus
from apps.billing.stripe.top_ups import top_up_start
from apps.core.tenancy import tenant_context
from tests.billing.stripe_account import Account
from tests.cast import Person


def send(body: bytes, signature: str) -> tuple[int, dict[str, object]]:
    response = Client().post(
        "/webhooks/stripe", body, content_type="application/json", headers={"stripe-signature": signature}
    )
    return response.status_code, response.json()


def paid(person: Person, account: Account) -> list[tuple[bytes, str]]:
    """The events of a top-up that was paid; none was received yet."""
    with tenant_context(person.tenant.id):
        url = top_up_start(amount_micro=20_000_000, success_url="http://x/", cancel_url="http://x/")
    account.pay(url)
    bodies, account.bodies = account.bodies, []
    return bodies


def completed(bodies: list[tuple[bytes, str]]) -> tuple[bytes, str]:
    return next(each for each in bodies if b'"checkout.session.completed"' in each[0])


def test_an_event_is_noted_answered_and_processed(alice: Person, account: Account) -> None:
    assert send(*completed(paid(alice, account))) == (200, {"received": True})
    assert StripeEvent.objects.get().status == EventStatus.DONE
    with tenant_context(alice.tenant.id):
        assert TopUp.objects.get().status == TopUpStatus.PAID


def test_the_same_event_twice_is_one(alice: Person, account: Account) -> None:
    body = completed(paid(alice, account))
    assert [send(*body)[0] for _ in range(2)] == [200, 200]
    assert StripeEvent.objects.count() == 1


def test_an_event_may_be_signed_with_either_of_two_secrets(alice: Person, account: Account) -> None:
    body, _ = completed(paid(alice, account))
    with mock.patch.object(webhooks, "webhook_secrets", return_value=("whsec_new", "whsec_old")):
        for secret in ("whsec_new", "whsec_old"):
            signature = stripe.WebhookSignature.generate_signature_header(body.decode(), secret)
            assert send(body, signature)[0] == 200


@pytest.mark.parametrize(
    ("signature", "sentence"),
    [
        ("", "The header Stripe-Signature is missing"),
        ("nonsense", "The signature does not fit"),
        ("t=1,v1=00", "The signature does not fit"),
    ],
)
def test_what_is_not_signed_by_stripe_is_refused(
    alice: Person, account: Account, signature: str, sentence: str
) -> None:
    body, _ = completed(paid(alice, account))
    status, answer = send(body, signature)
    assert status == 400
    assert sentence in str(answer["error"])
    assert not StripeEvent.objects.exists()


def test_an_old_signature_and_a_changed_body_are_refused(alice: Person, account: Account) -> None:
    body, signature = completed(paid(alice, account))
    assert send(body.replace(b"2000", b"9000"), signature)[0] == 400
    old = stripe.WebhookSignature.generate_signature_header(
        body.decode(), account.fake.webhook_secret, timestamp=int(time.time()) - 3600
    )
    assert send(body, old)[0] == 400


def test_what_is_no_event_is_refused(db: None, account: Account) -> None:
    for body in ("", "[]", "null", "7", '{"object": "event"}', "{"):
        secret = account.fake.webhook_secret
        signature = stripe.WebhookSignature.generate_signature_header(body, secret)
        assert send(body.encode(), signature)[0] == 400, body


def test_a_body_that_is_too_large_is_refused(db: None, account: Account) -> None:
    status, answer = send(b"x" * (webhooks.MOST_BYTES + 1), "t=1,v1=00")
    assert status == 413
    assert "1 MiB" in str(answer["error"])


def test_without_a_secret_it_says_what_is_missing(db: None, account: Account) -> None:
    with mock.patch.object(webhooks, "webhook_secrets", return_value=()):
        status, answer = send(b"{}", "t=1,v1=00")
    assert status == 400
    assert "STRIPE_WEBHOOK_SECRET" in str(answer["error"])


def test_other_methods_are_refused(db: None) -> None:
    assert Client().get("/webhooks/stripe").status_code == 405


def test_types_of_no_interest_are_kept(db: None, account: Account) -> None:
    account.client.v1.products.create({"name": "Something"})
    account.settle()
    event = StripeEvent.objects.get()
    assert (event.type, event.status) == ("product.created", EventStatus.IGNORED)


def test_what_fails_is_tried_again_and_then_parked(alice: Person, account: Account) -> None:
    body = completed(paid(alice, account))
    with mock.patch.object(webhooks, "handler_of", return_value=broken):
        assert send(*body)[0] == 200, "Stripe is not to send it again"
        event = StripeEvent.objects.get()
        assert (event.status, event.attempts) == (EventStatus.WAITING, 1)
        tasks.stripe_events_sweep()
        event.refresh_from_db()
        assert event.attempts == 1, "it is not due yet"
        for _ in range(webhooks.MOST_ATTEMPTS):
            account.at += timedelta(hours=1)
            tasks.stripe_events_sweep()
        event.refresh_from_db()
        assert (event.status, event.attempts) == (EventStatus.PARKED, webhooks.MOST_ATTEMPTS)
        assert event.error == "RuntimeError: broken"


def broken(id: str) -> None:
    raise RuntimeError("broken")


def test_what_a_worker_left_behind_is_swept_up(alice: Person, account: Account) -> None:
    body, signature = completed(paid(alice, account))
    webhooks.event_receive(body=body, signature=signature)
    tasks.stripe_events_sweep()
    assert StripeEvent.objects.get().status == EventStatus.DONE


def test_events_that_never_came_are_asked_for(alice: Person, account: Account) -> None:
    bodies = paid(alice, account)
    send(*bodies[0])
    tasks.stripe_events_catch_up()
    assert StripeEvent.objects.count() == len(bodies)
    tasks.stripe_events_sweep()
    with tenant_context(alice.tenant.id):
        assert TopUp.objects.get().status == TopUpStatus.PAID


def test_one_tenant_cannot_claim_the_payment_of_another(
    alice: Person, mallory: Person, account: Account
) -> None:
    """The object at Stripe says whose customer it is, and metadata of another's row changes nothing."""
    bodies = paid(alice, account)
    with tenant_context(alice.tenant.id):
        theirs = TopUp.objects.get()
    with tenant_context(mallory.tenant.id):
        url = top_up_start(amount_micro=5_000_000, success_url="http://x/", cancel_url="http://x/")
    account.client.v1.checkout.sessions.update(
        url.rsplit("/", 1)[1], {"metadata": {"top_up": str(theirs.id)}}
    )
    account.pay(url)
    account.settle()
    with tenant_context(alice.tenant.id):
        assert TopUp.objects.get().status == TopUpStatus.PENDING
    assert json.loads(bodies[0][0])["id"]
