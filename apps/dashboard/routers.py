"""A tenant's routers: rules by which one of several models is asked."""

import msgspec
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from antiphon.providers.routing.format import BadRouter, Router, parse
from apps.dashboard.forms.routers import ExplainForm, RouterJsonForm, SimpleRouterForm
from apps.routers import models
from apps.routers.explaining import explain
from apps.routers.selectors import router_list
from apps.routers.services import router_delete, router_put
from apps.tenants.access import require, tenant_page
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership


@require_safe
@tenant_page()
def index(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    return render(request, "dashboard/routers/list.html", {"routers": router_list()})


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.BUILD)
def new(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """`?as=json` for all that a router can say."""
    kind = RouterJsonForm if request.GET.get("as") == "json" else SimpleRouterForm
    form = kind(request.POST) if request.method == "POST" else kind()
    if request.method == "POST" and (saved := _save(form)):
        return redirect("router", membership.tenant_slug, saved.name)
    status = 422 if form.errors else 200
    context = {"form": form, "as_json": kind is RouterJsonForm, "not_json": kind is SimpleRouterForm}
    return render(request, "dashboard/routers/new.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def editor(request: HttpRequest, membership: PersonalMembership, router_name: str) -> HttpResponse:
    row = _row(router_name)
    definition = _read(row)
    simple = SimpleRouterForm.showing(row.name, definition) if definition else None
    as_json = simple is None or request.GET.get("as") == "json"
    form: Form = simple or RouterJsonForm()
    if as_json:
        form = RouterJsonForm(initial={"name": row.name, "definition": _indented(row.definition)})
    if request.method == "POST":
        require(membership, May.BUILD)
        given = {**request.POST.dict(), "name": row.name}
        form = RouterJsonForm(given) if as_json else SimpleRouterForm(given)
        if _save(form):
            messages.success(request, "Sessions that begin from now on use it like this.")
            return redirect("router", membership.tenant_slug, row.name)
    can_be_simple = simple is not None
    context = {
        "router": row,
        "form": form,
        "as_json": as_json,
        "can_be_simple": can_be_simple,
        "is_rules": True,
    }
    return render(request, "dashboard/routers/editor.html", context, status=422 if form.errors else 200)


@require_safe
@tenant_page()
def test(request: HttpRequest, membership: PersonalMembership, router_name: str) -> HttpResponse:
    row = _row(router_name)
    form = ExplainForm(request.GET if "modality" in request.GET else None)
    definition = _read(row)
    explained = explain(row.name, definition, **form.cleaned_data) if definition and form.is_valid() else None
    context = {"router": row, "form": form, "explained": explained, "is_test": True}
    return render(request, "dashboard/routers/test.html", context)


@require_POST
@tenant_page(May.BUILD)
def delete(request: HttpRequest, membership: PersonalMembership, router_name: str) -> HttpResponse:
    router_delete(router=_row(router_name))
    return redirect("routers", membership.tenant_slug)


def _save(form: Form) -> models.Router | None:
    """None, with the form saying why, for what can't be."""
    if not form.is_valid():
        return None
    definition = form.definition if isinstance(form, SimpleRouterForm) else form.cleaned_data["definition"]
    try:
        return router_put(name=form.cleaned_data["name"], definition=definition)
    except ValidationError as error:
        for field, sentences in error.message_dict.items():
            for sentence in sentences:
                form.add_error(field if field in form.fields else None, sentence)
        return None


def _row(name: str) -> models.Router:
    row = router_list().filter(name=name).first()
    if row is None:
        raise Http404("No such router.")
    return row


def _indented(definition: str) -> str:
    return msgspec.json.format(definition.encode()).decode()


def _read(row: models.Router) -> Router | None:
    """None for one that this version can't read; as JSON it can be mended."""
    try:
        return parse(row.definition)
    except BadRouter:
        return None
