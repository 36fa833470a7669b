"""Webhooks: who is told of what happens, and whether it got there."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.dashboard.forms.webhooks import DeliveryFilter, EndpointForm, EndpointTestForm
from apps.dashboard.paging import page_of
from apps.dashboard.problems import tell, toast
from apps.tenants.access import tenant_page
from apps.tenants.models import Membership
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership
from apps.webhooks.deliveries import delivery_resend, endpoint_test, is_resendable
from apps.webhooks.endpoints import (
    endpoint_create,
    endpoint_delete,
    endpoint_disable,
    endpoint_enable,
    endpoint_secret_reveal,
    endpoint_secret_rotate,
    endpoint_update,
)
from apps.webhooks.messages import body_of
from apps.webhooks.models import Delivery, Endpoint
from apps.webhooks.selectors import (
    active_secrets,
    attempts_of,
    delivery_find,
    delivery_list,
    endpoint_find,
    endpoint_list,
    health_of_endpoints,
)

_LATEST = 5


@require_safe
@tenant_page(May.CONNECT)
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    health = health_of_endpoints()
    rows = [(endpoint, health.get(endpoint.id)) for endpoint in endpoint_list()]
    return render(request, "dashboard/webhooks/list.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.CONNECT)
def new(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = EndpointForm(request.POST or None)
    if form.is_valid():
        try:
            person = Membership.objects.get(id=membership.membership_id)
            created = endpoint_create(**form.cleaned_data, created_by=person)
        except ValidationError as error:
            tell(form, error)
        else:
            messages.success(request, "It is told of what happens from now on. Send it a test.")
            return redirect("webhook", membership.tenant_slug, created.endpoint.id)
    return render(request, "dashboard/webhooks/new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.CONNECT)
def edit(request: HttpRequest, membership: PersonalMembership, endpoint_id: uuid.UUID) -> HttpResponse:
    endpoint = _endpoint(endpoint_id)
    as_it_is = {name: getattr(endpoint, name) for name in EndpointForm.base_fields}
    form = EndpointForm(request.POST or None, initial=as_it_is)
    if form.is_valid():
        try:
            endpoint_update(endpoint=endpoint, **form.cleaned_data)
        except ValidationError as error:
            tell(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("webhook", membership.tenant_slug, endpoint_id)
    return _shown(request, endpoint, form)


@require_POST
@never_cache
@tenant_page(May.CONNECT)
def reveal(request: HttpRequest, membership: PersonalMembership, endpoint_id: uuid.UUID) -> HttpResponse:
    endpoint = _endpoint(endpoint_id)
    try:
        return _shown(request, endpoint, secret=endpoint_secret_reveal(endpoint=endpoint))
    except ValidationError as error:
        toast(request, error)
        return redirect("webhook", membership.tenant_slug, endpoint_id)


@require_POST
@never_cache
@tenant_page(May.CONNECT)
def rotate(request: HttpRequest, membership: PersonalMembership, endpoint_id: uuid.UUID) -> HttpResponse:
    endpoint = _endpoint(endpoint_id)
    try:
        return _shown(request, endpoint, secret=endpoint_secret_rotate(endpoint=endpoint))
    except ValidationError as error:
        toast(request, error)
        return redirect("webhook", membership.tenant_slug, endpoint_id)


@require_POST
@tenant_page(May.CONNECT)
def test(request: HttpRequest, membership: PersonalMembership, endpoint_id: uuid.UUID) -> HttpResponse:
    """Waits for the answer, and shows it."""
    endpoint = _endpoint(endpoint_id)
    try:
        sent = endpoint_test(endpoint=endpoint, type=request.POST.get("type", ""))
    except ValidationError as error:
        toast(request, error)
        return redirect("webhook", membership.tenant_slug, endpoint_id)
    return redirect("webhook-delivery", membership.tenant_slug, sent.id)


@require_POST
@tenant_page(May.CONNECT)
def switch(request: HttpRequest, membership: PersonalMembership, endpoint_id: uuid.UUID) -> HttpResponse:
    """On or off."""
    change = endpoint_enable if request.POST.get("enabled") == "yes" else endpoint_disable
    change(endpoint=_endpoint(endpoint_id))
    return redirect("webhook", membership.tenant_slug, endpoint_id)


@require_POST
@tenant_page(May.CONNECT)
def delete(request: HttpRequest, membership: PersonalMembership, endpoint_id: uuid.UUID) -> HttpResponse:
    endpoint_delete(endpoint=_endpoint(endpoint_id))
    return redirect("webhooks", membership.tenant_slug)


@require_safe
@tenant_page(May.CONNECT)
def deliveries(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = DeliveryFilter(request.GET, endpoints=endpoint_list())
    found = delivery_list(**form.wanted())
    filters = {name: value for name, value in request.GET.items() if name in form.fields and value}
    shown = page_of(found, by="created_at", cursor=request.GET.get("cursor", ""))
    context = {
        "form": form,
        "filtered": bool(filters),
        "page": shown,
        "newer": _page_url(filters, shown.newer),
        "older": _page_url(filters, shown.older),
    }
    return render(request, "dashboard/webhooks/deliveries.html", context)


@require_safe
@tenant_page(May.CONNECT)
def delivery(request: HttpRequest, membership: PersonalMembership, delivery_id: uuid.UUID) -> HttpResponse:
    row = _delivery(delivery_id)
    context = {
        "delivery": row,
        "body": msgspec.json.format(body_of(row.event), indent=2).decode(),
        "attempts": list(attempts_of(row)),
        "is_resendable": is_resendable(row),
    }
    return render(request, "dashboard/webhooks/delivery.html", context)


@require_POST
@tenant_page(May.CONNECT)
def resend(request: HttpRequest, membership: PersonalMembership, delivery_id: uuid.UUID) -> HttpResponse:
    try:
        delivery_resend(delivery=_delivery(delivery_id))
        messages.success(request, "It is sent again. What comes of it is here in a moment.")
    except ValidationError as error:
        toast(request, error)
    return redirect("webhook-delivery", membership.tenant_slug, delivery_id)


def _shown(
    request: HttpRequest, endpoint: Endpoint, form: EndpointForm | None = None, *, secret: str = ""
) -> HttpResponse:
    as_it_is = {name: getattr(endpoint, name) for name in EndpointForm.base_fields}
    context: dict[str, Any] = {
        "endpoint": endpoint,
        "form": form or EndpointForm(initial=as_it_is),
        "testing": EndpointTestForm(),
        "secrets": active_secrets(endpoint),
        "secret": secret,
        "health": health_of_endpoints().get(endpoint.id),
        "latest": delivery_list(endpoint_id=endpoint.id)[:_LATEST],
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "dashboard/webhooks/endpoint.html", context, status=status)


def _page_url(filters: Mapping[str, object], cursor: str) -> str:
    return "?" + urlencode({**filters, "cursor": cursor}) if cursor else ""


def _endpoint(endpoint_id: uuid.UUID) -> Endpoint:
    endpoint = endpoint_find(endpoint_id)
    if endpoint is None:
        raise Http404("No such endpoint.")
    return endpoint


def _delivery(delivery_id: uuid.UUID) -> Delivery:
    found = delivery_find(delivery_id)
    if found is None:
        raise Http404("No such delivery.")
    return found
