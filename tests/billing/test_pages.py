"""The pages about money."""

import asyncio
import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from apps.billing.models import BillingAccount, Invoice, InvoiceLine, LedgerTransaction
from apps.core.tenancy import tenant_context
from tests.billing.stripe_account import Account
from tests.billing.test_subscriptions import plan_of, subscribe
from tests.cast import Person, member_of


@pytest.fixture
def browser(alice: Person) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def at(name: str, *rest: object) -> str:
    return reverse(name, args=["acme", *rest])


def test_it_shows_plan_balance_and_forms(browser: Client, account: Account) -> None:
    page = browser.get(at("billing")).content.decode()
    for text in (
        "$5.00",
        "Free",
        "Compare plans",
        "Go on to payment",
        "No money moves here",
        "No invoices yet",
    ):
        assert text in page


def test_a_viewer_sees_it_and_can_change_nothing(alice: Person, account: Account) -> None:
    client = Client()
    client.force_login(member_of(alice.tenant, "vera", "viewer").user)
    page = client.get(at("billing")).content.decode()
    assert "$5.00" in page
    assert "Go on to payment" not in page
    assert client.post(at("top-up"), {"amount_micro": "20"}).status_code == 403


def test_paying_in_leads_to_the_page_of_the_stand_in_and_back(
    browser: Client, alice: Person, account: Account
) -> None:
    answer = browser.post(at("top-up"), {"amount_micro": "20.00"})
    assert answer.status_code == 302
    assert answer["location"].startswith("/fake-stripe/checkout/")
    account.pay(answer["location"])
    account.settle()
    assert "$25.00" in browser.get(at("billing")).content.decode()


def test_who_comes_back_from_a_payment_is_told_that_it_counts_in_some_seconds(
    browser: Client, account: Account
) -> None:
    paying = browser.post(at("top-up"), {"amount_micro": "20.00"})["location"]
    with account.fake.account(reads=True) as state:
        session = state.get("checkout.session", paying.rsplit("/", 1)[1])
    assert session["success_url"].endswith("/acme/billing/?paid=1")
    assert session["cancel_url"].endswith("/acme/billing/")
    page = browser.get(at("billing") + "?paid=1").content.decode()
    assert "as soon as the payment is confirmed" in page
    assert 'hx-trigger="every 3s"' in page
    assert "hx-trigger" not in browser.get(at("billing")).content.decode().partition("<main")[2]


def test_where_nobody_is_billed_the_pages_say_so(
    browser: Client, account: Account, settings: LazySettings
) -> None:
    for billing in (True, False):
        settings.BILLING = billing
        for name in ("billing", "plans"):
            assert ("Billing is off" in browser.get(at(name)).content.decode()) is not billing


@pytest.mark.parametrize("amount", ["", "4.99", "x", "20.001", "10000.01"])
def test_an_amount_that_cannot_be_is_told_at_its_field(
    browser: Client, account: Account, amount: str
) -> None:
    answer = browser.post(at("top-up"), {"amount_micro": amount})
    assert answer.status_code == 422
    assert "errorlist" in answer.content.decode()


def test_a_plan_is_chosen_changed_cancelled_and_kept(
    browser: Client, alice: Person, account: Account
) -> None:
    assert "Choose Pro" in browser.get(at("plans")).content.decode()
    account.pay(browser.post(at("plan-change"), {"plan": "pro"})["location"])
    account.settle()
    assert plan_of(alice) == "pro"
    page = browser.post(at("plan-change"), {"plan": "enterprise"}, follow=True).content.decode()
    assert "The plan was changed." in page
    assert "Change to Pro" in browser.get(at("plans")).content.decode()
    page = browser.post(at("plan-change"), {"plan": "pro"}, follow=True).content.decode()
    assert "The plan changes on" in page
    assert "Keep Enterprise" in page
    browser.post(at("subscription-resume"))
    page = browser.post(at("subscription-cancel"), follow=True).content.decode()
    assert "then Free" in page


def test_what_stripe_refuses_is_told(browser: Client, account: Account) -> None:
    account.fake.fail("/v1/checkout/sessions", "server_error", times=3)
    page = browser.post(at("top-up"), {"amount_micro": "20"}, follow=True).content.decode()
    assert "could not be reached" in page
    page = browser.post(at("plan-change"), {"plan": "gold"}, follow=True).content.decode()
    assert "There is no plan" in page


def test_automatic_recharge_is_saved(browser: Client, alice: Person, account: Account) -> None:
    wanted = {
        "auto_recharge": "on",
        "recharge_below_micro": "10",
        "recharge_micro": "50",
        "recharge_month_max_micro": "200",
    }
    assert browser.post(at("recharge"), wanted).status_code == 302
    with tenant_context(alice.tenant.id):
        found = BillingAccount.objects.get()
        assert found.auto_recharge
        assert found.recharge_micro == 50_000_000
    assert browser.post(at("recharge"), {**wanted, "recharge_micro": "1"}).status_code == 422


def test_what_is_on_invoices_reaches_stripe(
    browser: Client, alice: Person, account: Account, django_capture_on_commit_callbacks: object
) -> None:
    subscribe(alice, account)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        browser.post(
            at("billing-details"), {"legal_name": "Acme GmbH", "country": "DE", "postal_code": "10115"}
        )
    with tenant_context(alice.tenant.id):
        customer = account.client.v1.customers.retrieve(BillingAccount.objects.get().stripe_customer_id)
    assert customer.name == "Acme GmbH"
    assert customer.address
    assert customer.address.country == "DE"


def test_an_invoice_is_shown_opened_and_downloaded(browser: Client, alice: Person, account: Account) -> None:
    subscribe(alice, account)
    with tenant_context(alice.tenant.id):
        invoice = Invoice.objects.get()
        line = InvoiceLine.objects.get()
    assert str(invoice) in browser.get(at("billing")).content.decode()
    assert "$49.00" in browser.get(at("invoice", invoice.id)).content.decode()
    assert "not made of usage" in browser.get(at("invoice-line", invoice.id, line.id)).content.decode()
    for missing in (at("invoice", uuid.uuid4()), at("invoice-line", invoice.id, line.id + 1)):
        assert browser.get(missing).status_code == 404


def test_every_entry_of_the_statement_is_explained(browser: Client, alice: Person, account: Account) -> None:
    subscribe(alice, account)
    page = browser.get(at("statement")).content.decode()
    assert "Trial credit" in page
    assert "Included in the plan" in page
    with tenant_context(alice.tenant.id):
        for row in LedgerTransaction.objects.all():
            assert browser.get(at("statement-entry", row.id)).status_code == 200


@pytest.mark.django_db(transaction=True)
async def test_statement_and_invoice_are_downloaded(alice: Person) -> None:
    def prepare() -> Invoice:
        with tenant_context(alice.tenant.id):
            made = Invoice.objects.create(
                stripe_invoice_id="in_1", number="A-1", status="open", created_at=timezone.now()
            )
            made.lines.create(
                tenant_id=alice.tenant.id, kind="plan", description="=1+1", amount_micro=49_000_000
            )
            return made

    invoice = await asyncio.to_thread(prepare)
    client = AsyncClient()
    await client.aforce_login(alice.user)
    statement = await body_of(client, at("statement-export"))
    assert statement[0] == "id,at,kind,reference,description,balance_change"
    assert statement[1].endswith(",trial,trial,Free,5000000")
    lines = await body_of(client, at("invoice-export", invoice.id))
    assert lines == ["invoice,kind,description,day,model,amount_micro", "A-1,plan,'=1+1,,,49000000"]


async def body_of(client: AsyncClient, address: str) -> list[str]:
    response: Any = await client.get(address)
    assert response.status_code == 200
    return b"".join([part async for part in response.streaming_content]).decode().splitlines()
