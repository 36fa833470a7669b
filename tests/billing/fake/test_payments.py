"""Payments, cards, refunds, credits, tax and invoices made by hand."""

import pytest
import stripe

from tests.billing.fake.conftest import START, Account


def charged(account: Account, card: str = "pm_card_visa", cents: int = 1000) -> stripe.PaymentIntent:
    customer = account.customer(card)
    method = account.v1.customers.payment_methods.list(customer.id).data[0]
    return account.v1.payment_intents.create(
        {
            "amount": cents,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": method.id,
            "confirm": True,
            "off_session": True,
            "metadata": {"row": "1"},
        }
    )


def test_a_card_is_charged_off_session(account: Account) -> None:
    intent = charged(account)
    assert (intent.status, intent.amount_received, intent.metadata.to_dict()) == (
        "succeeded",
        1000,
        {"row": "1"},
    )
    assert account.told()[-3:] == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


def test_a_declined_charge_says_why_and_is_kept(account: Account) -> None:
    with pytest.raises(stripe.CardError) as refused:
        charged(account, "pm_card_chargeCustomerFail")
    assert refused.value.code == "card_declined"
    assert refused.value.error is not None
    intent = account.v1.payment_intents.list().data[0]
    assert refused.value.error.payment_intent is not None
    assert refused.value.error.payment_intent["id"] == intent.id
    assert (intent.status, intent.last_payment_error and intent.last_payment_error.decline_code) == (
        "requires_payment_method",
        "generic_decline",
    )
    assert account.told()[-2:] == ["charge.failed", "payment_intent.payment_failed"]


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeDeclined", "card_declined"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    ],
)
def test_some_cards_can_not_even_be_kept(account: Account, card: str, code: str) -> None:
    customer = account.customer(None)
    with pytest.raises(stripe.CardError) as refused:
        account.v1.payment_methods.attach(card, {"customer": customer.id})
    assert refused.value.code == code
    assert account.v1.customers.payment_methods.list(customer.id).data == []


def test_cards_are_known_by_number_and_token(account: Account) -> None:
    by_number = account.v1.payment_methods.create(
        {
            "type": "card",
            "card": {"number": "5555555555554444", "exp_month": 1, "exp_year": 2030, "cvc": "123"},
        }
    )
    by_token = account.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    assert by_number.card is not None
    assert by_token.card is not None
    assert (by_number.card.brand, by_token.card.last4) == ("mastercard", "4242")


def test_a_card_that_needs_its_holder_is_declined_without(account: Account) -> None:
    with pytest.raises(stripe.CardError) as refused:
        charged(account, "pm_card_authenticationRequired")
    assert refused.value.code == "authentication_required"


@pytest.mark.parametrize("agreed", [True, False])
def test_the_bank_asks_the_holder_who_is_there(account: Account, agreed: bool) -> None:
    intent = account.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
        }
    )
    assert intent.status == "requires_action"
    account.fake.authenticate(intent.id, agreed=agreed)
    status = account.v1.payment_intents.retrieve(intent.id).status
    assert status == ("succeeded" if agreed else "requires_payment_method")


def test_a_card_that_was_set_up_with_its_holder_pays_without(account: Account) -> None:
    customer = account.customer(None)
    setup = account.v1.setup_intents.create(
        {"customer": customer.id, "payment_method": "pm_card_authenticationRequiredOnSetup", "confirm": True}
    )
    assert setup.status == "requires_action"
    account.fake.authenticate(setup.id)
    method = str(account.v1.setup_intents.retrieve(setup.id).payment_method)
    intent = account.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": method,
            "confirm": True,
            "off_session": True,
        }
    )
    assert intent.status == "succeeded"


def test_too_little_can_not_be_charged(account: Account) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        charged(account, cents=49)
    assert refused.value.code == "amount_too_small"


def test_a_payment_is_refunded_in_parts_and_never_more_than_it_was(account: Account) -> None:
    intent = charged(account)
    account.told()
    first = account.v1.refunds.create(
        {"payment_intent": intent.id, "amount": 300, "reason": "requested_by_customer"}
    )
    assert first.status == "succeeded"
    assert account.told() == ["refund.created", "charge.refunded"]
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        account.v1.refunds.create({"payment_intent": intent.id, "amount": 701})
    account.v1.refunds.create({"payment_intent": intent.id})
    charge = account.v1.charges.retrieve(str(intent.latest_charge), {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded) == (True, 1000)
    assert charge.refunds is not None
    assert [each.amount for each in charge.refunds.data] == [700, 300]
    with pytest.raises(stripe.InvalidRequestError, match="already been refunded"):
        account.v1.refunds.create({"payment_intent": intent.id})


@pytest.mark.parametrize(
    ("card", "first", "later", "told"),
    [
        ("pm_card_pendingRefund", "pending", "succeeded", ["refund.updated"]),
        ("pm_card_refundFail", "succeeded", "failed", ["charge.updated", "refund.updated", "refund.failed"]),
    ],
)
def test_a_refund_may_be_decided_a_day_later(
    account: Account, card: str, first: str, later: str, told: list[str]
) -> None:
    intent = charged(account, card)
    refund = account.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == first
    account.told()
    account.fake.advance(days=1)
    assert account.v1.refunds.retrieve(refund.id).status == later
    assert account.told() == told
    charge = account.v1.charges.retrieve(str(intent.latest_charge))
    assert charge.amount_refunded == (1000 if later == "succeeded" else 0)


def test_an_invoice_is_made_by_hand(account: Account) -> None:
    customer = account.customer()
    draft = account.v1.invoices.create({"customer": customer.id, "metadata": {"month": "1"}})
    item = account.v1.invoice_items.create(
        {
            "customer": customer.id,
            "invoice": draft.id,
            "amount": 1234,
            "currency": "usd",
            "description": "Usage",
        }
    )
    final = account.v1.invoices.finalize_invoice(draft.id)
    assert (final.status, final.amount_due, final.lines.data[0].description) == ("open", 1234, "Usage")
    assert final.number
    with pytest.raises(stripe.InvalidRequestError, match="no longer editable"):
        account.v1.invoice_items.delete(item.id)
    paid = account.v1.invoices.pay(draft.id)
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 1234, 0)
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        account.v1.invoices.pay(draft.id)
    payment = account.v1.invoice_payments.list({"invoice": draft.id}).data[0]
    assert payment.status == "paid"


def test_more_than_ten_lines_are_a_list_of_their_own(account: Account) -> None:
    customer = account.customer()
    draft = account.v1.invoices.create({"customer": customer.id})
    for number in range(12):
        account.v1.invoice_items.create(
            {
                "customer": customer.id,
                "invoice": draft.id,
                "amount": 100,
                "currency": "usd",
                "description": str(number),
            }
        )
    found = account.v1.invoices.retrieve(draft.id)
    assert (len(found.lines.data), found.lines.has_more, found.total) == (10, True, 1200)
    lines = account.v1.invoices.line_items.list(draft.id, {"limit": 100}).data
    assert [line.description for line in lines] == [str(number) for number in range(12)]


def test_an_open_invoice_is_made_void_or_written_off(account: Account) -> None:
    customer = account.customer(None)
    for verb, status in (("void_invoice", "void"), ("mark_uncollectible", "uncollectible")):
        draft = account.v1.invoices.create({"customer": customer.id})
        account.v1.invoice_items.create(
            {"customer": customer.id, "invoice": draft.id, "amount": 900, "currency": "usd"}
        )
        account.v1.invoices.finalize_invoice(draft.id)
        with pytest.raises(stripe.InvalidRequestError, match="default_payment_method"):
            account.v1.invoices.pay(draft.id)
        assert getattr(account.v1.invoices, verb)(draft.id).status == status


def test_an_invoice_that_is_sent_becomes_overdue_and_is_paid_elsewhere(account: Account) -> None:
    customer = account.customer(None)
    subscription = account.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": account.flat().id}],
            "collection_method": "send_invoice",
            "days_until_due": 30,
        }
    )
    assert subscription.status == "active"
    account.fake.advance(days=30)
    assert "invoice.overdue" in account.told()
    assert account.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    account.v1.invoices.pay(str(subscription.latest_invoice), {"paid_out_of_band": True})
    assert account.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_what_is_too_little_to_charge_waits_for_the_next_invoice(account: Account) -> None:
    customer = account.customer()
    totals = []
    for cents in (30, 100):
        draft = account.v1.invoices.create({"customer": customer.id})
        account.v1.invoice_items.create(
            {"customer": customer.id, "invoice": draft.id, "amount": cents, "currency": "usd"}
        )
        account.v1.invoices.finalize_invoice(draft.id, {"auto_advance": True})
        found = account.v1.invoices.retrieve(draft.id)
        totals.append((found.status, found.amount_due, found.ending_balance))
    assert totals == [("paid", 0, 30), ("paid", 130, 0)]


def test_credit_pays_for_usage_before_tax_and_comes_back_when_the_invoice_is_void(account: Account) -> None:
    customer, flat, metered = account.customer(None), account.flat(), account.metered()
    grant = account.v1.billing.credit_grants.create(
        {
            "customer": customer.id,
            "amount": {"type": "monetary", "monetary": {"currency": "usd", "value": 500}},
            "applicability_config": {"scope": {"price_type": "metered"}},
            "category": "promotional",
        }
    )
    subscription = account.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": flat.id}, {"price": metered.id}],
            "collection_method": "send_invoice",
            "days_until_due": 30,
        }
    )
    account.use(customer, 8_000_000)
    account.fake.advance(days=31, hours=1)
    invoice = account.v1.invoices.list({"subscription": subscription.id}).data[0]
    assert (invoice.subtotal, invoice.total) == (2800, 2300)

    def left() -> int:
        found = account.v1.billing.credit_balance_summary.retrieve(
            {"customer": customer.id, "filter": {"type": "credit_grant", "credit_grant": grant.id}}
        )
        money = found.balances[0].available_balance.monetary
        assert money is not None
        return money.value

    assert left() == 0
    account.v1.invoices.void_invoice(invoice.id)
    assert left() == 500


@pytest.mark.parametrize(
    ("country", "exempt", "tax"),
    [("DE", "none", 190), ("US", "none", 0), ("DE", "reverse", 0), ("DE", "exempt", 0)],
)
def test_tax_follows_the_country(account: Account, country: str, exempt: str, tax: int) -> None:
    customer = account.customer(address={"country": country}, tax_exempt=exempt)
    draft = account.v1.invoices.create({"customer": customer.id, "automatic_tax": {"enabled": True}})
    account.v1.invoice_items.create(
        {"customer": customer.id, "invoice": draft.id, "amount": 1000, "currency": "usd"}
    )
    invoice = account.v1.invoices.finalize_invoice(draft.id)
    assert (invoice.total, sum(each.amount for each in invoice.total_taxes or [])) == (1000 + tax, tax)


def test_tax_without_a_place_is_refused(account: Account) -> None:
    customer, price = account.customer(), account.flat()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        account.v1.subscriptions.create(
            {"customer": customer.id, "items": [{"price": price.id}], "automatic_tax": {"enabled": True}}
        )
    assert refused.value.code == "customer_tax_location_invalid"


def test_the_default_card_is_gone_once_it_is_detached(account: Account) -> None:
    customer = account.customer()
    method = account.v1.customers.payment_methods.list(customer.id).data[0]
    account.v1.payment_methods.detach(method.id)
    settings = account.v1.customers.retrieve(customer.id).invoice_settings
    assert settings is not None
    assert settings.default_payment_method is None


def test_meter_events_are_counted_once_by_each_way_in(account: Account) -> None:
    customer, _ = account.customer(), account.metered()
    meter = account.v1.billing.meters.list().data[0]
    account.use(customer, 1, identifier="one")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        account.use(customer, 1, identifier="one")
    assert refused.value.code == "duplicate_meter_event"
    payload = {"stripe_customer_id": customer.id, "value": "20"}
    account.client.v2.billing.meter_events.create(
        {"event_name": "usage", "identifier": "two", "payload": payload, "timestamp": "2026-01-01T00:00:00Z"}
    )
    session = account.client.v2.billing.meter_event_session.create()
    streaming = stripe.StripeClient(session.authentication_token, http_client=account.fake)
    payload = {"stripe_customer_id": customer.id, "value": "300"}
    streaming.v2.billing.meter_event_stream.create(
        {
            "events": [
                {"event_name": "usage", "identifier": "three", "payload": payload},
                {"event_name": "usage", "identifier": "two", "payload": payload},
            ]
        }
    )
    assert "duplicate_meter_event" in account.reports[0]
    summary = account.v1.billing.meters.event_summaries.list(
        meter.id,
        {
            "customer": customer.id,
            "start_time": START,
            "end_time": START + 86_400,
            "value_grouping_window": "hour",
        },
    )
    assert [(each.start_time, each.aggregated_value) for each in summary.data] == [(START, 321)]
    account.fake.advance(seconds=901)
    with pytest.raises(stripe.TemporarySessionExpiredError):
        streaming.v2.billing.meter_event_stream.create(
            {"events": [{"event_name": "usage", "payload": payload}]}
        )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"timestamp": START - 36 * 86_400}, "timestamp_too_far_in_past"),
        ({"timestamp": START + 301}, "timestamp_in_future"),
        ({"event_name": "unknown"}, "no_meter"),
        ({"payload": {"stripe_customer_id": "cus_x", "value": "1"}}, "meter_event_customer_not_found"),
        ({"payload": {"value": "1"}}, "meter_event_no_customer_defined"),
    ],
)
def test_a_meter_event_that_can_not_count_is_refused(
    account: Account, change: dict[str, object], code: str
) -> None:
    customer, _ = account.customer(), account.metered()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        account.use(customer, 1, **change)
    assert refused.value.code == code
