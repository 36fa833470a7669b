"""The tenant's name, address, defaults and retention; its end."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.dashboard.forms.settings import AddressForm, SettingsForm
from apps.dashboard.problems import tell
from apps.tenants.access import tenant_page
from apps.tenants.deletion import tenant_delete
from apps.tenants.models import Tenant
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership
from apps.tenants.services import tenant_update


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.MANAGE_SETTINGS)
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = SettingsForm(request.POST or None, instance=_tenant(membership))
    if request.method == "POST" and _saved(form, membership):
        messages.success(request, "The settings were saved.")
        return redirect("settings", slug=membership.tenant_slug)
    return _render(request, membership, form=form)


@require_POST
@tenant_page(May.MANAGE_SETTINGS)
def set_address(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = AddressForm(request.POST, instance=_tenant(membership))
    if _saved(form, membership):
        messages.success(request, "The address was changed; the old one has stopped working.")
        return redirect("settings", slug=form.cleaned_data["slug"])
    return _render(request, membership, address_form=form)


@require_POST
@tenant_page(May.OWN)
def delete(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    if request.POST.get("confirmation", "").strip() != membership.tenant_slug:
        messages.error(request, f"Nothing was deleted: type {membership.tenant_slug} to confirm.")
        return redirect("settings", slug=membership.tenant_slug)
    tenant_delete(tenant=_tenant(membership))
    messages.success(request, f"{membership.tenant_name} was deleted.")
    return redirect("home")


def _saved(form: Any, membership: PersonalMembership) -> bool:
    """Whether the service took what the form holds; if not, the form says why."""
    if not form.is_valid():
        return False
    try:
        tenant_update(tenant=_tenant(membership), changes=form.cleaned_data)
    except ValidationError as error:
        tell(form, error)
        return False
    return True


def _tenant(membership: PersonalMembership) -> Tenant:
    return Tenant.objects.get(id=membership.tenant_id)


def _render(
    request: HttpRequest,
    membership: PersonalMembership,
    *,
    form: SettingsForm | None = None,
    address_form: AddressForm | None = None,
) -> HttpResponse:
    tenant = _tenant(membership)
    wrong = bool((form and form.errors) or (address_form and address_form.errors))
    context = {
        "membership": membership,
        "form": form or SettingsForm(instance=tenant),
        "address_form": address_form or AddressForm(instance=tenant),
    }
    return render(request, "dashboard/settings/page.html", context, status=422 if wrong else 200)
