import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import not_found
from apps.api.v1.sessions import find_session
from apps.api.v1.types import Name
from apps.core.addresses import site_url
from apps.keys.models import Scope
from apps.reports.models import Every, Format, ReportKind, ReportRun, ReportSchedule, Rule
from apps.reports.parameters import Wanted
from apps.reports.selectors import Report, download_path, report_get, report_list, reports_of, schedule_list
from apps.reports.services import (
    MOST_RECIPIENTS,
    report_cancel,
    report_delete,
    report_request,
    report_retry,
    schedule_create,
    schedule_delete,
    schedule_update,
)
from apps.usage.filtering import UsageFilter
from apps.usage.models import Kind

area = Area("Reports")

Text = Annotated[str, StringConstraints(max_length=200)]
State = Literal["waiting", "running", "done", "failed", "cancelled", "expired"]
Recipients = Annotated[
    list[Annotated[str, StringConstraints(max_length=254)]],
    Field(
        max_length=MOST_RECIPIENTS,
        description="E-mail addresses that get a link, which works for 7 days, for whoever has it.",
    ),
]
_GROUP = (
    "Of cost: `model`, `kind`, `agent`, `api_key` or `customer`; of quality: `none`, `agent`, `version`, `model`, "
    "`language` or `outcome`; of agents: `agent` or `version`. Empty: the first of them."
)


class ReportOut(Schema):
    """A report: what it is of, how far it is, and where its file is."""

    id: uuid.UUID
    title: str = Field(examples=["Cost, 2026-06-01 to 2026-06-30"])
    kind: ReportKind
    format: Format
    parameters: dict[str, Any] = Field(
        description="What it was asked for with; what is absent was not given."
    )
    session_id: str = Field(description="Of a sheet; else empty.")
    schedule_id: uuid.UUID | None
    state: State = Field(description="Expired: its file was kept for 30 days.")
    percent: int | None = Field(description="How far it is; null while nobody knows.")
    error: str = Field(description="Why it failed; else empty.")
    rows: int
    size_bytes: int
    requested_at: datetime
    made_at: datetime | None
    expires_at: datetime | None
    download_url: str | None = Field(
        description="Works for 15 minutes, without a key, for whoever has it; null: there is no file."
    )


class ReportPage(Page[ReportOut]):
    pass


class Narrowed(BaseModel):
    """What a report is told apart by and narrowed to."""

    model_config = ConfigDict(extra="forbid")

    group: Text = Field("", description=_GROUP, examples=["model"])
    usage_kind: Kind | None = Field(None, description="Of cost and usage: only of this kind.")
    model: Text | None = None
    agent: Text | None = Field(
        None, description="The agent's slug, or the id of a version; `-`: without an agent."
    )
    api_key_id: uuid.UUID | Literal["-"] | None = Field(None, description="Of cost and usage. `-`: no key.")
    customer_id: uuid.UUID | Literal["-"] | None = Field(None, description="Of cost and usage. `-`: none.")

    @property
    def only(self) -> UsageFilter:
        return UsageFilter(self.usage_kind, self.model, self.agent, self.api_key_id, self.customer_id)


class NewReport(Narrowed):
    kind: Literal["cost", "usage", "quality", "agents"]
    first: date = Field(description="The first day, in UTC.")
    last: date = Field(description="The last day, in UTC; 366 days at most.")
    format: Format = Format.CSV
    recipients: Recipients = []


class NewSheet(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Format = Format.PDF


class ScheduleOut(Schema):
    """A report that is made again and again."""

    id: uuid.UUID
    name: str
    kind: ReportKind
    parameters: dict[str, Any]
    rule: Rule
    formats: list[Format]
    every: Every
    day: int
    hour: int
    zone: str
    recipients: list[str]
    is_enabled: bool
    next_at: datetime | None = Field(description="Null: paused.")
    last_at: datetime | None
    created_at: datetime


class SchedulePage(Page[ScheduleOut]):
    pass


class NewSchedule(Narrowed):
    name: Name
    kind: Literal["cost", "usage", "quality", "agents"]
    rule: Rule = Field(Rule.WEEK, description="Which days it is of: whole days of UTC that are over.")
    formats: list[Format] = Field([Format.PDF], description="Each is a report of its own.", max_length=3)
    every: Every = Every.WEEK
    day: int = Field(1, ge=1, le=28, description="Of the week, where Monday is 1, or of the month.")
    hour: int = Field(6, ge=0, le=23)
    zone: Annotated[str, StringConstraints(max_length=64)] = Field("UTC", examples=["Europe/Berlin"])
    recipients: Recipients = []


class ScheduleChanges(BaseModel):
    """What is absent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    rule: Rule | None = None
    formats: list[Format] | None = Field(None, max_length=3)
    every: Every | None = None
    day: int | None = Field(None, ge=1, le=28)
    hour: int | None = Field(None, ge=0, le=23)
    zone: Annotated[str, StringConstraints(max_length=64)] | None = None
    recipients: Recipients | None = None
    is_enabled: bool | None = Field(None, description="False: it is paused.")


@area.operation("GET", "/reports", "reports_list", scope=Scope.REPORTS_READ, response=ReportPage)
def list_reports(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List reports, the newest first."""
    page = page_of(report_list(), query, by="requested_at")
    return {**page, "data": [_present(report) for report in reports_of(page["data"])]}


@area.operation(
    "POST", "/reports", "reports_create", scope=Scope.REPORTS_WRITE, response=ReportOut, status=201
)
def create(request: ApiRequest, body: NewReport) -> Any:
    """Have a report made.

    It is there within seconds, or minutes for millions of rows: ask for it again, or listen for `report.ready`.
    """
    wanted = Wanted(ReportKind(body.kind), body.first, body.last, body.group, body.only)
    run = report_request(wanted=wanted, format=body.format, recipients=body.recipients)
    return _present(_find(run.id))


@area.operation(
    "POST",
    "/sessions/{session_id}/sheet",
    "session_sheets_create",
    scope=Scope.REPORTS_WRITE,
    response=ReportOut,
    status=201,
)
def create_sheet(request: ApiRequest, session_id: str, body: NewSheet) -> Any:
    """Have a sheet of a session made: its facts, transcript, latency, cost and what came of it."""
    session = find_session(session_id)
    wanted = Wanted(ReportKind.SESSION, session_id=session.session_id)
    return _present(_find(report_request(wanted=wanted, format=body.format).id))


@area.operation(
    "GET", "/reports/{uuid:report_id}", "reports_get", scope=Scope.REPORTS_READ, response=ReportOut
)
def get(request: ApiRequest, report_id: uuid.UUID) -> Any:
    """Show a report, with an address of its file."""
    return _present(_find(report_id))


@area.operation(
    "POST",
    "/reports/{uuid:report_id}/cancel",
    "reports_cancel",
    scope=Scope.REPORTS_WRITE,
    response=ReportOut,
)
def cancel(request: ApiRequest, report_id: uuid.UUID) -> Any:
    """Cancel a report that is being made."""
    report_cancel(run=_find(report_id).run)
    return _present(_find(report_id))


@area.operation(
    "POST", "/reports/{uuid:report_id}/retry", "reports_retry", scope=Scope.REPORTS_WRITE, response=ReportOut
)
def retry(request: ApiRequest, report_id: uuid.UUID) -> Any:
    """Make a report that failed or was cancelled after all."""
    report_retry(run=_find(report_id).run)
    return _present(_find(report_id))


@area.operation(
    "DELETE",
    "/reports/{uuid:report_id}",
    "reports_delete",
    scope=Scope.REPORTS_WRITE,
    response=None,
    status=204,
)
def delete(request: ApiRequest, report_id: uuid.UUID) -> None:
    """Delete a report, with its file."""
    report_delete(run=_find(report_id).run)


@area.operation(
    "GET", "/report-schedules", "report_schedules_list", scope=Scope.REPORTS_READ, response=SchedulePage
)
def list_schedules(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List schedules of reports, the newest first."""
    return page_of(schedule_list(), query, by="created_at")


@area.operation(
    "POST",
    "/report-schedules",
    "report_schedules_create",
    scope=Scope.REPORTS_WRITE,
    response=ScheduleOut,
    status=201,
)
def create_schedule(request: ApiRequest, body: NewSchedule) -> ReportSchedule:
    """Have a report made every day, week or month."""
    fields = body.model_dump(exclude=set(Narrowed.model_fields))
    wanted = Wanted(ReportKind(body.kind), group=body.group, only=body.only)
    return schedule_create(**fields, parameters=wanted.as_json)


@area.operation(
    "GET",
    "/report-schedules/{uuid:schedule_id}",
    "report_schedules_get",
    scope=Scope.REPORTS_READ,
    response=ScheduleOut,
)
def get_schedule(request: ApiRequest, schedule_id: uuid.UUID) -> ReportSchedule:
    """Show a schedule of a report."""
    return _find_schedule(schedule_id)


@area.operation(
    "PATCH",
    "/report-schedules/{uuid:schedule_id}",
    "report_schedules_update",
    scope=Scope.REPORTS_WRITE,
    response=ScheduleOut,
)
def update_schedule(request: ApiRequest, schedule_id: uuid.UUID, body: ScheduleChanges) -> ReportSchedule:
    """Change a schedule of a report, pause it or have it go on."""
    given = body.model_dump(exclude_none=True)
    return schedule_update(schedule=_find_schedule(schedule_id), changes=given)


@area.operation(
    "DELETE",
    "/report-schedules/{uuid:schedule_id}",
    "report_schedules_delete",
    scope=Scope.REPORTS_WRITE,
    response=None,
    status=204,
)
def delete_schedule(request: ApiRequest, schedule_id: uuid.UUID) -> None:
    """Delete a schedule of a report.

    The reports that it made stay.
    """
    schedule_delete(schedule=_find_schedule(schedule_id))


def _find(report_id: uuid.UUID) -> Report:
    """Raises Problem."""
    found = report_get(report_id)
    if found is None:
        raise not_found("report")
    return found


def _find_schedule(schedule_id: uuid.UUID) -> ReportSchedule:
    """Raises Problem."""
    found = schedule_list().filter(id=schedule_id).first()
    if found is None:
        raise not_found("schedule")
    return found


def _present(report: Report) -> dict[str, Any]:
    run: ReportRun = report.run
    names = (
        "id",
        "title",
        "kind",
        "format",
        "parameters",
        "session_id",
        "schedule_id",
        "rows",
        "size_bytes",
        "requested_at",
        "made_at",
        "expires_at",
    )
    return {
        **{name: getattr(run, name) for name in names},
        "state": report.state,
        "percent": report.percent if report.is_live else None,
        "error": report.job.error if report.job and report.state == "failed" else "",
        "download_url": site_url(download_path(run)) if run.is_there else None,
    }
