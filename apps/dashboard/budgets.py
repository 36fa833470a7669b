"""A tenant's budgets, and how far each is used up."""

import uuid

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.billing.budgets import budget_create, budget_delete, budget_list, budget_states, budget_update
from apps.billing.models import Budget
from apps.billing.warnings import notices
from apps.dashboard.forms.budgets import BudgetChangesForm, NewBudgetForm
from apps.dashboard.problems import tell
from apps.tenants.access import tenant_page
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    context = {"membership": membership, "states": budget_states(), "notices": notices()}
    return render(request, "dashboard/budgets/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.MANAGE_BILLING)
def create(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = NewBudgetForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            budget_create(**form.changes(), **form.whom())
        except ValidationError as error:
            tell(form, error)
        else:
            messages.success(request, "Sessions are held to it from now on.")
            return redirect("budgets", slug=membership.tenant_slug)
    return _form(request, membership, form, "New budget")


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.MANAGE_BILLING)
def edit(request: HttpRequest, membership: PersonalMembership, budget_id: uuid.UUID) -> HttpResponse:
    budget = _budget(budget_id)
    form = BudgetChangesForm.showing(budget)
    if request.method == "POST":
        form = BudgetChangesForm(request.POST)
        if form.is_valid():
            try:
                budget_update(budget=budget, changes=form.changes())
            except ValidationError as error:
                tell(form, error)
            else:
                messages.success(request, "The budget was changed; running sessions notice within seconds.")
                return redirect("budgets", slug=membership.tenant_slug)
    return _form(request, membership, form, "Change the budget", budget)


@require_POST
@tenant_page(May.MANAGE_BILLING)
def delete(request: HttpRequest, membership: PersonalMembership, budget_id: uuid.UUID) -> HttpResponse:
    budget_delete(budget=_budget(budget_id))
    messages.success(request, "The budget was deleted.")
    return redirect("budgets", slug=membership.tenant_slug)


def _form(
    request: HttpRequest,
    membership: PersonalMembership,
    form: BudgetChangesForm,
    title: str,
    budget: Budget | None = None,
) -> HttpResponse:
    context = {"membership": membership, "form": form, "title": title, "budget": budget}
    return render(request, "dashboard/budgets/form.html", context, status=422 if form.errors else 200)


def _budget(budget_id: uuid.UUID) -> Budget:
    budget = budget_list().filter(id=budget_id).first()
    if budget is None:
        raise Http404("No such budget.")
    return budget
