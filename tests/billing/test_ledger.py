"""What moves money, and what the ledger says of it."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.billing.ledger import (
    ReferenceTaken,
    balance_micro,
    balances,
    correction_post,
    entries_post,
    explain,
    statement,
    transactions,
)
from apps.billing.models import Account, Kind, LedgerTransaction
from apps.billing.services import credit_grant
from apps.core.tenancy import atomic, tenant_context
from tests.billing.books import Line, record, write
from tests.cast import Person

Use = Callable[..., uuid.UUID]


def raw_cursor() -> Any:
    LedgerTransaction.objects.exists()  # tells the connection whose it is
    return connection.connection.cursor()


@pytest.fixture
def as_alice(alice: Person):
    with tenant_context(alice.tenant.id):
        yield


@pytest.fixture
def use(alice: Person, as_alice: None) -> Use:
    """Records and posts what a session of Alice's used."""

    def use(*prices: int, **fields: object) -> uuid.UUID:
        posting = uuid.uuid4()
        with atomic(), raw_cursor() as cursor:
            record(cursor, *(Line(alice.tenant.id, price, posting_id=posting, **fields) for price in prices))
        return posting

    return use


def top_up(amount: int, reference: str = "top-up:1") -> LedgerTransaction:
    return entries_post(
        kind=Kind.TOP_UP, reference=reference, entries={Account.BALANCE: amount, Account.CASH: -amount}
    )


def test_a_new_tenant_has_its_trial_credit(as_alice: None) -> None:
    assert balances() == {Account.BALANCE: 5_000_000, Account.PROMOTION: -5_000_000}


def test_what_is_used_is_taken_from_the_balance(use: Use) -> None:
    use(300, 45, 0)
    assert balance_micro() == 5_000_000 - 345
    assert balances()[Account.USAGE_REVENUE] == 345


def test_what_is_free_needs_no_transaction(use: Use) -> None:
    use(0, 0)
    assert not LedgerTransaction.objects.filter(kind=Kind.USAGE).exists()


def test_a_bill_is_explained_by_the_lines_it_sums_up(use: Use) -> None:
    posting = use(300, 45)
    use(7)
    posted = LedgerTransaction.objects.get(id=posting)
    assert sorted(line.price_micro for line in explain(posted)) == [45, 300]
    assert not explain(LedgerTransaction.objects.get(kind=Kind.TRIAL)).exists()
    assert transactions().get(id=posting).balance_change == -345


def test_the_same_reference_counts_once(as_alice: None) -> None:
    assert top_up(1_000_000) == top_up(1_000_000)
    assert balance_micro() == 6_000_000


def test_a_reference_does_not_stand_for_something_else(as_alice: None) -> None:
    top_up(1_000_000)
    with pytest.raises(ReferenceTaken, match="'top-up:1' was posted before as top_up"):
        top_up(2_000_000)
    assert balance_micro() == 6_000_000


@pytest.mark.parametrize("entries", [{}, {Account.BALANCE: 5}, {Account.BALANCE: 5, Account.CASH: -4}])
def test_entries_that_do_not_balance_are_refused(as_alice: None, entries: dict[Account, int]) -> None:
    with pytest.raises(ValueError, match="a sum of 0"):
        entries_post(kind=Kind.TOP_UP, reference="r", entries=entries)


def test_a_mistake_is_corrected_by_an_entry_with_a_reason(use: Use) -> None:
    use(400)
    correction_post(amount_micro=400, reason="That answer was cut off by us.")
    assert balance_micro() == 5_000_000
    assert balances()[Account.CORRECTION] == -400
    assert (
        AuditEvent.objects.get(action="ledger.corrected").after["reason"] == "That answer was cut off by us."
    )
    with pytest.raises(ValidationError, match="a reason"):
        correction_post(amount_micro=400, reason=" ")


def test_a_statement_adds_up(use: Use) -> None:
    use(100)
    top_up(50)
    credit_grant(kind=Kind.EXPIRY, amount_micro=-1_000_000, reference="expiry:trial")
    now = timezone.now()
    lines = list(statement(since=now - timedelta(hours=1), until=now + timedelta(hours=1)))
    assert [(line.transaction.kind, line.after_micro) for line in lines] == [
        (Kind.TRIAL, 5_000_000),
        (Kind.USAGE, 4_999_900),
        (Kind.TOP_UP, 4_999_950),
        (Kind.EXPIRY, 3_999_950),
    ]
    assert list(statement(since=now - timedelta(hours=2), until=now - timedelta(hours=1))) == []


def test_another_tenant_sees_and_changes_nothing(use: Use, mallory: Person) -> None:
    posting = use(400)
    top_up(1_000_000)
    with tenant_context(mallory.tenant.id):
        assert balance_micro() == 5_000_000  # its own trial
        assert not LedgerTransaction.objects.filter(id=posting).exists()
        assert not explain(LedgerTransaction(id=posting)).exists()
        top_up(3_000_000)  # the same reference is another one here
        assert balance_micro() == 8_000_000
    assert balance_micro() == 5_999_600


def test_one_posting_has_lines_of_several_tenants_and_customers(alice: Person, mallory: Person) -> None:
    customer = uuid.uuid4()
    posting, other = uuid.uuid4(), uuid.uuid4()
    with tenant_context(alice.tenant.id):
        with raw_cursor() as cursor:
            record(
                cursor,
                Line(alice.tenant.id, 5, posting_id=posting, customer_id=customer),
                Line(alice.tenant.id, 6, posting_id=posting, customer_id=customer),
                Line(alice.tenant.id, 7, posting_id=other, customer_id=customer),
                Line(alice.tenant.id, 8, posting_id=other),
            )
        assert dict(LedgerTransaction.objects.filter(kind=Kind.USAGE).values_list("id", "customer_id")) == {
            posting: customer,
            other: None,
        }


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_the_ledger_is_checked_against_itself_and_against_what_was_used(use: Use, alice: Person) -> None:
    use(300, 45)
    call_command("check_ledger")
    with raw_cursor() as cursor:
        write(cursor, Line(alice.tenant.id, 9))  # which nobody posts
    with pytest.raises(CommandError, match="wrong in 1 places"):
        call_command("check_ledger", tenant="acme")
