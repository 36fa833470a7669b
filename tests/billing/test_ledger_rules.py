"""What the database itself refuses, whatever the code."""

import uuid

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.billing.models import Account, AccountBalance, Kind, LedgerEntry, LedgerTransaction
from apps.core.tenancy import tenant_context
from tests.cast import Person


def post(*amounts: int) -> LedgerTransaction:
    made = LedgerTransaction.objects.create(
        kind=Kind.CORRECTION, reference=str(uuid.uuid4()), at=timezone.now()
    )
    accounts = [Account.BALANCE, Account.CORRECTION, Account.CASH]
    LedgerEntry.objects.bulk_create(
        LedgerEntry(transaction=made, account=account, amount_micro=amount)
        for account, amount in zip(accounts, amounts, strict=False)
    )
    return made


def commit() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_balanced_entries_are_taken_and_added_up(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        post(500, -500)
        post(-200, 150, 50)
        commit()
        assert dict(AccountBalance.objects.values_list("account", "amount_micro")) == {
            Account.BALANCE: 5_000_300,
            Account.PROMOTION: -5_000_000,
            Account.CORRECTION: -350,
            Account.CASH: 50,
        }


@pytest.mark.parametrize("amounts", [(), (0,), (500,), (500, -499), (1, 1, -3)])
def test_entries_that_do_not_sum_to_nothing_are_refused(alice: Person, amounts: tuple[int, ...]) -> None:
    with tenant_context(alice.tenant.id):
        post(*amounts)
        with pytest.raises(DatabaseError, match="two or more, and 0"), transaction.atomic():
            commit()
        transaction.set_rollback(True)


def test_it_does_not_matter_whom_the_commit_is_for(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        post(5, -5)
    commit()  # with no tenant at all
    with tenant_context(alice.tenant.id):
        post(5, -4)
    with pytest.raises(DatabaseError, match="two or more, and 0"), transaction.atomic():
        commit()
    transaction.set_rollback(True)


def test_nothing_is_altered_or_taken_back(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        made = post(5, -5)
        for rows in (LedgerTransaction.objects.filter(id=made.id), LedgerEntry.objects.all()):
            with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
                rows.delete()
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            LedgerEntry.objects.update(amount_micro=0)


def test_a_balance_is_changed_by_entries_only(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        post(5, -5)
        with pytest.raises(DatabaseError, match="but by entries"), transaction.atomic():
            AccountBalance.objects.update(amount_micro=1_000_000)
        with pytest.raises(DatabaseError, match="but by entries"), transaction.atomic():
            AccountBalance.objects.create(account=Account.TAX, amount_micro=1)


def test_an_entry_of_another_tenants_transaction_is_refused(alice: Person, mallory: Person) -> None:
    with tenant_context(alice.tenant.id):
        made = post(5, -5)
    with tenant_context(mallory.tenant.id):
        assert not LedgerEntry.objects.filter(transaction=made.id).exists()
        LedgerEntry.objects.create(transaction_id=made.id, account=Account.BALANCE, amount_micro=1)
        with pytest.raises(DatabaseError) as refused, transaction.atomic():
            commit()
    transaction.set_rollback(True)
    assert isinstance(refused.value.__cause__, psycopg.IntegrityError)
