"""Checkout sessions, as the page completes them."""

import pytest
import stripe

from apps.billing.fake.refusals import Refusal
from tests.billing.fake.conftest import Account

DECLINED, ASKS = "4000000000000002", "4000002760003184"


def top_up(account: Account, customer: stripe.Customer, **params: object) -> stripe.checkout.Session:
    return account.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer.id,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 2500,
                        "product_data": {"name": "Credit"},
                    },
                }
            ],
            "payment_intent_data": {"metadata": {"row": "7"}, "setup_future_usage": "off_session"},
            "success_url": "http://localhost/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://localhost/no",
            "client_reference_id": "acme",
            **params,
        }
    )


def test_a_top_up_is_paid_and_its_card_kept(account: Account) -> None:
    customer = account.customer(None)
    session = top_up(account, customer)
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 2500)
    assert str(session.url).endswith(f"/fake-stripe/checkout/{session.id}")
    account.told()
    assert account.fake.pay_checkout(session.id)
    done = account.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent", "line_items"]})
    assert (done.status, done.payment_status) == ("complete", "paid")
    assert isinstance(done.payment_intent, stripe.PaymentIntent)
    assert done.payment_intent.metadata.to_dict() == {"row": "7"}
    assert done.line_items is not None
    assert done.line_items.data[0].amount_total == 2500
    assert len(account.v1.customers.payment_methods.list(customer.id).data) == 1
    assert account.told()[-2:] == ["payment_intent.succeeded", "checkout.session.completed"]


def test_a_declined_card_leaves_the_page_open_for_another(account: Account) -> None:
    session = top_up(account, account.customer(None))
    with pytest.raises(Refusal, match="declined"):
        account.fake.pay_checkout(session.id, DECLINED)
    assert "payment_intent.payment_failed" in account.told()
    assert account.fake.pay_checkout(session.id)
    assert len(account.v1.payment_intents.list().data) == 1


def test_a_card_that_asks_pays_once_its_holder_confirms(account: Account) -> None:
    session = top_up(account, account.customer(None))
    assert not account.fake.pay_checkout(session.id, ASKS)
    assert account.fake.pay_checkout(session.id, ASKS, confirmed=True)


def test_a_top_up_may_have_an_invoice(account: Account) -> None:
    session = top_up(account, account.customer(None), invoice_creation={"enabled": True})
    account.fake.pay_checkout(session.id)
    done = account.v1.checkout.sessions.retrieve(session.id, {"expand": ["invoice"]})
    assert isinstance(done.invoice, stripe.Invoice)
    assert (done.invoice.status, done.invoice.total, done.payment_status) == ("paid", 2500, "paid")


def test_tax_is_added_for_the_country_given_on_the_page(account: Account) -> None:
    customer = account.customer(None)
    with pytest.raises(stripe.InvalidRequestError, match="requires a valid address"):
        top_up(account, customer, automatic_tax={"enabled": True})
    session = top_up(account, customer, automatic_tax={"enabled": True}, customer_update={"address": "auto"})
    account.fake.pay_checkout(session.id, country="DE")
    done = account.v1.checkout.sessions.retrieve(session.id)
    assert (done.amount_subtotal, done.amount_total) == (2500, 2975)
    assert done.total_details is not None
    assert done.total_details.amount_tax == 475


def test_a_plan_is_subscribed_to(account: Account) -> None:
    customer, flat, metered = account.customer(None), account.flat(), account.metered()
    session = account.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer.id,
            "line_items": [{"price": flat.id, "quantity": 1}, {"price": metered.id}],
            "subscription_data": {"metadata": {"tenant": "acme"}},
            "success_url": "http://localhost/done",
        }
    )
    with pytest.raises(Refusal, match="declined"):
        account.fake.pay_checkout(session.id, "4000000000000341")
    assert account.v1.subscriptions.list({"status": "all"}).data == []
    account.fake.pay_checkout(session.id)
    done = account.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert isinstance(done.subscription, stripe.Subscription)
    assert (done.subscription.status, done.subscription.metadata.to_dict()) == ("active", {"tenant": "acme"})
    account.fake.advance(days=31, hours=1)
    assert account.invoices(customer)[-1] == ("subscription_cycle", "paid", 2000)


def test_a_plan_begins_with_a_trial(account: Account) -> None:
    customer = account.customer(None)
    session = account.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer.id,
            "line_items": [{"price": account.flat().id, "quantity": 1}],
            "subscription_data": {"trial_period_days": 14},
            "success_url": "http://localhost/done",
        }
    )
    assert session.amount_total == 0
    account.fake.pay_checkout(session.id)
    assert account.v1.subscriptions.list({"customer": customer.id}).data[0].status == "trialing"
    assert account.v1.checkout.sessions.retrieve(session.id).payment_status == "no_payment_required"


def test_a_card_is_kept_for_later(account: Account) -> None:
    customer = account.customer(None)
    session = account.v1.checkout.sessions.create(
        {"mode": "setup", "customer": customer.id, "currency": "usd", "success_url": "http://localhost/done"}
    )
    account.fake.pay_checkout(session.id)
    done = account.v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert isinstance(done.setup_intent, stripe.SetupIntent)
    assert done.setup_intent.status == "succeeded"
    assert len(account.v1.customers.payment_methods.list(customer.id).data) == 1


def test_a_page_expires_by_itself_or_when_told(account: Account) -> None:
    customer = account.customer(None)
    late, told = top_up(account, customer), top_up(account, customer)
    account.v1.checkout.sessions.expire(told.id)
    account.fake.advance(days=1)
    assert account.told().count("checkout.session.expired") == 2
    for session in (late, told):
        with pytest.raises(Refusal, match="expired"):
            account.fake.pay_checkout(session.id)


def test_a_recurring_price_is_no_payment(account: Account) -> None:
    customer, price = account.customer(None), account.flat()
    with pytest.raises(stripe.InvalidRequestError, match="recurring price"):
        top_up(account, customer, line_items=[{"price": price.id, "quantity": 1}])
