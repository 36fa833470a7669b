"""API keys: who may do what by program."""

import uuid

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.customers.selectors import customer_get, customer_list
from apps.dashboard.forms.keys import KeyChangesForm, NewKeyForm, RotationForm
from apps.dashboard.problems import tell, toast
from apps.keys.models import ApiKey
from apps.keys.scopes import grantable_by
from apps.keys.selectors import api_key_list
from apps.keys.services import CreatedKey, api_key_create, api_key_revoke, api_key_rotate, api_key_update
from apps.tenants.access import tenant_page
from apps.tenants.endpoints import endpoint_urls
from apps.tenants.models import Membership
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    context = {
        "membership": membership,
        "endpoint": endpoint_urls(membership.tenant_slug, request),
        "keys": api_key_list(),
        "rotation": RotationForm(),
    }
    return render(request, "dashboard/keys/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@tenant_page(May.CONNECT)
def create(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    grantable = grantable_by(membership)
    given = customer_get(request.GET.get("customer", "").replace("\0", ""))
    form = NewKeyForm(
        request.POST or None, grantable=grantable, customers=customer_list(), initial={"customer": given}
    )
    if form.is_valid():
        try:
            created = api_key_create(**form.cleaned_data, created_by=_person(membership), grantable=grantable)
            return _shown_once(request, membership, created)
        except ValidationError as error:
            tell(form, error)
    context = {"membership": membership, "form": form}
    return render(request, "dashboard/keys/new.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.CONNECT)
def edit(request: HttpRequest, membership: PersonalMembership, key_id: uuid.UUID) -> HttpResponse:
    key, grantable = _find(key_id), grantable_by(membership)
    form = KeyChangesForm(request.POST or None, initial=_as_it_is(key), grantable=grantable | set(key.scopes))
    if form.is_valid():
        try:
            api_key_update(key=key, **form.cleaned_data, grantable=grantable)
            return redirect("keys", slug=membership.tenant_slug)
        except ValidationError as error:
            tell(form, error)
    context = {"membership": membership, "form": form, "key": key}
    return render(request, "dashboard/keys/edit.html", context, status=422 if form.errors else 200)


@require_POST
@never_cache
@tenant_page(May.CONNECT)
def rotate(request: HttpRequest, membership: PersonalMembership, key_id: uuid.UUID) -> HttpResponse:
    key, form = _find(key_id), RotationForm(request.POST)
    try:
        if form.is_valid():
            created = api_key_rotate(
                key=key,
                **form.cleaned_data,
                created_by=_person(membership),
                grantable=grantable_by(membership),
            )
            return _shown_once(request, membership, created, replaced=key)
    except ValidationError as error:
        toast(request, error)
    return redirect("keys", slug=membership.tenant_slug)


@require_POST
@tenant_page(May.CONNECT)
def revoke(request: HttpRequest, membership: PersonalMembership, key_id: uuid.UUID) -> HttpResponse:
    api_key_revoke(key=_find(key_id))
    return redirect("keys", slug=membership.tenant_slug)


def _shown_once(
    request: HttpRequest,
    membership: PersonalMembership,
    created: CreatedKey,
    replaced: ApiKey | None = None,
) -> HttpResponse:
    """The new key is on this page and nowhere else."""
    context = {
        "membership": membership,
        "endpoint": endpoint_urls(membership.tenant_slug, request),
        "created": created,
        "replaced": replaced,
    }
    return render(request, "dashboard/keys/created.html", context)


def _find(key_id: uuid.UUID) -> ApiKey:
    return get_object_or_404(api_key_list(), id=key_id)


def _as_it_is(key: ApiKey) -> dict[str, object]:
    return {field: getattr(key, field) for field in KeyChangesForm.base_fields}


def _person(membership: PersonalMembership) -> Membership:
    return Membership.objects.get(id=membership.membership_id)
