import uuid

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from apps.agents.using import agents_by_provider
from apps.credentials.models import ProviderCredential, TenantProvider
from apps.credentials.selectors import credential_list, provider_list
from apps.credentials.services import (
    credential_check,
    credential_delete,
    credential_set,
    provider_delete,
    provider_put,
)
from apps.dashboard.forms.providers import CredentialForm, ServerForm
from apps.tenants.access import tenant_page
from apps.tenants.models import Membership
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    return _render(request, membership)


@sensitive_post_parameters("key")
@require_POST
@tenant_page(May.CONNECT)
def set_credential(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = CredentialForm(request.POST)
    if form.is_valid():
        try:
            credential_set(**form.cleaned_data, created_by=_person(membership))
            return redirect("providers", slug=membership.tenant_slug)
        except ValidationError as error:
            _tell(form, error)
    return _render(request, membership, credential_form=form, status=422)


@sensitive_post_parameters("key")
@require_POST
@tenant_page(May.CONNECT)
def put_provider(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = ServerForm(request.POST)
    if form.is_valid():
        try:
            provider_put(**form.cleaned_data, created_by=_person(membership))
            return redirect("providers", slug=membership.tenant_slug)
        except ValidationError as error:
            _tell(form, error)
    return _render(request, membership, server_form=form, status=422)


@require_POST
@tenant_page(May.CONNECT)
def check(request: HttpRequest, membership: PersonalMembership, row_id: uuid.UUID) -> HttpResponse:
    try:
        credential_check(row=_row(row_id))
    except ValidationError as error:
        messages.info(request, " ".join(error.messages))
    return redirect("providers", slug=membership.tenant_slug)


@require_POST
@tenant_page(May.CONNECT)
def delete(request: HttpRequest, membership: PersonalMembership, row_id: uuid.UUID) -> HttpResponse:
    row = _row(row_id)
    if isinstance(row, TenantProvider):
        provider_delete(provider=row)
    else:
        credential_delete(credential=row)
    return redirect("providers", slug=membership.tenant_slug)


def _row(row_id: uuid.UUID) -> ProviderCredential | TenantProvider:
    row = credential_list().filter(id=row_id).first() or provider_list().filter(id=row_id).first()
    if row is None:
        raise Http404("No such provider.")
    return row


def _person(membership: PersonalMembership) -> Membership:
    return Membership.objects.get(id=membership.membership_id)


def _tell(form: forms.Form, error: ValidationError) -> None:
    for field, sentences in error.message_dict.items():
        for sentence in sentences:
            form.add_error(field if field in form.fields else None, sentence)


def _render(
    request: HttpRequest,
    membership: PersonalMembership,
    *,
    credential_form: CredentialForm | None = None,
    server_form: ServerForm | None = None,
    status: int = 200,
) -> HttpResponse:
    uses = agents_by_provider(membership.tenant_id)
    context = {
        "membership": membership,
        "credentials": [(row, uses.get(row.provider, ())) for row in credential_list()],
        "servers": [(row, uses.get(row.slug, ())) for row in provider_list()],
        "credential_form": credential_form or CredentialForm(),
        "server_form": server_form or ServerForm(),
    }
    return render(request, "dashboard/providers/page.html", context, status=status)
