"""What a tenant keeps and for how long, the end of what it has of a person, and all of it in one file."""

import uuid

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.dashboard.forms.privacy import EraseForm
from apps.dashboard.paging import page_of
from apps.dashboard.problems import tell, toast
from apps.privacy.erasing import person_erase
from apps.privacy.exporting import export_request
from apps.privacy.models import Erasure, TenantExport
from apps.privacy.retention import days_of
from apps.privacy.selectors import (
    Progress,
    erasure_find,
    erasure_list,
    export_find,
    export_list,
    progress_of,
)
from apps.privacy.services import erasure_retry, export_cancel
from apps.tenants.access import tenant_page
from apps.tenants.models import Tenant
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership

_EXPORTS_SHOWN = 10


@require_safe
@tenant_page(May.DELETE_SESSIONS)
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """htmx gets the lists, while something in them is being made."""
    return _render(request, membership, EraseForm())


@require_POST
@tenant_page(May.DELETE_SESSIONS)
def erase(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = EraseForm(request.POST)
    if form.is_valid():
        try:
            person_erase(identifier=form.cleaned_data["identifier"])
        except ValidationError as error:
            tell(form, error)
        else:
            messages.success(request, "Everything of this person is being erased. Below is how far it is.")
            return redirect("privacy", membership.tenant_slug)
    return _render(request, membership, form, status=422)


@require_POST
@tenant_page(May.DELETE_SESSIONS)
def retry(request: HttpRequest, membership: PersonalMembership, erasure_id: uuid.UUID) -> HttpResponse:
    try:
        erasure_retry(erasure=_erasure(erasure_id))
    except ValidationError as error:
        toast(request, error)
    return redirect("privacy", membership.tenant_slug)


@require_safe
@tenant_page(May.DELETE_SESSIONS)
def manifest(request: HttpRequest, membership: PersonalMembership, erasure_id: uuid.UUID) -> HttpResponse:
    return _file(request, membership, _erasure(erasure_id))


@require_POST
@tenant_page(May.OWN)
def export(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    export_request()
    messages.success(request, "The export is being made. You get a mail when it is there.")
    return redirect("privacy", membership.tenant_slug)


@require_POST
@tenant_page(May.OWN)
def cancel(request: HttpRequest, membership: PersonalMembership, export_id: uuid.UUID) -> HttpResponse:
    try:
        export_cancel(export=_export(export_id))
    except ValidationError as error:
        toast(request, error)
    return redirect("privacy", membership.tenant_slug)


@require_safe
@tenant_page(May.OWN)
def download(request: HttpRequest, membership: PersonalMembership, export_id: uuid.UUID) -> HttpResponse:
    return _file(request, membership, _export(export_id))


def _file(request: HttpRequest, membership: PersonalMembership, row: Erasure | TenantExport) -> HttpResponse:
    """Leads to it, by an address that works for a quarter of an hour."""
    [progress] = progress_of([row])
    if progress.link is None:
        messages.error(request, "There is no file: it is not made yet, or was kept as long as it was to be.")
        return redirect("privacy", membership.tenant_slug)
    return redirect(progress.link)


def _render(
    request: HttpRequest, membership: PersonalMembership, form: EraseForm, status: int = 200
) -> HttpResponse:
    found = page_of(erasure_list(), by="asked_at", cursor=request.GET.get("cursor", ""))
    erasures = progress_of(found.rows)
    exports: list[Progress] = list(progress_of(export_list()[:_EXPORTS_SHOWN]))
    context = {
        "membership": membership,
        "days": days_of(Tenant.objects.get(id=membership.tenant_id)),
        "form": form,
        "page": found,
        "erasures": erasures,
        "exports": exports,
        "is_live": any(progress.is_live for progress in [*erasures, *exports]),
        "here": request.get_full_path(),
    }
    template = "lists" if request.htmx else "page"  # type: ignore[attr-defined]
    return render(request, f"dashboard/privacy/{template}.html", context, status=status)


def _erasure(erasure_id: uuid.UUID) -> Erasure:
    erasure = erasure_find(erasure_id)
    if erasure is None:
        raise Http404("No such erasure.")
    return erasure


def _export(export_id: uuid.UUID) -> TenantExport:
    export = export_find(export_id)
    if export is None:
        raise Http404("No such export.")
    return export
