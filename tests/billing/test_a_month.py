"""A month and more of one tenant, as Stripe tells it: twice, and in any order.

Sign-up, trial, top-up, a plan, usage, a larger plan that is paid by invoice, a card that fails, dunning, a
refund and the end. Then what was used is what is in the ledger is what is on the invoices, to the micro-dollar.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from unittest import mock

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.db.models import Sum

from apps.billing import posting
from apps.billing.ledger import balance_micro, balances, statement
from apps.billing.models import Account as Book
from apps.billing.models import BillingAccount, Invoice, Kind, LedgerEntry, LedgerTransaction
from apps.billing.stripe import meter, refunds, subscriptions, top_ups
from apps.billing.stripe.invoice_lines import line_explained
from apps.billing.stripe.models import LineKind, MeterPush, PushStatus, StripeEvent, TopUp
from apps.billing.stripe.selectors import subscription_current
from apps.core.tenancy import tenant_context
from apps.usage.models import UsageLine
from tests.billing.books import Line, write
from tests.billing.stripe_account import Account
from tests.billing.test_subscriptions import DOLLAR, fail_cards, plan_of
from tests.cast import Person

SEEDS = range(1, 21 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 3)


class Life:
    """Time passes in steps; what is used and what Stripe tells comes in between."""

    def __init__(self, person: Person, account: Account, seed: int) -> None:
        self.person, self.account, self.random = person, account, Random(seed)
        self.used = 0
        self.awake = seed > 1  # else nothing works for hours when a month ends

    @contextmanager
    def tenant(self) -> Iterator[None]:
        with tenant_context(self.person.tenant.id):
            yield

    def use(self, micro: int) -> None:
        """Lines are written and posted as the recorder does it, in one transaction."""
        parts = [micro // 3, micro - micro // 3]
        id, tenant = uuid.uuid4(), self.person.tenant.id
        lines = [Line(tenant, part, posting_id=id, at=self.account.at) for part in parts]
        at_our_time = posting._TRANSACTIONS.replace(
            "clock_timestamp()", f"'{self.account.at.isoformat()}'::timestamptz"
        )
        with (
            self.tenant(),
            connection.cursor() as cursor,
            mock.patch.object(posting, "_TRANSACTIONS", at_our_time),
        ):
            cursor.execute("SELECT 1")  # sets row security, which what follows goes past
            write(cursor.cursor, *lines)  # type: ignore[arg-type]
            posting.post_usage(cursor.cursor, lines)  # type: ignore[arg-type]
        self.used += micro

    def pass_days(self, days: int, *, micro_a_day: int = 0) -> None:
        for _ in range(days):
            target = self.account.at + timedelta(hours=self.random.choice([23, 24, 25]))
            with self.tenant():
                row = subscription_current()
            end = row.period_end if row else None
            if self.awake and end and self.account.at < end < target:  # while the month's invoice is a draft
                self.account.advance(seconds=(end - self.account.at).total_seconds() + 120)
                self.use(12_345)
                self.work()
            self.account.advance(seconds=(target - self.account.at).total_seconds())
            if micro_a_day:
                self.use(self.random.randrange(1, micro_a_day))
            self.work()

    def work(self) -> None:
        """What beat does, and webhooks."""
        with self.tenant():
            meter.pushes_make(subscription_current(), now=self.account.at)
            for push in MeterPush.objects.filter(status=PushStatus.PENDING, next_at__lte=self.account.at):
                meter.push_send(push)
        self.account.settle(random=self.random)
        with self.tenant():
            if row := subscription_current():
                subscriptions.grace_check(row)

    def pay(self, url: str, card: str = "4242424242424242") -> None:
        self.account.pay(url, card)
        self.account.settle(random=self.random)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_month(account: Account, alice: Person, seed: int, mailoutbox: list[EmailMessage]) -> None:
    life = Life(alice, account, seed)
    urls = {"success_url": "http://x/", "cancel_url": "http://x/"}

    # Sign-up with its trial, which is used up in part; then money is paid in.
    with life.tenant():
        assert balance_micro() == 5 * DOLLAR
    life.pass_days(2, micro_a_day=1_234_567)
    with life.tenant():
        url = top_ups.top_up_start(amount_micro=20 * DOLLAR, **urls)
    life.pay(url)

    # A plan that is paid in advance, for a few days; then the one that is paid by invoice.
    with life.tenant():
        url = subscriptions.subscription_start(plan="pro", **urls)
    life.pay(url)
    assert plan_of(alice) == "pro"
    life.pass_days(4, micro_a_day=2_345_678)
    with life.tenant():
        subscriptions.subscription_change(plan="enterprise")
    life.pass_days(1)
    assert plan_of(alice) == "enterprise"

    # The month ends in the midst of usage, and is paid. Then a card that fails, until it is another.
    life.pass_days(28, micro_a_day=9_876_543)
    with life.tenant():
        first = Invoice.objects.get(reason="subscription_cycle")
        assert first.status == "paid"
        assert first.usage_micro > 0
    fail_cards(alice, account)
    life.pass_days(29, micro_a_day=5_432_109)
    with life.tenant():
        life.pass_days(4, micro_a_day=1_000)
        late = subscription_current()
        assert late is not None
        assert late.status == "past_due"
        assert plan_of(alice) == "enterprise"
        open_invoice = Invoice.objects.get(status="open")
        assert open_invoice.attempts > 1
    fail_cards(alice, account, "pm_card_visa")
    account.client.v1.invoices.pay(open_invoice.stripe_invoice_id)
    life.pass_days(1, micro_a_day=777_777)
    with life.tenant():
        recovered = subscription_current()
        assert recovered is not None
        assert recovered.status == "active"
        assert not recovered.fallen

    # A refund of what was paid in, and the end.
    with life.tenant():
        paid = TopUp.objects.get()
        refunds.refund_make(paid=paid, amount_micro=3 * DOLLAR, reason="They asked for it.")
        subscriptions.subscription_cancel()
    life.pass_days(32, micro_a_day=2_222_222)
    with life.tenant():
        assert subscription_current() is None
    assert plan_of(alice) == "free"

    check(life)


def check(life: Life) -> None:
    assert not StripeEvent.objects.exclude(status__in=["done", "ignored"]).exists()
    with life.tenant():
        # What was used is what is in the ledger.
        records = UsageLine.objects.aggregate(sum=Sum("price_micro"))["sum"]
        ledger = LedgerEntry.objects.filter(account=Book.USAGE_REVENUE).aggregate(sum=Sum("amount_micro"))[
            "sum"
        ]
        assert life.used == records == ledger

        # Every transaction balances, and each balance is the sum of its entries.
        assert sum(balances().values()) == 0
        for book, amount in balances().items():
            assert (
                LedgerEntry.objects.filter(account=book).aggregate(sum=Sum("amount_micro"))["sum"] == amount
            )

        # What is on an invoice for usage is what was posted in its time, and what is posted is its lines.
        invoices = list(Invoice.objects.order_by("created_at"))
        for invoice in invoices:
            assert invoice.difference == "", invoice.difference
            lines = list(invoice.lines.all())
            assert sum(line.amount_micro for line in lines) == invoice.total_micro
            for line in lines:
                if line.kind == LineKind.USAGE:
                    explained = line_explained(line).aggregate(sum=Sum("price_micro"))["sum"]
                    assert explained == line.amount_micro
            if invoice.usage_since:
                posted = LedgerEntry.objects.filter(
                    account=Book.USAGE_REVENUE,
                    transaction__at__gte=invoice.usage_since,
                    transaction__at__lt=invoice.usage_until,
                ).aggregate(sum=Sum("amount_micro"))["sum"]
                assert sum(line.amount_micro for line in lines if line.kind == LineKind.USAGE) == posted
        assert len([invoice for invoice in invoices if invoice.usage_since]) == 3

        # Stripe's invoices are ours to the cent, and are paid.
        customer = BillingAccount.objects.get().stripe_customer_id
        theirs = {each.id: each for each in life.account.client.v1.invoices.list({"customer": customer}).data}
        assert {invoice.stripe_invoice_id for invoice in invoices} == set(theirs)
        for invoice in invoices:
            assert theirs[invoice.stripe_invoice_id].total * 10_000 == invoice.total_micro
            assert invoice.status == "paid"
        assert balances().get(Book.RECEIVABLE, 0) == 0

        # What came in less what went out is what Stripe has.
        charges = life.account.client.v1.charges.list({"customer": customer, "limit": 100}).data
        took = sum(charge.amount_captured - charge.amount_refunded for charge in charges if charge.paid)
        assert -balances()[Book.CASH] == took * 10_000

        # Usage that was charged is whole cents; what is left of it is in the balance.
        charged = sum(invoice.usage_micro for invoice in invoices)
        given = (
            LedgerEntry.objects.filter(account=Book.BALANCE)
            .exclude(transaction__kind__in=[Kind.USAGE, Kind.INVOICE])
            .aggregate(sum=Sum("amount_micro"))["sum"]
        )
        assert balance_micro() == given + charged - life.used
        first, last = LedgerTransaction.objects.order_by("at")[0], life.account.at
        rows = list(statement(since=first.at, until=last + timedelta(seconds=1)))
        assert rows[-1].after_micro == balance_micro()
