"""The plan, the balance, payments, invoices and the ledger."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any

from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import not_found
from apps.billing.ledger import balance_micro, transactions
from apps.billing.models import Invoice, Kind, Mode, TopUp
from apps.billing.selectors import forget_terms, terms_of_account
from apps.billing.services import account_open, account_update
from apps.billing.stripe import subscriptions
from apps.billing.stripe.client import is_stand_in
from apps.billing.stripe.models import InvoiceStatus, LineKind, Subscription, TopUpSource, TopUpStatus
from apps.billing.stripe.selectors import subscription_current
from apps.billing.stripe.top_ups import LEAST_MICRO, MOST_MICRO, top_up_start
from apps.keys.models import Scope

area = Area("Billing")

_MICRO = "In millionths of a dollar."
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=2000)]
Amount = Annotated[int, Field(ge=LEAST_MICRO, le=MOST_MICRO, multiple_of=10_000, description=_MICRO)]


class SubscriptionOut(Schema):
    """A plan that is paid for every month."""

    plan: str
    next_plan: str = Field(description="What comes at the period's end; empty: the same.")
    status: str = Field(examples=["active", "past_due"])
    period_start: datetime | None
    period_end: datetime | None
    cancel_at: datetime | None
    past_due_since: datetime | None


class BillingOut(Schema):
    """What the workspace pays."""

    plan: str = Field(examples=["pro"])
    mode: Mode
    balance_micro: int = Field(description=f"{_MICRO} Below 0: used, and not invoiced yet.")
    credit_micro: int = Field(description=f"{_MICRO} What may be used beyond the balance.")
    auto_recharge: bool
    recharge_below_micro: int
    recharge_micro: int
    recharge_month_max_micro: int
    legal_name: str
    billing_email: str
    country: str
    postal_code: str
    subscription: SubscriptionOut | None
    is_stand_in: bool = Field(description="No money moves: the platform has no key for Stripe.")


class BillingChanges(BaseModel):
    """What is absent or null stays as it is."""

    model_config = ConfigDict(extra="forbid")

    auto_recharge: bool | None = None
    recharge_below_micro: int | None = Field(None, ge=0, le=MOST_MICRO)
    recharge_micro: Amount | None = None
    recharge_month_max_micro: int | None = Field(None, ge=LEAST_MICRO, le=10 * MOST_MICRO)
    legal_name: str | None = Field(None, max_length=200)
    billing_email: str | None = Field(None, max_length=254)
    country: str | None = Field(None, pattern=r"^([A-Z]{2})?$")
    postal_code: str | None = Field(None, max_length=20)


class ToBePaid(Schema):
    """Where a person pays, or an empty address where there is nothing to pay at a page."""

    url: str


class Back(BaseModel):
    """Where the page leads afterwards."""

    model_config = ConfigDict(extra="forbid")

    success_url: Url
    cancel_url: Url


class NewTopUp(Back):
    amount_micro: Amount


class NewPlan(Back):
    plan: str = Field(max_length=40, examples=["pro"])


class TopUpOut(Schema):
    """Money that is paid in."""

    id: uuid.UUID
    source: TopUpSource
    status: TopUpStatus
    amount_micro: int
    tax_micro: int
    failure: str
    created_at: datetime
    paid_at: datetime | None


class TopUpPage(Page[TopUpOut]):
    pass


class InvoiceOut(Schema):
    """What was billed; `usage_micro` of it was used, the rest is the plan and tax."""

    id: uuid.UUID
    number: str
    status: InvoiceStatus
    plan: str
    usage_since: datetime | None
    usage_until: datetime | None
    fee_micro: int
    usage_micro: int
    tax_micro: int
    total_micro: int
    paid_micro: int
    created_at: datetime
    paid_at: datetime | None
    hosted_url: str
    pdf_url: str


class InvoicePage(Page[InvoiceOut]):
    pass


class InvoiceLineOut(Schema):
    id: int
    kind: LineKind
    description: str
    day: date | None
    model: str
    amount_micro: int


class InvoiceWithLines(InvoiceOut):
    lines: list[InvoiceLineOut] = Field(description="They sum to the total.")

    @staticmethod
    def resolve_lines(invoice: Invoice) -> list[Any]:
        return list(invoice.lines.all())


class LedgerEntryOut(Schema):
    """What changed the balance."""

    id: uuid.UUID = Field(description="Of usage: the `posting_id` of the usage records it is the sum of.")
    kind: Kind
    reference: str
    description: str
    at: datetime
    balance_change: int = Field(description=_MICRO)


class LedgerPage(Page[LedgerEntryOut]):
    pass


@area.operation("GET", "/billing", "billing_get", scope=Scope.BILLING_READ, response=BillingOut)
def get(request: ApiRequest) -> Any:
    """Show the plan, the balance and how it is paid."""
    account = account_open()
    terms = terms_of_account(account)
    names = set(BillingOut.model_fields) & {field.name for field in account._meta.fields}
    return {
        **{name: getattr(account, name) for name in names},
        "plan": terms.plan.key,
        "mode": terms.mode,
        "credit_micro": terms.credit_micro,
        "balance_micro": balance_micro(),
        "subscription": subscription_current(),
        "is_stand_in": is_stand_in(),
    }


@area.operation("PATCH", "/billing", "billing_update", scope=Scope.BILLING_WRITE, response=BillingOut)
def update(request: ApiRequest, body: BillingChanges) -> Any:
    """Change automatic recharge and what is on invoices."""
    account_update(changes={name: value for name, value in body.model_dump().items() if value is not None})
    return get(request)


@area.operation(
    "POST", "/top-ups", "top_ups_create", scope=Scope.BILLING_WRITE, response=ToBePaid, status=201
)
def create_top_up(request: ApiRequest, body: NewTopUp) -> Any:
    """Pay in.

    Returns the address of the page where a person pays; the balance is raised when that is done.
    """
    return {"url": top_up_start(**body.model_dump())}


@area.operation("GET", "/top-ups", "top_ups_list", scope=Scope.BILLING_READ, response=TopUpPage)
def list_top_ups(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List payments into the balance, the newest first."""
    return page_of(TopUp.objects.all(), query, by="created_at")


@area.operation("POST", "/subscription", "subscription_put", scope=Scope.BILLING_WRITE, response=ToBePaid)
def put_plan(request: ApiRequest, body: NewPlan) -> Any:
    """Choose or change the plan.

    Without a subscription it returns the address of the page where a person pays. With one, a larger plan begins at
    once and is paid for with the same card, a smaller one when the month that is paid for is over.
    """
    if subscription_current() is None:
        return {"url": subscriptions.subscription_start(**body.model_dump())}
    subscriptions.subscription_change(plan=body.plan)
    forget_terms()
    return {"url": ""}


@area.operation(
    "DELETE", "/subscription", "subscription_cancel", scope=Scope.BILLING_WRITE, response=SubscriptionOut
)
def cancel(request: ApiRequest) -> Subscription:
    """Cancel the plan when the month that is paid for is over."""
    return subscriptions.subscription_cancel()


@area.operation(
    "POST",
    "/subscription/resume",
    "subscription_resume",
    scope=Scope.BILLING_WRITE,
    response=SubscriptionOut,
)
def resume(request: ApiRequest) -> Subscription:
    """Keep the plan that was cancelled, or was to change."""
    return subscriptions.subscription_resume()


@area.operation("GET", "/invoices", "invoices_list", scope=Scope.BILLING_READ, response=InvoicePage)
def list_invoices(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List invoices, the newest first."""
    return page_of(Invoice.objects.all(), query, by="created_at")


@area.operation(
    "GET",
    "/invoices/{uuid:invoice_id}",
    "invoices_get",
    scope=Scope.BILLING_READ,
    response=InvoiceWithLines,
)
def get_invoice(request: ApiRequest, invoice_id: uuid.UUID) -> Invoice:
    """Show an invoice with its lines."""
    found = Invoice.objects.filter(id=invoice_id).first()
    if found is None:
        raise not_found("invoice")
    return found


@area.operation("GET", "/ledger", "ledger_list", scope=Scope.BILLING_READ, response=LedgerPage)
def list_ledger(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List what changed the balance, the newest first."""
    found: Any = transactions()
    return page_of(found, query, by="at")
