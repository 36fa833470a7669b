"""Subscriptions over time: renewals with usage, failures, trials, changes, ends."""

import pytest
import stripe

from apps.billing.fake.cycles import next_end
from apps.billing.fake.state import Rules
from tests.billing.fake.conftest import START, Account


def test_a_month_is_billed_flat_in_advance_and_by_use_afterwards(account: Account) -> None:
    customer, flat, metered = account.customer(), account.flat(), account.metered()
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": flat.id}, {"price": metered.id}]}
    )
    assert subscription.status == "active"
    account.use(customer, 1_500_000)
    account.use(customer, 500_000)
    account.told()
    account.fake.advance(days=31)
    assert account.invoices(customer)[-1] == ("subscription_cycle", "draft", 2200)
    assert account.told() == ["customer.subscription.updated", "invoice.created"]
    account.fake.advance(hours=1)
    assert account.invoices(customer) == [
        ("subscription_create", "paid", 2000),
        ("subscription_cycle", "paid", 2200),
    ]
    told = account.told()
    assert told.index("invoice.finalized") < told.index("invoice.paid")
    assert {"charge.succeeded", "payment_intent.succeeded", "invoice.payment_succeeded"} <= set(told)


def test_usage_that_comes_while_the_invoice_is_a_draft_still_counts(account: Account) -> None:
    customer, metered = account.customer(), account.metered()
    account.v1.subscriptions.create({"customer": customer.id, "items": [{"price": metered.id}]})
    account.fake.advance(days=31)
    account.use(customer, 1_000_000, timestamp=START + 86_400)
    account.use(customer, 7_000_000)  # of the new period
    account.fake.advance(hours=1)
    invoice = account.v1.invoices.list({"customer": customer.id}).data[0]
    assert (invoice.total, invoice.lines.data[0].quantity) == (100, 1_000_000)


def test_each_line_says_which_price_and_item_it_is_of(account: Account) -> None:
    customer, flat = account.customer(), account.flat()
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": flat.id}], "expand": ["latest_invoice.payments"]}
    )
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    line = invoice.lines.data[0]
    assert line.pricing is not None
    assert line.pricing.price_details is not None
    assert line.pricing.price_details.price == flat.id
    assert line.parent is not None
    assert line.parent.subscription_item_details is not None
    assert line.parent.subscription_item_details.subscription_item == subscription.items.data[0].id
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert invoice.payments is not None
    assert invoice.payments.data[0].status == "paid"


def test_a_renewal_that_fails_is_tried_again_and_then_ends_the_subscription(account: Account) -> None:
    customer = account.customer()
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}]}
    )
    broken = account.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    account.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": broken.id}})
    account.fake.advance(days=31, hours=1)
    assert account.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    account.told()
    for _ in range(3):
        account.fake.advance(days=2)
        assert account.told().count("invoice.payment_failed") == 1
        assert account.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    account.fake.advance(days=2)
    ended = account.v1.subscriptions.retrieve(subscription.id)
    assert ended.status == "canceled"
    assert ended.cancellation_details is not None
    assert ended.cancellation_details.reason == "payment_failed"
    assert "customer.subscription.deleted" in account.told()
    assert account.v1.invoices.list({"customer": customer.id}).data[0].status == "open"


def test_a_new_card_makes_a_past_due_subscription_active(account: Account) -> None:
    customer = account.customer()
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}]}
    )
    for card, status in (("pm_card_chargeCustomerFail", "past_due"), ("pm_card_visa", "active")):
        method = account.v1.payment_methods.attach(card, {"customer": customer.id})
        account.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
        account.fake.advance(days=31 if status == "past_due" else 2, hours=1)
        assert account.v1.subscriptions.retrieve(subscription.id).status == status
    assert account.invoices(customer)[-1][1] == "paid"


def test_after_the_last_try_an_account_may_choose_unpaid(account: Account) -> None:
    account = Account(rules=Rules(after_retries="unpaid", retry_days=(1,)))
    customer = account.customer("pm_card_chargeCustomerFail")
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}], "trial_period_days": 7}
    )
    account.fake.advance(days=7, hours=1)
    account.fake.advance(days=1)
    assert account.v1.subscriptions.retrieve(subscription.id).status == "unpaid"
    invoice = account.v1.invoices.list({"customer": customer.id}).data[0]
    account.v1.invoices.pay(
        invoice.id,
        {"payment_method": account.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id}).id},
    )
    assert account.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_trial_costs_nothing_and_warns_before_it_ends(account: Account) -> None:
    customer = account.customer()
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}], "trial_period_days": 14}
    )
    assert subscription.status == "trialing"
    assert account.invoices(customer) == [("subscription_create", "paid", 0)]
    account.told()
    account.fake.advance(days=11)
    assert account.told() == ["customer.subscription.trial_will_end"]
    account.fake.advance(days=3, hours=1)
    assert account.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert account.invoices(customer)[-1] == ("subscription_cycle", "paid", 2000)


def test_a_trial_without_a_card_may_end_the_subscription(account: Account) -> None:
    customer = account.customer(None)
    subscription = account.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": account.flat().id}],
            "trial_period_days": 7,
            "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
        }
    )
    account.fake.advance(days=7)
    assert account.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_a_better_plan_costs_the_rest_of_the_period(account: Account) -> None:
    customer, small, large = account.customer(), account.flat(3100), account.flat(6200)
    subscription = account.v1.subscriptions.create({"customer": customer.id, "items": [{"price": small.id}]})
    account.fake.advance(days=10)
    change: stripe.params.SubscriptionUpdateParams = {
        "items": [{"id": subscription.items.data[0].id, "price": large.id}],
        "proration_behavior": "always_invoice",
    }
    preview = account.v1.invoices.create_preview(
        {"subscription": subscription.id, "subscription_details": change}
    )
    assert preview.total == 2100
    assert account.v1.subscriptions.retrieve(subscription.id).items.data[0].price.id == small.id
    account.v1.subscriptions.update(subscription.id, change)
    assert account.invoices(customer)[-1] == ("subscription_update", "paid", 2100)


def test_a_smaller_plan_gives_credit_for_the_next_invoice(account: Account) -> None:
    customer, small, large = account.customer(), account.flat(3100), account.flat(6200)
    subscription = account.v1.subscriptions.create({"customer": customer.id, "items": [{"price": large.id}]})
    account.fake.advance(days=10)
    item = subscription.items.data[0].id
    account.v1.subscriptions.update(subscription.id, {"items": [{"id": item, "price": small.id}]})
    account.fake.advance(days=21, hours=1)
    assert account.invoices(customer)[-1] == ("subscription_cycle", "paid", 3100 - 2100)


def test_a_plan_changes_without_proration_if_asked(account: Account) -> None:
    customer, small, large = account.customer(), account.flat(3100), account.flat(6200)
    subscription = account.v1.subscriptions.create({"customer": customer.id, "items": [{"price": small.id}]})
    account.fake.advance(days=10)
    account.v1.subscriptions.update(
        subscription.id,
        {"items": [{"id": subscription.items.data[0].id, "price": large.id}], "proration_behavior": "none"},
    )
    account.fake.advance(days=21, hours=1)
    assert account.invoices(customer)[-1] == ("subscription_cycle", "paid", 6200)


def test_another_interval_begins_a_new_period_at_once(account: Account) -> None:
    customer, monthly, yearly = account.customer(), account.flat(3100), account.flat(31_000, "year")
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": monthly.id}]}
    )
    account.fake.advance(days=10)
    changed = account.v1.subscriptions.update(
        subscription.id, {"items": [{"id": subscription.items.data[0].id, "price": yearly.id}]}
    )
    assert account.invoices(customer)[-1] == ("subscription_update", "paid", 31_000 - 2100)
    assert changed.items.data[0].current_period_start == START + 10 * 86_400


def test_a_subscription_ends_with_its_period_and_its_last_usage_is_billed(account: Account) -> None:
    customer, metered = account.customer(), account.metered()
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": metered.id}]}
    )
    account.use(customer, 9_000_000)
    waiting = account.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (waiting.status, waiting.cancel_at) == ("active", waiting.items.data[0].current_period_end)
    account.fake.advance(days=31, hours=1)
    assert account.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert account.invoices(customer)[-1] == ("subscription_cycle", "paid", 900)


def test_a_cancellation_is_taken_back(account: Account) -> None:
    customer = account.customer()
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}]}
    )
    account.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    account.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    account.fake.advance(days=31, hours=1)
    assert account.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_subscription_ends_now_with_an_invoice_of_its_usage(account: Account) -> None:
    customer, metered = account.customer(), account.metered()
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": metered.id}]}
    )
    account.use(customer, 9_000_000)
    account.fake.advance(days=1)
    account.v1.subscriptions.cancel(subscription.id, {"invoice_now": True})
    assert account.invoices(customer)[-1] == ("manual", "paid", 900)
    assert account.v1.subscriptions.list({"customer": customer.id}).data == []
    assert (
        account.v1.subscriptions.list({"customer": customer.id, "status": "all"}).data[0].status == "canceled"
    )


def test_a_first_payment_that_fails_leaves_it_incomplete_and_then_expired(account: Account) -> None:
    customer = account.customer("pm_card_chargeCustomerFail")
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}]}
    )
    assert subscription.status == "incomplete"
    account.fake.advance(hours=23)
    assert account.v1.subscriptions.retrieve(subscription.id).status == "incomplete_expired"
    assert account.invoices(customer) == [("subscription_create", "void", 2000)]


def test_a_first_payment_that_must_not_fail_leaves_nothing_behind(account: Account) -> None:
    customer, price = account.customer("pm_card_chargeCustomerFail"), account.flat()
    account.told()
    with pytest.raises(stripe.CardError):
        account.v1.subscriptions.create(
            {
                "customer": customer.id,
                "items": [{"price": price.id}],
                "payment_behavior": "error_if_incomplete",
            }
        )
    assert account.v1.subscriptions.list({"status": "all"}).data == []
    assert account.told() == []


def test_a_customer_without_a_card_is_refused(account: Account) -> None:
    customer, price = account.customer(None), account.flat()
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        account.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})


def test_a_first_period_may_be_shorter_and_costs_its_part(account: Account) -> None:
    customer = account.customer()
    account.fake.advance(days=10)
    subscription = account.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": account.flat(3100).id}],
            "billing_cycle_anchor_config": {"day_of_month": 1},
        }
    )
    assert subscription.items.data[0].current_period_end == START + 31 * 86_400
    assert account.invoices(customer) == [("subscription_create", "paid", 2100)]


def test_the_bank_may_ask_at_a_renewal(account: Account) -> None:
    customer = account.customer("pm_card_authenticationRequired")
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}]}
    )
    assert subscription.status == "incomplete"
    assert "invoice.payment_action_required" in account.told()
    invoice = account.v1.invoices.retrieve(str(subscription.latest_invoice), {"expand": ["payments"]})
    assert invoice.payments is not None
    account.fake.authenticate(str(invoice.payments.data[0].payment.payment_intent))
    assert account.v1.subscriptions.retrieve(subscription.id).status == "active"


@pytest.mark.parametrize(
    ("anchor", "months", "day"),
    [("2026-01-31", 1, "2026-02-28"), ("2026-01-31", 2, "2026-03-31"), ("2024-02-29", 12, "2025-02-28")],
)
def test_months_keep_the_day_of_the_anchor_where_they_have_it(anchor: str, months: int, day: str) -> None:
    from datetime import UTC, datetime

    start = int(datetime.fromisoformat(anchor).replace(tzinfo=UTC).timestamp())
    at = start
    for _ in range(months):
        at = next_end(start, "month", 1, at)
    assert datetime.fromtimestamp(at, UTC).date().isoformat() == day
