"""What a tenant may use at the same time, what it uses right now, and how it asks for more."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.dashboard.forms.limits import LimitRequestForm
from apps.dashboard.problems import tell
from apps.limits.selectors import limit_request_list, limit_rows
from apps.limits.services import limit_request_create
from apps.tenants.access import tenant_page
from apps.tenants.models import Membership
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership

_REQUESTS_SHOWN = 20


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    return _render(request, membership, LimitRequestForm())


@require_POST
@tenant_page(May.MANAGE_SETTINGS)
def ask(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = LimitRequestForm(request.POST)
    if form.is_valid():
        person = Membership.objects.get(id=membership.membership_id)
        try:
            limit_request_create(**form.cleaned_data, created_by=person)
            messages.success(request, "Your request was sent. The answer comes by mail, and stands here.")
            return redirect("limits", slug=membership.tenant_slug)
        except ValidationError as error:
            tell(form, error)
    return _render(request, membership, form, status=422)


def _render(
    request: HttpRequest, membership: PersonalMembership, form: LimitRequestForm, status: int = 200
) -> HttpResponse:
    context = {
        "membership": membership,
        "rows": limit_rows(membership.tenant_id),
        "requests": limit_request_list()[:_REQUESTS_SHOWN],
        "form": form,
    }
    return render(request, "dashboard/limits/page.html", context, status=status)
