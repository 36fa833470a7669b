"""What is said on top of every page to who may do something about it."""

import pytest

from apps.billing.budgets import budget_create
from apps.billing.models import SpendWarning
from apps.core.tenancy import tenant_context
from apps.tenants.models import Role
from tests.billing.stripe_account import Account
from tests.billing.test_subscriptions import fail_cards, subscribe
from tests.cast import Person
from tests.tenants.signed_in import colleague, signed_in

LATE, USED = "A payment is late", "is used to 80 %"


def text(person: Person, page: str) -> str:
    return signed_in(person).get(f"/acme/{page}").content.decode()


def warn(person: Person) -> None:
    with tenant_context(person.tenant.id):
        budget = budget_create(amount_micro=1_000_000, period="total")
        SpendWarning.objects.create(
            budget=budget, period="total", percent=80, spent_micro=800_000, amount_micro=1_000_000
        )


def test_a_late_payment_is_on_every_page_until_it_is_paid(alice: Person, account: Account) -> None:
    subscribe(alice, account)
    assert LATE not in text(alice, "agents/")
    fail_cards(alice, account)
    account.advance(days=33)
    account.settle()
    assert LATE in text(alice, "agents/")
    assert text(alice, "billing/").count(LATE) == 1
    assert LATE not in text(colleague(alice, Role.VIEWER), "agents/"), "they can do nothing about it"
    fail_cards(alice, account, "pm_card_visa")
    account.advance(days=7)
    account.settle()
    assert LATE not in text(alice, "agents/")


@pytest.mark.django_db
def test_what_is_nearly_used_up_is_on_every_page_once(alice: Person) -> None:
    assert USED not in text(alice, "agents/")
    warn(alice)
    for page in ("agents/", "budgets/", "billing/"):
        assert text(alice, page).count(USED) == 1, page
    viewer = colleague(alice, Role.VIEWER)
    assert USED not in text(viewer, "agents/")
    assert USED in text(viewer, "budgets/")


@pytest.mark.django_db
def test_pages_that_are_not_there_say_so_as_ever(alice: Person) -> None:
    warn(alice)
    client = signed_in(alice)
    assert client.get("/acme/agents/nobody/").status_code == 404
    assert signed_in(colleague(alice, Role.VIEWER)).get("/acme/settings/").status_code == 403
