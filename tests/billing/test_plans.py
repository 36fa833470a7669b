"""Plans are data; a tenant is on one of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from apps.audit.models import AuditEvent
from apps.billing.checks import plans_can_be_used
from apps.billing.ledger import balance_micro
from apps.billing.models import BillingAccount, Mode
from apps.billing.plans import plans
from apps.billing.selectors import forget_terms, plan_limits, terms, terms_of
from apps.billing.services import account_open, account_update, plan_set
from apps.core.tenancy import tenant_context
from apps.keys.demo import demo_ensure
from apps.limits.selectors import limits_of
from apps.tenants.models import Tenant
from tests.cast import Person


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    forget_terms()
    yield
    forget_terms()


def test_three_plans_come_with_it() -> None:
    assert list(plans()) == ["free", "pro", "enterprise"]
    assert plans().first.trial_micro == 5_000_000
    assert plans_can_be_used(None) == []


def write(path: Path, settings: Any, *given: dict[str, object]) -> None:
    settings.PLANS_FILE = path / "plans.json"
    settings.PLANS_FILE.write_text(json.dumps({"plans": given}))


def test_an_operator_has_plans_of_its_own(tmp_path: Path, settings: Any) -> None:
    write(tmp_path, settings, {"key": "basic", "name": "Basic", "mode": "prepaid", "markup_bp": 500})
    assert list(plans()) == ["basic"]
    assert plans_can_be_used(None) == []
    assert terms(plan="pro", mode="", cap_micro=None).plan.key == "basic"  # a plan that is no more


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "it has no plan"),
        ([{"key": "a", "name": "A", "mode": "later"}], "Invalid enum value 'later'"),
        ([{"key": "a", "name": "A", "mode": "prepaid", "prize": 3}], "unknown field `prize`"),
        ([{"key": "A b", "name": "A", "mode": "prepaid"}], "the key 'A b' must be of lower-case"),
        ([{"key": "a", "name": "A", "mode": "prepaid"}] * 2, "more than one plan 'a'"),
        ([{"key": "a", "name": "A", "mode": "prepaid", "price_micro": -1}], "price_micro of the plan 'a'"),
        ([{"key": "a", "name": "A", "mode": "postpaid"}], "needs a cap_micro"),
        ([{"key": "a", "name": "A", "mode": "prepaid", "markup_bp": -10_001}], "markup_bp of the plan 'a'"),
        ([{"key": "a", "name": "A", "mode": "prepaid", "limits": {"sessions": 0}}], "sessions of the plan"),
    ],
)
def test_a_file_that_can_not_be_used_is_told_at_the_start(
    tmp_path: Path, settings: Any, given: list[dict[str, object]], sentence: str
) -> None:
    write(tmp_path, settings, *given)
    (error,) = plans_can_be_used(None)
    assert sentence in error.msg


def test_a_file_that_is_not_there_is_told_at_the_start(settings: Any) -> None:
    settings.PLANS_FILE = Path("/nonexistent/plans.json")
    (error,) = plans_can_be_used(None)
    assert "can't be read: No such file" in error.msg


def test_a_plan_is_changed_by_command(alice: Person, settings: Any) -> None:
    call_command("set_plan", tenant="acme", plan="enterprise")
    assert terms_of(alice.tenant.id).mode == Mode.POSTPAID
    assert plan_limits(alice.tenant.id) is None  # nobody bills: the platform's hold
    settings.BILLING = True
    assert limits_of(alice.tenant.id).sessions == 200
    with tenant_context(alice.tenant.id):
        assert balance_micro() == 5_000_000  # the trial of its first plan, once
        event = AuditEvent.objects.get(action="billing.plan_changed")
    assert (event.before, event.after) == ({"plan": ""}, {"plan": "enterprise"})
    with pytest.raises(CommandError, match="There is no plan 'gold': choose one of free, pro, enterprise"):
        call_command("set_plan", tenant="acme", plan="gold")
    with pytest.raises(CommandError, match="There is no tenant 'nobody'"):
        call_command("set_plan", tenant="nobody", plan="pro")


def test_trial_credit_comes_once(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        plan_set(plan="pro")
        plan_set(plan="free")
        account_open()
        assert balance_micro() == 5_000_000
        assert BillingAccount.objects.count() == 1


def test_an_account_may_differ_from_its_plan() -> None:
    ours = terms(plan="free", mode="postpaid", cap_micro=7)
    assert (ours.mode, ours.credit_micro) == (Mode.POSTPAID, 7)
    assert terms(plan="enterprise", mode="", cap_micro=None).credit_micro == 5_000_000_000
    assert terms(plan="enterprise", mode="", cap_micro=0).credit_micro == 0
    assert terms(plan="free", mode="", cap_micro=7).credit_micro == 0  # a cap is for those who pay later


def test_settings_of_an_account_are_checked_and_noted(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        account_update(changes={"goodbye": "", "auto_recharge": True})
        assert AuditEvent.objects.get(action="billing.updated").after == {
            "goodbye": "",
            "auto_recharge": True,
        }
        with pytest.raises(ValidationError):
            account_update(changes={"recharge_micro": 5})
        with pytest.raises(ValidationError, match="no setting 'plan'"):
            account_update(changes={"plan": "enterprise"})


def test_the_demo_is_on_the_largest_plan(db: None, tmp_path: Path) -> None:
    demo_ensure(tmp_path / "demo.json")
    assert terms_of(Tenant.objects.get(slug="demo").id).plan.key == "enterprise"
