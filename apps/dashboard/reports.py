"""A tenant's reports: those that were made, and what has them made again and again."""

import uuid
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.conversations.selectors import session_find
from apps.dashboard.forms.reports import ReportForm, ScheduleForm
from apps.dashboard.paging import page_of
from apps.dashboard.problems import tell, toast
from apps.reports.models import Format, ReportKind, ReportRun, ReportSchedule
from apps.reports.parameters import Wanted
from apps.reports.selectors import download_path, report_get, report_list, reports_of, schedule_list
from apps.reports.services import (
    report_cancel,
    report_delete,
    report_request,
    report_retry,
    schedule_create,
    schedule_delete,
    schedule_update,
)
from apps.tenants.access import tenant_page
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership


@dataclass(frozen=True, slots=True)
class Offer:
    kind: ReportKind
    icon: str
    action: str
    text: str


OFFERS = (
    Offer(
        ReportKind.COST,
        "wallet",
        "Report of cost",
        "What was billed each day: by model, kind, agent, key or customer.",
    ),
    Offer(
        ReportKind.USAGE,
        "chart-column",
        "Report of usage",
        "Every record, with its quantity and price.",
    ),
    Offer(
        ReportKind.QUALITY,
        "gauge",
        "Report of quality",
        "How long answers took, how often they were talked over, errors and outcomes.",
    ),
    Offer(
        ReportKind.AGENTS,
        "bot",
        "Compare agents",
        "Agents, or their versions, side by side: latency, outcomes, price a minute.",
    ),
)
_KINDS = {offer.kind.value: offer.kind for offer in OFFERS}


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """htmx gets the list, while something in it is being made."""
    found = page_of(report_list(), by="requested_at", cursor=request.GET.get("cursor", ""))
    reports = reports_of(found.rows)
    context = {
        "page": found,
        "reports": reports,
        "is_live": any(report.is_live for report in reports),
        "offers": OFFERS,
        "here": request.get_full_path(),
    }
    template = "list" if request.htmx else "page"  # type: ignore[attr-defined]
    return render(request, f"dashboard/reports/{template}.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def new(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """`?kind=cost`"""
    kind = _kind(request)
    form = ReportForm(kind, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            report_request(
                wanted=form.wanted,
                format=Format(form.cleaned_data["format"]),
                requested_by_id=membership.membership_id,
                recipients=[_address(request, membership)] if form.cleaned_data["mail"] else [],
            )
        except ValidationError as error:
            tell(form, error)
        else:
            return redirect("reports", membership.tenant_slug)
    context = {"form": form, "kind": kind, "offers": OFFERS}
    return render(request, "dashboard/reports/new.html", context, status=422 if form.errors else 200)


@require_POST
@tenant_page()
def sheet(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    """Of one session, to be downloaded from the list."""
    if session_find(session_id) is None:
        raise Http404("No such session.")
    try:
        report_request(
            wanted=Wanted(ReportKind.SESSION, session_id=session_id),
            format=Format.PDF,
            requested_by_id=membership.membership_id,
        )
    except ValidationError as error:
        toast(request, error)
        return redirect("session", membership.tenant_slug, session_id)
    return redirect("reports", membership.tenant_slug)


@require_safe
@tenant_page()
def download(request: HttpRequest, membership: PersonalMembership, report_id: uuid.UUID) -> HttpResponse:
    """Leads to its file, by an address that works for a quarter of an hour."""
    run = _run(report_id)
    if not run.is_there:
        messages.error(
            request, "This report has no file: it is not made yet, or was kept as long as it was to be."
        )
        return redirect("reports", membership.tenant_slug)
    return redirect(download_path(run))


@require_POST
@tenant_page()
def cancel(request: HttpRequest, membership: PersonalMembership, report_id: uuid.UUID) -> HttpResponse:
    try:
        report_cancel(run=_run(report_id))
    except ValidationError as error:
        toast(request, error)
    return redirect("reports", membership.tenant_slug)


@require_POST
@tenant_page()
def retry(request: HttpRequest, membership: PersonalMembership, report_id: uuid.UUID) -> HttpResponse:
    try:
        report_retry(run=_run(report_id))
    except ValidationError as error:
        toast(request, error)
    return redirect("reports", membership.tenant_slug)


@require_POST
@tenant_page(May.BUILD)
def delete(request: HttpRequest, membership: PersonalMembership, report_id: uuid.UUID) -> HttpResponse:
    report_delete(run=_run(report_id))
    messages.success(request, "The report is deleted, with its file.")
    return redirect("reports", membership.tenant_slug)


@require_safe
@tenant_page()
def schedules(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    context = {"schedules": schedule_list(), "offers": OFFERS}
    return render(request, "dashboard/reports/schedules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.CONNECT)
def schedule_new(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """`?kind=cost`. What it mails leaves the workspace: so who may connect things to it decides."""
    kind = _kind(request)
    form = ScheduleForm(kind, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            schedule_create(created_by_id=membership.membership_id, **form.changes)
        except ValidationError as error:
            tell(form, error)
        else:
            messages.success(request, "The report will be made when it is due.")
            return redirect("report-schedules", membership.tenant_slug)
    context = {"form": form, "kind": kind, "offers": OFFERS}
    return render(request, "dashboard/reports/schedule.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.CONNECT)
def schedule(request: HttpRequest, membership: PersonalMembership, schedule_id: uuid.UUID) -> HttpResponse:
    found = _schedule(schedule_id)
    form = ScheduleForm.showing(found)
    if request.method == "POST":
        form = ScheduleForm(ReportKind(found.kind), request.POST, initial=form.initial)
        if form.is_valid():
            try:
                schedule_update(schedule=found, changes=form.changes)
            except ValidationError as error:
                tell(form, error)
            else:
                messages.success(request, "Saved.")
                return redirect("report-schedules", membership.tenant_slug)
    context = {"form": form, "kind": ReportKind(found.kind), "schedule": found}
    return render(request, "dashboard/reports/schedule.html", context, status=422 if form.errors else 200)


@require_POST
@tenant_page(May.CONNECT)
def schedule_pause(
    request: HttpRequest, membership: PersonalMembership, schedule_id: uuid.UUID
) -> HttpResponse:
    """Or has it go on."""
    found = _schedule(schedule_id)
    schedule_update(schedule=found, changes={"is_enabled": not found.is_enabled})
    return redirect("report-schedules", membership.tenant_slug)


@require_POST
@tenant_page(May.CONNECT)
def schedule_remove(
    request: HttpRequest, membership: PersonalMembership, schedule_id: uuid.UUID
) -> HttpResponse:
    schedule_delete(schedule=_schedule(schedule_id))
    messages.success(request, "The schedule is deleted; the reports that it made stay.")
    return redirect("report-schedules", membership.tenant_slug)


def _kind(request: HttpRequest) -> ReportKind:
    """The usual one for a name that there is not."""
    return _KINDS.get(request.GET.get("kind", ""), ReportKind.COST)


def _address(request: HttpRequest, membership: PersonalMembership) -> str:
    """Staff who act as a member get it themselves: they are who asks."""
    email: str = request.user.email  # type: ignore[union-attr]
    return email


def _run(report_id: uuid.UUID) -> ReportRun:
    found = report_get(report_id)
    if found is None:
        raise Http404("No such report.")
    return found.run


def _schedule(schedule_id: uuid.UUID) -> ReportSchedule:
    found = schedule_list().filter(id=schedule_id).first()
    if found is None:
        raise Http404("No such schedule.")
    return found
