import uuid
from datetime import datetime
from typing import Annotated, Any

from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.agents.models import Agent
from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import FieldError, Problem, invalid, not_found
from apps.billing.budgets import budget_create, budget_delete, budget_list, budget_state, budget_update
from apps.billing.models import Action, Budget, Period
from apps.customers.selectors import customer_get
from apps.keys.models import ApiKey, Scope

area = Area("Budgets")

Amount = Annotated[
    int, Field(ge=10_000, le=10**15, description="In millionths of a dollar.", examples=[50_000_000])
]


class BudgetOut(Schema):
    """What an API key, an agent, a customer or the whole workspace should spend at most in a period of UTC."""

    id: uuid.UUID
    api_key_id: uuid.UUID | None
    agent: str | None = Field(description="The slug of an agent.")
    customer: str | None = Field(description="The external id of a customer.")
    period: Period
    amount_micro: int
    action: Action = Field(description="Whether sessions are ended when it is used up.")
    created_at: datetime

    @staticmethod
    def resolve_customer(budget: Budget) -> str | None:
        return budget.customer.external_id if budget.customer else None

    @staticmethod
    def resolve_agent(budget: Budget) -> str | None:
        return budget.agent.slug if budget.agent else None


class BudgetWithSpending(BudgetOut):
    spent_micro: int = Field(description="In the present period.")

    @staticmethod
    def resolve_spent_micro(budget: Budget) -> int:
        return budget_state(budget).spent_micro


class BudgetPage(Page[BudgetOut]):
    pass


class NewBudget(BaseModel):
    """For a key, an agent or a customer; with none of these for all that the workspace uses."""

    model_config = ConfigDict(extra="forbid")

    amount_micro: Amount
    period: Period = Period.MONTH
    action: Action = Action.STOP
    api_key_id: uuid.UUID | None = None
    agent: str | None = Field(None, description="The slug of an agent.", max_length=63)
    customer: str | None = Field(None, description="The external id of a customer.", max_length=100)


class BudgetChanges(BaseModel):
    """What is absent or null stays as it is."""

    model_config = ConfigDict(extra="forbid")

    amount_micro: Amount | None = None
    period: Period | None = None
    action: Action | None = None


@area.operation("GET", "/budgets", "budgets_list", scope=Scope.BILLING_READ, response=BudgetPage)
def list_budgets(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List budgets, the newest first."""
    return page_of(budget_list(), query, by="created_at")


@area.operation(
    "POST", "/budgets", "budgets_create", scope=Scope.BILLING_WRITE, response=BudgetOut, status=201
)
def create(request: ApiRequest, body: NewBudget) -> Budget:
    """Make a budget."""
    key = agent = customer = None
    if body.api_key_id and (key := ApiKey.objects.filter(id=body.api_key_id).first()) is None:
        raise _unknown("api_key_id", "API key")
    if body.agent and (agent := Agent.objects.filter(slug=body.agent).first()) is None:
        raise _unknown("agent", "agent")
    if body.customer and (customer := customer_get(body.customer)) is None:
        raise _unknown("customer", "customer")
    return budget_create(
        amount_micro=body.amount_micro,
        period=body.period,
        action=body.action,
        api_key=key,
        agent=agent,
        customer=customer,
    )


@area.operation(
    "GET",
    "/budgets/{uuid:budget_id}",
    "budgets_get",
    scope=Scope.BILLING_READ,
    response=BudgetWithSpending,
)
def get(request: ApiRequest, budget_id: uuid.UUID) -> Budget:
    """Show a budget, and what is spent of it."""
    return _find(budget_id)


@area.operation(
    "PATCH", "/budgets/{uuid:budget_id}", "budgets_update", scope=Scope.BILLING_WRITE, response=BudgetOut
)
def update(request: ApiRequest, budget_id: uuid.UUID, body: BudgetChanges) -> Budget:
    """Change a budget.

    Running sessions notice within seconds.
    """
    changes = {name: value for name, value in body.model_dump().items() if value is not None}
    return budget_update(budget=_find(budget_id), changes=changes)


@area.operation(
    "DELETE",
    "/budgets/{uuid:budget_id}",
    "budgets_delete",
    scope=Scope.BILLING_WRITE,
    response=None,
    status=204,
)
def delete(request: ApiRequest, budget_id: uuid.UUID) -> None:
    """Delete a budget."""
    budget_delete(budget=_find(budget_id))


def _unknown(field: str, what: str) -> Problem:
    return invalid([FieldError(field=field, message=f"There is no such {what} in this workspace.")])


def _find(budget_id: uuid.UUID) -> Budget:
    """Raises Problem."""
    budget = budget_list().filter(id=budget_id).first()
    if budget is None:
        raise not_found("budget")
    return budget
