"""A tenant's own customers: what they may use, what they used, and what they owe for it."""

from collections.abc import Iterable
from datetime import UTC, date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.billing.budgets import budget_states
from apps.core.spreadsheets import csv_lines
from apps.customers.charges import charged_about, lines_of
from apps.customers.models import Customer, Statement, StatementLine
from apps.customers.months import last_day, month_named, month_of
from apps.customers.selectors import (
    customer_list,
    markups_to_come,
    months_due,
    spent_this_month,
    statement_lines,
    statement_list,
)
from apps.customers.services import (
    EDITABLE,
    customer_create,
    customer_markup_set,
    customer_update,
    statement_issue,
)
from apps.dashboard.forms.customers import CustomerChangesForm, MarkupForm, NewCustomerForm
from apps.dashboard.paging import page_of
from apps.dashboard.problems import tell, toast
from apps.dashboard.templatetags.amounts import dollars_exact, quantity
from apps.keys.selectors import api_key_list
from apps.tenants.access import tenant_page
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership
from apps.usage.models import Kind
from apps.usage.periods import Period, today_utc

_CSV = ("day", "kind", "model", "unit", "quantity", "records", "amount_micro_usd", "amount_usd")


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    spent = spent_this_month()
    rows = [(customer, spent.get(customer.pk, 0)) for customer in customer_list()]
    return render(request, "dashboard/customers/list.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.MANAGE_BILLING)
def new(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = NewCustomerForm(request.POST or None)
    if form.is_valid():
        try:
            customer = customer_create(**form.cleaned_data)
            return redirect("customer", membership.tenant_slug, customer.external_id)
        except ValidationError as error:
            tell(form, error)
    return render(request, "dashboard/customers/new.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
@tenant_page()
def detail(request: HttpRequest, membership: PersonalMembership, external_id: str) -> HttpResponse:
    return _detail(request, _find(external_id), MarkupForm())


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.MANAGE_BILLING)
def edit(request: HttpRequest, membership: PersonalMembership, external_id: str) -> HttpResponse:
    customer = _find(external_id)
    form = CustomerChangesForm(
        request.POST or None, initial={name: getattr(customer, name) for name in EDITABLE}
    )
    if form.is_valid():
        try:
            customer_update(customer=customer, changes=form.cleaned_data)
            return redirect("customer", membership.tenant_slug, external_id)
        except ValidationError as error:
            tell(form, error)
    context = {"form": form, "customer": customer}
    return render(request, "dashboard/customers/edit.html", context, status=422 if form.errors else 200)


@require_POST
@tenant_page(May.MANAGE_BILLING)
def set_markup(request: HttpRequest, membership: PersonalMembership, external_id: str) -> HttpResponse:
    customer, form = _find(external_id), MarkupForm(request.POST)
    if form.is_valid():
        try:
            made = customer_markup_set(customer=customer, **form.cleaned_data)
            messages.success(
                request, f"{made} is added to what they use from {made.valid_from:%-d %B %Y, %H:%M} UTC on."
            )
            return redirect("customer", membership.tenant_slug, external_id)
        except ValidationError as error:
            tell(form, error)
    return _detail(request, customer, form)


@require_POST
@tenant_page(May.MANAGE_BILLING)
def issue(request: HttpRequest, membership: PersonalMembership, external_id: str) -> HttpResponse:
    customer, month = _find(external_id), month_named(request.POST.get("month", ""))
    if month is None:
        messages.error(request, "Choose a month.")
        return redirect("customer", membership.tenant_slug, external_id)
    try:
        statement_issue(customer=customer, month=month)
    except ValidationError as error:
        toast(request, error)
        return redirect("customer", membership.tenant_slug, external_id)
    return redirect("customer-statement", membership.tenant_slug, external_id, f"{month:%Y-%m}")


@require_safe
@tenant_page()
def statement(
    request: HttpRequest, membership: PersonalMembership, external_id: str, month: str
) -> HttpResponse:
    found = _statement(external_id, month)
    rows = [
        (line, quantity(line.quantity, line.unit), _records_query(line)) for line in statement_lines(found)
    ]
    return render(request, "dashboard/customers/statement.html", {"statement": found, "rows": rows})


@require_safe
@tenant_page()
def statement_print(
    request: HttpRequest, membership: PersonalMembership, external_id: str, month: str
) -> HttpResponse:
    """What the customer may see of it: neither the tenant's own prices nor the markup."""
    found = _statement(external_id, month)
    rows = [(line, quantity(line.quantity, line.unit)) for line in statement_lines(found)]
    context = {"statement": found, "rows": rows, "last_day": last_day(found.month)}
    return render(request, "dashboard/customers/print.html", context)


@require_safe
@tenant_page()
def statement_csv(
    request: HttpRequest, membership: PersonalMembership, external_id: str, month: str
) -> HttpResponse:
    """The same as a file."""
    found = _statement(external_id, month)
    body = csv_lines([_CSV, *_csv_rows(statement_lines(found))])
    name = f"statement-{found.external_id}-{found.month:%Y-%m}.csv".replace(":", "-").replace("@", "-")
    response = HttpResponse(body, content_type="text/csv; charset=utf-8")
    response["content-disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@tenant_page()
def records(request: HttpRequest, membership: PersonalMembership, external_id: str) -> HttpResponse:
    """The usage records of a customer, with what each is charged at; of a day, a model, a unit if they are
    given."""
    customer, given = _find(external_id), request.GET
    first, last = _day(given.get("first")), _day(given.get("last"))
    today = today_utc()
    period = Period(first or month_of(last or today), last or max(first or today, today))
    lines = lines_of(customer, since=period.since, before=period.before)
    for name in ("kind", "model", "unit"):
        if value := given.get(name, "").replace("\0", ""):
            lines = lines.filter(**{name: value})
    page = page_of(lines, by="at", cursor=given.get("cursor", ""))
    context = {
        "customer": customer,
        "period": period,
        "page": page,
        "rows": [(line, quantity(line.quantity, line.unit)) for line in page.rows],
        "base": urlencode({name: given[name] for name in _ASKED if given.get(name)}),
    }
    return render(request, "dashboard/customers/records.html", context)


_ASKED = ("first", "last", "kind", "model", "unit")


def _detail(request: HttpRequest, customer: Customer, form: MarkupForm) -> HttpResponse:
    today = timezone.now().astimezone(UTC).date()
    month = month_of(today)
    context = {
        "customer": customer,
        "form": form,
        "month": month,
        "total": charged_about(customer, first=month, last=today),
        "budgets": [state for state in budget_states() if state.budget.customer_id == customer.pk],
        "keys": api_key_list().filter(customer=customer),
        "markups": customer.markups.order_by("-valid_from"),
        "to_come": {markup.pk for markup in markups_to_come(customer)},
        "statements": statement_list(customer),
        "due": months_due(customer, today=today),
    }
    status = 422 if form.errors else 200
    return render(request, "dashboard/customers/detail.html", context, status=status)


def _find(external_id: str) -> Customer:
    return get_object_or_404(customer_list(), external_id=external_id)


def _statement(external_id: str, month: str) -> Statement:
    first = month_named(month)
    if first is None:
        raise Http404
    return get_object_or_404(statement_list(_find(external_id)), month=first)


def _records_query(line: StatementLine) -> str:
    return urlencode(
        {"first": line.day, "last": line.day, "kind": line.kind, "model": line.model, "unit": line.unit}
    )


def _csv_rows(lines: Iterable[StatementLine]) -> Iterable[tuple[Any, ...]]:
    for line in lines:
        yield (
            line.day,
            Kind(line.kind).label,
            line.model,
            line.unit,
            line.quantity,
            line.records,
            line.resale_micro,
            dollars_exact(line.resale_micro).removeprefix("$").replace(",", ""),
        )


def _day(text: str | None) -> date | None:
    """None for what is none."""
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
