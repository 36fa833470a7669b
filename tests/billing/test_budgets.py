"""Budgets as members see them: pages, operations and mails."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from apps.agents.services import agent_create
from apps.audit.models import AuditEvent
from apps.billing.budgets import budget_create, budget_delete, budget_states, budget_update
from apps.billing.ledger import correction_post, entries_post
from apps.billing.models import Account, Action, Budget, Kind, Period, SpendWarning
from apps.billing.services import plan_set
from apps.billing.tasks import warn_of_spending
from apps.billing.warnings import notices, period_of, reached, warnings_send
from apps.core.tenancy import tenant_context
from apps.keys.services import api_key_create
from apps.usage.models import UsageDay
from tests.api.clients import client_of
from tests.cast import PASSWORD, Person, member_of


@pytest.fixture
def as_alice(alice: Person):
    with tenant_context(alice.tenant.id):
        yield


def use(price_micro: int, **fields: Any) -> None:
    used = {"kind": "response", "provider": "local", "model": "local/test", "unit": "output_token"}
    UsageDay.objects.create(**({"day": timezone.now().date()} | used | fields), price_micro=price_micro)


def test_what_is_spent_of_each_budget(as_alice: None) -> None:
    key = api_key_create(name="Shop").key
    of_key = budget_create(amount_micro=1_000_000, api_key=key)
    of_all = budget_create(amount_micro=2_000_000, period=Period.TOTAL)
    use(400_000, api_key_id=key.id)
    use(300_000, day=timezone.now().date() - timedelta(days=40), model="local/old")
    states = {state.budget.id: (state.name, state.spent_micro, state.percent) for state in budget_states()}
    assert states == {
        of_key.id: ("API key Shop", 400_000, 40),
        of_all.id: ("Whole workspace", 700_000, 35),
    }


def test_changes_are_noted(as_alice: None) -> None:
    budget = budget_create(amount_micro=1_000_000)
    budget_update(budget=budget, changes={"action": Action.WARN})
    budget_delete(budget=budget)
    noted = AuditEvent.objects.filter(action__startswith="budget.").order_by("at")
    assert [event.action for event in noted] == ["budget.created", "budget.updated", "budget.deleted"]
    assert noted[1].after == {"action": "warn"}


def test_a_budget_is_for_a_key_or_for_an_agent(as_alice: None) -> None:
    agent = agent_create(slug="desk", name="Desk")
    with pytest.raises(ValidationError, match="make one for each"):
        budget_create(amount_micro=1_000_000, agent=agent, api_key=api_key_create(name="Shop").key)
    with pytest.raises(ValidationError):
        budget_create(amount_micro=0)
    with pytest.raises(ValidationError, match="no setting 'agent'"):
        budget_update(budget=budget_create(amount_micro=1_000_000), changes={"agent": agent})


def test_percents_are_reached_exactly() -> None:
    assert [reached(spent, 1000) for spent in (499, 500, 799, 800, 1000, 5000)] == [
        [],
        [50],
        [50],
        [50, 80],
        [50, 80, 100],
        [50, 80, 100],
    ]


def test_periods_are_those_of_utc() -> None:
    late = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    assert [period_of(period, late) for period in Period] == ["2026-11-30", "2026-11", "total"]


def test_members_are_warned_once_for_each_percent(as_alice: None, alice: Person, bob: Person) -> None:
    admin = member_of(alice.tenant, "carol", "admin")
    budget = budget_create(amount_micro=1_000_000)
    use(550_000)
    assert [warning.percent for warning in warnings_send()] == [50]
    assert warnings_send() == []
    use(500_000, model="local/other")
    assert [warning.percent for warning in warnings_send()] == [80, 100]
    half, full = mail.outbox
    assert set(half.bcc) == {alice.user.email, admin.user.email}  # Bob may not do anything about it
    assert full.subject == "Acme: the budget of whole workspace is used to 100 %"
    assert "$1.05 of $1.00" in full.body
    assert "new ones are refused" in full.body
    assert "/acme/budgets/" in full.body
    assert SpendWarning.objects.filter(budget=budget).count() == 3


def test_a_new_period_is_warned_of_anew(as_alice: None) -> None:
    budget_create(amount_micro=1_000_000, period=Period.TOTAL, action=Action.WARN)
    budget_create(amount_micro=1_000_000, period=Period.MONTH)
    use(600_000)
    assert len(warnings_send()) == 2
    assert len(warnings_send(now=timezone.now() + timedelta(days=32))) == 1


def test_a_mail_that_fails_is_tried_again(as_alice: None, monkeypatch: pytest.MonkeyPatch) -> None:
    budget_create(amount_micro=1_000_000)
    use(600_000)
    with monkeypatch.context() as broken:
        broken.setattr("apps.billing.warnings.EmailMessage.send", lambda message: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            warnings_send()
    assert [warning.percent for warning in warnings_send()] == [50]


def test_a_balance_is_warned_of_since_it_was_last_raised(as_alice: None, settings: Any) -> None:
    settings.BILLING = True
    correction_post(amount_micro=-3_900_000, reason="Used.")  # of a trial of 5 dollars
    (fifty,) = warnings_send()
    assert (fifty.percent, fifty.amount_micro) == (50, 5_000_000)
    correction_post(amount_micro=8_900_000, reason="Paid in.")  # 10 dollars now
    assert warnings_send() == []
    correction_post(amount_micro=-5_000_000, reason="Used.")
    (again,) = warnings_send()
    assert (again.percent, again.amount_micro) == (50, 10_000_000)


def test_pages_show_what_is_nearly_used_up_until_it_is_raised(as_alice: None, settings: Any) -> None:
    settings.BILLING = True
    budget = budget_create(amount_micro=1_000_000)
    use(850_000)
    correction_post(amount_micro=-5_000_000, reason="Used.")
    assert notices() == []
    warnings_send()
    assert set(notices()) == {
        "The budget of Whole workspace is used to 80 %. At 100 % sessions end.",
        "What this workspace may spend is used up: sessions end and new ones are refused.",
    }
    assert len(notices(now=timezone.now() + timedelta(days=32))) == 1
    budget_update(budget=budget, changes={"amount_micro": 2_000_000})
    assert len(notices()) == 1
    correction_post(amount_micro=1_000_000, reason="Paid in.")
    assert notices() == []


def test_a_cap_is_warned_of(as_alice: None, settings: Any) -> None:
    settings.BILLING = True
    plan_set(plan="enterprise")
    correction_post(amount_micro=-4_100_000_000, reason="Used.")
    assert [warning.percent for warning in warnings_send()] == [50, 80]
    settings.BILLING = False
    assert warnings_send(now=timezone.now() + timedelta(days=40)) == []


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_the_task_looks_at_those_who_used_something(alice: Person, mallory: Person) -> None:
    for person in (alice, mallory):
        with tenant_context(person.tenant.id):
            budget_create(amount_micro=1_000_000)
            use(600_000)
    post_usage_of(alice)
    warn_of_spending()
    with tenant_context(alice.tenant.id):
        assert SpendWarning.objects.count() == 1
    with tenant_context(mallory.tenant.id):
        assert SpendWarning.objects.count() == 0


def post_usage_of(person: Person) -> None:
    with tenant_context(person.tenant.id):
        entries_post(
            kind=Kind.USAGE, reference="usage:1", entries={Account.BALANCE: -5, Account.USAGE_REVENUE: 5}
        )


@pytest.fixture
def browser(alice: Person) -> Client:
    client = Client()
    assert client.login(email=alice.user.email, password=PASSWORD)
    return client


def test_a_budget_is_made_changed_and_deleted_on_its_page(browser: Client, alice: Person) -> None:
    key = alice.make_key("Shop").key
    assert "No budgets yet" in browser.get("/acme/budgets/").content.decode()
    given = {"whose": f"key:{key.id}", "amount": "12.50", "period": "day", "action": "warn"}
    assert browser.post("/acme/budgets/new/", given)["location"] == "/acme/budgets/"
    with tenant_context(alice.tenant.id):
        budget = Budget.objects.get()
        assert (budget.api_key_id, budget.amount_micro, budget.period, budget.action) == (
            key.id,
            12_500_000,
            "day",
            "warn",
        )
        use(11_000_000, api_key_id=key.id)
    shown = browser.get("/acme/budgets/").content.decode()
    assert "API key Shop" in shown
    assert "88 %" in shown
    page = f"/acme/budgets/{budget.id}/"
    assert 'value="12.50"' in browser.get(page).content.decode()
    assert browser.post(page, {**given, "amount": "-3"}).status_code == 422
    assert browser.post(page, {**given, "amount": "20"})["location"] == "/acme/budgets/"
    assert browser.post(f"{page}delete/")["location"] == "/acme/budgets/"
    with tenant_context(alice.tenant.id):
        assert not Budget.objects.exists()


def test_the_page_makes_a_budget_for_the_whole_workspace_unless_told_otherwise(
    browser: Client, alice: Person
) -> None:
    assert "(optional)" not in browser.get("/acme/budgets/new/").content.decode()
    given = {"whose": "workspace", "amount": "1", "period": "total", "action": "stop"}
    assert browser.post("/acme/budgets/new/", given).status_code == 302
    with tenant_context(alice.tenant.id):
        budget = Budget.objects.get()
        assert (budget.api_key_id, budget.agent_id, budget.customer_id) == (None, None, None)


def test_viewers_see_budgets_and_change_none(browser: Client, alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        budget = budget_create(amount_micro=1_000_000)
    viewer = Client()
    viewer.force_login(member_of(alice.tenant, "vera", "viewer").user)
    assert "Whole workspace" in viewer.get("/acme/budgets/").content.decode()
    assert viewer.post(f"/acme/budgets/{budget.id}/delete/").status_code == 403


@pytest.mark.parametrize("field", ["api_key_id", "agent", "customer"])
def test_a_budget_of_nothing_there_is_told_by_its_field(alice: Person, field: str) -> None:
    body = {"amount_micro": 50_000_000, field: str(uuid.uuid4())}
    response = client_of(alice).post("/api/v1/budgets", body, content_type="application/json")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert response.json()["detail"].startswith("There is no such ")
