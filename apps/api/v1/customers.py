from datetime import date, datetime
from typing import Annotated, Any

from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import FieldError, invalid, not_found
from apps.api.v1.types import Moment, Name
from apps.customers.models import LEAST_BP, MOST_BP, Customer, CustomerMarkup, Statement
from apps.customers.months import month_named
from apps.customers.selectors import customer_list, statement_lines, statement_list
from apps.customers.services import customer_create, customer_markup_set, customer_update, statement_issue
from apps.keys.models import Scope
from apps.usage.models import Kind

area = Area("Customers")

MarkupBp = Annotated[
    int,
    Field(
        ge=LEAST_BP,
        le=MOST_BP,
        description="Added to the price of what is used, in 1/100 %: 2500 is 25 %. Negative: a discount.",
        examples=[2500],
    ),
]
OwnLimit = Annotated[int, Field(ge=1, le=2**31 - 1, description="Of all sessions on the customer's account.")]
Notes = Annotated[str, Field(max_length=2000, description="For the members of the workspace.")]
Micro = Annotated[int, Field(description="In millionths of a US dollar.", examples=[1_250_000])]


class CustomerOut(Schema):
    """Whom the workspace charges for what is used on their account."""

    external_id: str = Field(description="What your apps call them.", examples=["globex"])
    name: str = Field(examples=["Globex Corporation"])
    is_active: bool = Field(description="Only an active one opens sessions.")
    markup_bp: int = Field(description="Of now, in 1/100 %.", examples=[2500])
    sessions_limit: int | None = Field(description="At the same time; null: no limit of its own.")
    events_per_second_limit: int | None = Field(description="Client events; null: no limit of its own.")
    notes: str
    created_at: datetime


class CustomerPage(Page[CustomerOut]):
    pass


class NewCustomer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    external_id: str = Field(min_length=1, max_length=100, description="For good.", examples=["globex"])
    name: Name
    markup_bp: MarkupBp = 0
    sessions_limit: OwnLimit | None = None
    events_per_second_limit: OwnLimit | None = None
    notes: Notes = ""


class CustomerChanges(BaseModel):
    """What is absent stays as it is; null takes a limit away."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    is_active: bool | None = None
    sessions_limit: OwnLimit | None = None
    events_per_second_limit: OwnLimit | None = None
    notes: Notes | None = None


class MarkupOut(Schema):
    """Added to the price of what a customer uses from a moment on, until the next one's."""

    markup_bp: int = Field(examples=[2500])
    valid_from: datetime


class MarkupPage(Page[MarkupOut]):
    pass


class NewMarkup(BaseModel):
    model_config = ConfigDict(extra="forbid")

    markup_bp: MarkupBp
    valid_from: Moment | None = Field(
        None, description="From when on; absent: now. What was used keeps its markup."
    )


class StatementOut(Schema):
    """What a customer owes for a month of UTC. It never changes: what was recorded late is on the next one."""

    month: str = Field(examples=["2026-06"])
    external_id: str
    customer_name: str
    records: int = Field(description="How many usage records it sums up.")
    unpriced: int = Field(description="Those of them that nobody has a price for.")
    price_micro: Micro = Field(description="What the workspace is billed for it.")
    resale_micro: Micro = Field(description="What the customer owes for it.")
    issued_at: datetime

    @staticmethod
    def resolve_month(statement: Statement) -> str:
        return f"{statement.month:%Y-%m}"


class StatementPage(Page[StatementOut]):
    pass


class StatementLineOut(Schema):
    """What was used of one unit of one model on a day of UTC, at one markup. Each usage record's price is marked up
    and rounded half up by itself."""

    day: date
    kind: Kind
    model: str = Field(examples=["groq/openai/gpt-oss-120b"])
    unit: str = Field(examples=["input_text_token"])
    markup_bp: int
    quantity: int
    records: int
    unpriced: int
    price_micro: Micro
    resale_micro: Micro


class FullStatement(StatementOut):
    lines: list[StatementLineOut]

    @staticmethod
    def resolve_lines(statement: Statement) -> Any:
        return list(statement_lines(statement))


class NewStatement(BaseModel):
    model_config = ConfigDict(extra="forbid")

    month: str = Field(description="One that is over, in UTC.", examples=["2026-06"], max_length=7)


@area.operation("GET", "/customers", "customers_list", scope=Scope.CUSTOMERS_READ, response=CustomerPage)
def list_customers(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List customers, the newest first."""
    return page_of(customer_list(), query, by="created_at")


@area.operation(
    "POST", "/customers", "customers_create", scope=Scope.CUSTOMERS_WRITE, response=CustomerOut, status=201
)
def create(request: ApiRequest, body: NewCustomer) -> Customer:
    """Add a customer."""
    return _find(customer_create(**body.model_dump()).external_id)


@area.operation(
    "GET", "/customers/{external_id}", "customers_get", scope=Scope.CUSTOMERS_READ, response=CustomerOut
)
def get(request: ApiRequest, external_id: str) -> Customer:
    """Show a customer."""
    return _find(external_id)


@area.operation(
    "PATCH", "/customers/{external_id}", "customers_update", scope=Scope.CUSTOMERS_WRITE, response=CustomerOut
)
def update(request: ApiRequest, external_id: str, body: CustomerChanges) -> Customer:
    """Change a customer.

    Sessions that begin from now on are as it says.
    """
    given = body.model_dump(exclude_unset=True)
    never_null = ("name", "is_active", "notes")
    return customer_update(
        customer=_find(external_id),
        changes={name: value for name, value in given.items() if value is not None or name not in never_null},
    )


@area.operation(
    "GET",
    "/customers/{external_id}/markups",
    "customer_markups_list",
    scope=Scope.CUSTOMERS_READ,
    response=MarkupPage,
)
def list_markups(request: ApiRequest, external_id: str, query: Query[PageQuery]) -> Any:
    """List a customer's markups, the latest first."""
    return page_of(_find(external_id).markups.all(), query, by="valid_from")


@area.operation(
    "POST",
    "/customers/{external_id}/markups",
    "customer_markups_set",
    scope=Scope.CUSTOMERS_WRITE,
    response=MarkupOut,
    status=201,
)
def set_markup(request: ApiRequest, external_id: str, body: NewMarkup) -> CustomerMarkup:
    """Set a customer's markup, from now on or from a later moment.

    What was used keeps its own.
    """
    return customer_markup_set(customer=_find(external_id), **body.model_dump())


@area.operation(
    "GET",
    "/customers/{external_id}/statements",
    "statements_list",
    scope=Scope.CUSTOMERS_READ,
    response=StatementPage,
)
def list_statements(request: ApiRequest, external_id: str, query: Query[PageQuery]) -> Any:
    """List a customer's statements, the newest first."""
    return page_of(statement_list(_find(external_id)), query, by="month")


@area.operation(
    "POST",
    "/customers/{external_id}/statements",
    "statements_issue",
    scope=Scope.CUSTOMERS_WRITE,
    response=StatementOut,
    status=201,
)
def issue(request: ApiRequest, external_id: str, body: NewStatement) -> Statement:
    """Issue the statement of a month that is over, without waiting until it is made by itself."""
    customer = _find(external_id)
    month = month_named(body.month)
    if month is None:
        raise invalid([FieldError(field="month", message="Give a month like 2026-06.")])
    return statement_issue(customer=customer, month=month)


@area.operation(
    "GET",
    "/customers/{external_id}/statements/{month}",
    "statements_get",
    scope=Scope.CUSTOMERS_READ,
    response=FullStatement,
)
def get_statement(request: ApiRequest, external_id: str, month: str) -> Statement:
    """Show a statement with its lines."""
    first = month_named(month)
    statement = first and statement_list(_find(external_id)).filter(month=first).first()
    if not statement:
        raise not_found("statement")
    return statement


def _find(external_id: str) -> Customer:
    """Raises Problem."""
    customer = customer_list().filter(external_id=external_id).first()
    if customer is None:
        raise not_found("customer")
    return customer
