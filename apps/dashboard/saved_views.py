"""Views of the analytics page that somebody saved."""

import uuid

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from apps.analytics.models import SavedView
from apps.analytics.selectors import default_view_of, saved_view_list
from apps.analytics.services import (
    default_view_set,
    may_change,
    saved_view_create,
    saved_view_delete,
    saved_view_update,
)
from apps.dashboard.forms.analytics import AnalyticsForm, SavedViewForm
from apps.dashboard.problems import tell, toast
from apps.tenants.access import tenant_page
from apps.tenants.selectors import PersonalMembership


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """All that the person sees; a POST saves another."""
    if request.method == "POST":
        return _create(request, membership)
    default = default_view_of(member_id=membership.membership_id)
    views = saved_view_list(member_id=membership.membership_id)
    context = {"views": [(view, may_change(view, membership)) for view in views], "default": default}
    return render(request, "dashboard/analytics/views.html", context)


def _create(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = SavedViewForm(request.POST)
    shown = AnalyticsForm(QueryDict(request.POST.get("query", "")))
    query = shown.query() or shown.cleared
    if form.is_valid():
        try:
            saved_view_create(query=query, member=membership, **form.cleaned_data)
        except ValidationError as error:
            tell(form, error)
    if form.errors:
        messages.error(request, " ".join(str(each[0]) for each in form.errors.values()))
    else:
        messages.success(request, "The view was saved: it is among the views above.")
    return redirect(f"{reverse('analytics', args=[membership.tenant_slug])}?{query}")


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def edit(request: HttpRequest, membership: PersonalMembership, view_id: uuid.UUID) -> HttpResponse:
    view = _view(view_id, membership)
    form = SavedViewForm({"name": view.name, "is_shared": view.is_shared})
    if request.method == "POST":
        form = SavedViewForm(request.POST)
        if form.is_valid():
            try:
                saved_view_update(view=view, member=membership, **form.cleaned_data)
            except ValidationError as error:
                tell(form, error)
            else:
                messages.success(request, "The view was changed.")
                return redirect("analytics-views", slug=membership.tenant_slug)
    context = {"form": form, "saved_view": view}
    return render(request, "dashboard/analytics/view.html", context, status=422 if form.errors else 200)


@require_POST
@tenant_page()
def delete(request: HttpRequest, membership: PersonalMembership, view_id: uuid.UUID) -> HttpResponse:
    try:
        saved_view_delete(view=_view(view_id, membership), member=membership)
    except ValidationError as error:
        toast(request, error)
    else:
        messages.success(request, "The view was deleted.")
    return redirect("analytics-views", slug=membership.tenant_slug)


@require_POST
@tenant_page()
def begin_with(request: HttpRequest, membership: PersonalMembership, view_id: uuid.UUID) -> HttpResponse:
    """Begin with it from now on, or not any more."""
    view, begins = _view(view_id, membership), request.POST.get("begins") == "yes"
    default_view_set(member_id=membership.membership_id, view=view if begins else None)
    messages.success(
        request, f"Analytics opens with {view.name}." if begins else "Analytics opens with the last 30 days."
    )
    return redirect("analytics-views", slug=membership.tenant_slug)


def _view(view_id: uuid.UUID, membership: PersonalMembership) -> SavedView:
    view = saved_view_list(member_id=membership.membership_id).filter(id=view_id).first()
    if view is None:
        raise Http404("No such view.")
    return view
