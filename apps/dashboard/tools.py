"""The pages of a tenant's tools."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from apps.agents.using import agents_by_tool
from apps.dashboard.forms.tools import ArgumentsForm, HeaderRow, ToolForm
from apps.tenants.access import tenant_page
from apps.tenants.models import Membership
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership
from apps.tools.models import Tool, ToolKind
from apps.tools.parameters import parse
from apps.tools.selectors import archived_tool_list, tool_list
from apps.tools.services import (
    signing_secret_rotate,
    tool_archive,
    tool_create,
    tool_restore,
    tool_update,
)
from apps.tools.trying import tool_try


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    archived, users = list(archived_tool_list()), agents_by_tool()
    context = {
        "rows": [(tool, users.get(tool.slug, ())) for tool in tool_list()],
        "kinds": ToolKind,
        "archived": archived,
        "just_archived": next((t for t in archived if str(t.id) == request.GET.get("archived")), None),
    }
    return render(request, "dashboard/tools/page.html", context)


@sensitive_post_parameters("header_value")
@tenant_page(May.BUILD)
def new(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    kind = request.GET.get("kind", ToolKind.HTTP)
    if kind not in ToolKind.values:
        raise Http404("No such kind of tool.")
    form = ToolForm(request.POST or None, kind=kind)
    if request.method == "POST" and form.is_valid():
        try:
            created = tool_create(kind=kind, **form.values, created_by=_person(membership))
        except ValidationError as error:
            _tell(form, error)
        else:
            return _made(request, created.tool, created.signing_secret)
    return _editor(request, form)


@sensitive_post_parameters("header_value")
@tenant_page(May.BUILD)
def edit(request: HttpRequest, membership: PersonalMembership, tool_id: uuid.UUID) -> HttpResponse:
    tool = _tool(tool_id)
    form = ToolForm(request.POST or None, kind=tool.kind, tool=tool)
    if request.method == "POST" and form.is_valid():
        try:
            tool_update(tool=tool, **form.values)
        except ValidationError as error:
            _tell(form, error)
        else:
            messages.success(request, f"{tool} was saved. Sessions that begin from now on use it.")
            return redirect("tool", slug=membership.tenant_slug, tool_id=tool.id)
    return _editor(request, form, tool=tool)


@require_POST
@tenant_page(May.BUILD)
def rotate(request: HttpRequest, membership: PersonalMembership, tool_id: uuid.UUID) -> HttpResponse:
    tool = _tool(tool_id)
    try:
        secret = signing_secret_rotate(tool=tool)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("tool", slug=membership.tenant_slug, tool_id=tool.id)
    return _made(request, tool, secret)


@require_POST
@tenant_page(May.BUILD)
def archive(request: HttpRequest, membership: PersonalMembership, tool_id: uuid.UUID) -> HttpResponse:
    tool_archive(tool=_tool(tool_id))
    return redirect(f"{reverse('tools', args=[membership.tenant_slug])}?archived={tool_id}")


@require_POST
@tenant_page(May.BUILD)
def restore(request: HttpRequest, membership: PersonalMembership, tool_id: uuid.UUID) -> HttpResponse:
    tool = archived_tool_list().filter(id=tool_id).first()
    if tool is None:
        raise Http404("No such archived tool.")
    try:
        tool_restore(tool=tool)
        messages.success(request, f"{tool} is back.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("tools", slug=membership.tenant_slug)


@require_POST
@tenant_page(May.BUILD)
def attempt(request: HttpRequest, membership: PersonalMembership, tool_id: uuid.UUID) -> HttpResponse:
    """The test console: what came of a call, as a part of the page."""
    tool = _tool(tool_id)
    form = ArgumentsForm(parse(tool.parameters), request.POST)
    context: dict[str, Any] = {"tool": tool, "arguments": form}
    if form.is_valid():
        try:
            context["trial"] = tool_try(tool=tool, arguments=form.arguments)
        except ValidationError as error:
            form.add_error(None, error.messages)
    return render(request, "dashboard/tools/console.html", context)


def _made(request: HttpRequest, tool: Tool, signing_secret: str) -> HttpResponse:
    """The only page that ever shows a signing secret."""
    form = ToolForm(kind=tool.kind, tool=tool)
    return _editor(request, form, tool=tool, signing_secret=signing_secret, made=True)


def _editor(request: HttpRequest, form: ToolForm, *, tool: Tool | None = None, **more: Any) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "tool": tool,
        "kind": ToolKind(form.kind),
        "blank_header": HeaderRow(),
        "arguments": ArgumentsForm(parse(tool.parameters)) if tool else None,
        "secrets": list(tool.signing_secrets.all()) if tool else [],
        **more,
    }
    status = 422 if form.is_bound and not form.is_valid() else 200
    return render(request, "dashboard/tools/editor.html", context, status=status)


def _tool(tool_id: uuid.UUID) -> Tool:
    tool = tool_list().filter(id=tool_id).first()
    if tool is None:
        raise Http404("No such tool.")
    return tool


def _person(membership: PersonalMembership) -> Membership:
    return Membership.objects.get(id=membership.membership_id)


def _tell(form: ToolForm, error: ValidationError) -> None:
    by_field = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for field, sentences in by_field.items():
        for sentence in sentences:
            form.add_error(field if field in form.fields else None, sentence)
