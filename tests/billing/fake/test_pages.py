"""Checkout, the portal, invoices and the bank's question, as people see them."""

import pytest
import stripe
from django.test import Client

from apps.billing.fake import installation
from tests.billing.fake.conftest import Account
from tests.billing.fake.test_checkout import ASKS, top_up

pytestmark = pytest.mark.urls("tests.billing.fake.urls")
WORKS, DECLINED, FAILS_LATER = "4242424242424242", "4000000000000002", "4000000000000341"


@pytest.fixture
def browser(account: Account, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(installation, "installed", lambda: account.fake)
    return Client()


def path_of(url: str | None) -> str:
    return str(url).removeprefix("http://localhost:8000")


def test_a_payment_is_made_and_leads_back(account: Account, browser: Client) -> None:
    session = top_up(account, account.customer(None))
    page = browser.get(path_of(session.url))
    assert page.status_code == 200
    text = page.content.decode()
    assert "no money moves" in text
    assert "$25.00" in text
    paid = browser.post(path_of(session.url), {"card": WORKS, "action": "pay"})
    assert paid["location"] == f"http://localhost/done?session={session.id}"
    assert account.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert browser.get(f"/fake-stripe/checkout/{session.id}")["location"] == paid["location"]


@pytest.mark.parametrize("data", [{"card": DECLINED, "action": "pay"}, {"card": WORKS, "action": "decline"}])
def test_a_declined_payment_says_so_and_may_be_tried_again(
    account: Account, browser: Client, data: dict[str, str]
) -> None:
    session = top_up(account, account.customer(None))
    page = browser.post(path_of(session.url), data)
    assert page.status_code == 422
    assert "Your card was declined." in page.content.decode()
    assert browser.post(path_of(session.url), {"card": WORKS, "action": "pay"}).status_code == 302


def test_who_cancels_goes_back_and_pays_nothing(account: Account, browser: Client) -> None:
    session = top_up(account, account.customer(None))
    assert browser.post(path_of(session.url), {"action": "cancel"})["location"] == "http://localhost/no"
    assert account.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_the_bank_asks_before_some_cards_pay(account: Account, browser: Client) -> None:
    session = top_up(account, account.customer(None))
    asked = browser.post(path_of(session.url), {"card": ASKS, "action": "pay"})
    assert "Your bank asks" in asked.content.decode()
    assert browser.post(path_of(session.url), {"card": ASKS, "action": "confirm"}).status_code == 302


def test_the_country_is_asked_where_tax_needs_it(account: Account, browser: Client) -> None:
    session = top_up(
        account, account.customer(None), automatic_tax={"enabled": True}, customer_update={"address": "auto"}
    )
    for action in ("pay", "decline"):
        assert browser.post(path_of(session.url), {"card": WORKS, "action": action}).status_code == 422
    declined = browser.post(
        path_of(session.url), {"card": WORKS, "country": "DE", "action": "decline"}
    ).content.decode()
    assert "Your card was declined." in declined
    paid = browser.post(path_of(session.url), {"card": WORKS, "country": "DE", "action": "pay"})
    assert paid.status_code == 302
    assert account.v1.checkout.sessions.retrieve(session.id).amount_total == 2975


def test_an_expired_page_takes_no_payment(account: Account, browser: Client) -> None:
    session = top_up(account, account.customer(None))
    account.fake.advance(days=1)
    page = browser.post(f"/fake-stripe/checkout/{session.id}", {"card": WORKS, "action": "pay"})
    assert "has expired" in page.content.decode()


@pytest.mark.parametrize("page", ["checkout", "portal", "invoice", "authenticate"])
def test_an_address_that_nobody_gave_out_is_a_404(browser: Client, page: str) -> None:
    assert browser.get(f"/fake-stripe/{page}/nothing").status_code == 404


def portal(account: Account, customer: stripe.Customer) -> str:
    return path_of(
        account.v1.billing_portal.sessions.create(
            {"customer": customer.id, "return_url": "http://localhost/back"}
        ).url
    )


def test_the_portal_changes_the_card_and_ends_and_resumes_the_subscription(
    account: Account, browser: Client
) -> None:
    customer = account.customer()
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}]}
    )
    page = portal(account, customer)
    text = browser.get(page).content.decode()
    assert "Plan of 2000" in text
    assert "ending in 4242" in text
    browser.post(page, {"action": "card", "card": FAILS_LATER})
    assert "ending in 0341" in browser.get(page).content.decode()
    for action, ends in (("cancel", True), ("resume", False)):
        browser.post(page, {"action": action, "id": subscription.id})
        assert account.v1.subscriptions.retrieve(subscription.id).cancel_at_period_end is ends


def test_the_portal_pays_an_open_invoice(account: Account, browser: Client) -> None:
    customer = account.customer("pm_card_chargeCustomerFail")
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}]}
    )
    page = portal(account, customer)
    assert browser.post(page, {"action": "pay", "id": str(subscription.latest_invoice)}).status_code == 302
    assert account.invoices(customer)[0][1] == "open"
    browser.post(page, {"action": "card", "card": WORKS})
    browser.post(page, {"action": "pay", "id": str(subscription.latest_invoice)})
    assert account.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_the_portal_touches_nobody_elses_subscription(account: Account, browser: Client) -> None:
    alice, mallory = account.customer(), account.customer()
    subscription = account.v1.subscriptions.create(
        {"customer": alice.id, "items": [{"price": account.flat().id}]}
    )
    browser.post(portal(account, mallory), {"action": "cancel", "id": subscription.id})
    assert not account.v1.subscriptions.retrieve(subscription.id).cancel_at_period_end


def test_a_portal_link_is_over_after_an_hour(account: Account, browser: Client) -> None:
    page = portal(account, account.customer())
    account.fake.advance(hours=1, seconds=1)
    assert browser.get(page).status_code == 410


def test_an_invoice_is_shown_and_paid_with_another_card(account: Account, browser: Client) -> None:
    customer = account.customer("pm_card_chargeCustomerFail")
    subscription = account.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": account.flat().id}]}
    )
    invoice = account.v1.invoices.retrieve(str(subscription.latest_invoice))
    page = path_of(invoice.hosted_invoice_url)
    assert str(invoice.number) in browser.get(page).content.decode()
    assert browser.post(page, {"card": DECLINED}).status_code == 422
    assert browser.post(page, {"card": WORKS}).status_code == 302
    assert account.v1.invoices.retrieve(invoice.id).status == "paid"


def test_the_bank_asks_at_an_address_of_its_own(account: Account, browser: Client) -> None:
    intent = account.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": "http://localhost/back",
        }
    )
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    page = path_of(intent.next_action.redirect_to_url.url)
    assert "$5.00" in browser.get(page).content.decode()
    assert browser.post(page, {"action": "confirm"})["location"] == "http://localhost/back"
    assert account.v1.payment_intents.retrieve(intent.id).status == "succeeded"
