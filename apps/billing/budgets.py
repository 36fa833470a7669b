"""Budgets of the current tenant: made, changed, and what is spent of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import QuerySet

from apps.agents.models import Agent
from apps.audit.services import fields_of, record
from apps.billing.holds import BUDGETS
from apps.billing.models import Action, Budget, Period
from apps.core.tenancy import atomic, current_database
from apps.customers.models import Customer
from apps.keys.models import ApiKey

MOST_BUDGETS = 100  # of one tenant: all are added up whenever a session begins
EDITABLE = ("period", "amount_micro", "action")


def budget_list() -> QuerySet[Budget]:
    return Budget.objects.select_related("api_key", "agent", "customer")


@atomic()
def budget_create(
    *,
    amount_micro: int,
    period: Period = Period.MONTH,
    action: Action = Action.STOP,
    api_key: ApiKey | None = None,
    agent: Agent | None = None,
    customer: Customer | None = None,
) -> Budget:
    """For a key, an agent, a customer or, with none of these, all that the tenant uses: counted by what the tenant
    is billed. Raises ValidationError."""
    if Budget.objects.count() >= MOST_BUDGETS:
        raise ValidationError(f"A workspace has at most {MOST_BUDGETS} budgets: delete one first.")
    if sum(each is not None for each in (api_key, agent, customer)) > 1:
        raise ValidationError("A budget is for a key, an agent or a customer: make one for each.")
    budget = Budget(
        amount_micro=amount_micro,
        period=period,
        action=action,
        api_key=api_key,
        agent=agent,
        customer=customer,
    )
    budget.claim()
    budget.full_clean()
    budget.save()
    record(action="budget.created", target=budget, after=fields_of(budget, *EDITABLE), label=name_of(budget))
    return budget


@atomic()
def budget_update(*, budget: Budget, changes: Mapping[str, Any]) -> Budget:
    """Changes some of the EDITABLE fields. Running sessions notice within seconds. Raises ValidationError."""
    if unknown := set(changes) - set(EDITABLE):
        raise ValidationError(f"A budget has no setting {sorted(unknown)[0]!r}.")
    before = fields_of(budget, *EDITABLE)
    for name, value in changes.items():
        setattr(budget, name, value)
    budget.full_clean()
    after = fields_of(budget, *EDITABLE)
    if after != before:
        budget.save(update_fields=list(changes))
        record(action="budget.updated", target=budget, before=before, after=after, label=name_of(budget))
    return budget


@atomic()
def budget_delete(*, budget: Budget) -> None:
    before = fields_of(budget, *EDITABLE)
    record(action="budget.deleted", target=budget, before=before, label=name_of(budget))
    budget.delete()


def name_of(budget: Budget) -> str:
    """What people call it."""
    if budget.api_key is not None:
        return f"API key {budget.api_key.name}"
    if budget.customer is not None:
        return f"Customer {budget.customer.name}"
    return f"Agent {budget.agent.name}" if budget.agent is not None else "Whole workspace"


@dataclass(frozen=True, slots=True)
class BudgetState:
    """`spent_micro` is of its present period, in UTC."""

    budget: Budget
    spent_micro: int

    @property
    def percent(self) -> int:
        return min(self.spent_micro * 100 // self.budget.amount_micro, 999)

    @property
    def name(self) -> str:
        return name_of(self.budget)


def budget_state(budget: Budget) -> BudgetState:
    return next(state for state in budget_states() if state.budget == budget)


def budget_states() -> list[BudgetState]:
    """All of the current tenant's, in two queries."""
    budgets = list(budget_list())
    if not budgets:
        return []
    with connections[current_database()].cursor() as cursor:
        cursor.execute(
            BUDGETS, {"tenants": [budgets[0].tenant_id], "actions": [action.value for action in Action]}
        )
        names = [column.name for column in cursor.description or ()]
        spent = {row[names.index("id")]: row[names.index("spent")] for row in cursor.fetchall()}
    return [BudgetState(budget, spent.get(budget.id, 0)) for budget in budgets]
