"""Reports that are asked for, once or by a schedule."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from apps.audit.services import fields_of, record
from apps.core.tenancy import atomic
from apps.files import store
from apps.jobs.models import Job
from apps.jobs.services import job_add, job_cancel, job_retry
from apps.reports.calendar import last_due, next_due, period_of
from apps.reports.models import Every, Format, ReportKind, ReportRun, ReportSchedule, Rule
from apps.reports.parameters import Wanted, checked
from apps.reports.selectors import BUILD, job_of

KEPT = timedelta(days=30)
MOST_RECIPIENTS = 20
MOST_LIVE = 20
"""Reports of a tenant that are being made, or wait for it."""
_AUDITED = (
    "name",
    "kind",
    "parameters",
    "rule",
    "formats",
    "every",
    "day",
    "hour",
    "zone",
    "recipients",
    "is_enabled",
)


@atomic()
def report_request(
    *,
    wanted: Wanted,
    format: Format,
    requested_by_id: uuid.UUID | None = None,
    recipients: Sequence[str] = (),
) -> ReportRun:
    """Has it made, and mailed to the recipients. Raises ValidationError."""
    wanted = checked(wanted)
    addresses = _addresses(recipients)
    if _live_count() >= MOST_LIVE:
        raise ValidationError(f"{MOST_LIVE} reports are being made already: wait until some are done.")
    run = _run(wanted, format, requested_by_id=requested_by_id, recipients=addresses)
    record(action="report.requested", target=run, after={"kind": run.kind, "parameters": run.parameters})
    return run


@atomic()
def report_cancel(*, run: ReportRun) -> None:
    """Raises ValidationError for one that is over."""
    job = job_of(run)
    if job is None:
        raise ValidationError("It is over already: there is nothing to cancel.")
    job_cancel(job=job)
    record(action="report.cancelled", target=run)


@atomic()
def report_retry(*, run: ReportRun) -> None:
    """Raises ValidationError unless it failed or was cancelled."""
    job = job_of(run)
    if job is None:
        raise ValidationError("Only a report that failed or was cancelled can be made again.")
    job_retry(job=job)
    record(action="report.retried", target=run)
    ReportRun.objects.filter(id=run.id).update(expires_at=timezone.now() + KEPT)


@atomic()
def report_delete(*, run: ReportRun) -> None:
    """With its file. One that is being made stops."""
    job = job_of(run)
    if job is not None and not job.is_over:
        job_cancel(job=job)
    record(action="report.deleted", target=run)
    store.delete_all(store.name_of("reports", run.id))
    run.delete()


@atomic()
def schedule_create(*, created_by_id: uuid.UUID | None = None, **fields: Any) -> ReportSchedule:
    """The fields of `ReportSchedule` that its form has. Raises ValidationError."""
    schedule = ReportSchedule(created_by_id=created_by_id, **fields)
    _check(schedule)
    schedule.next_at = _next_at(schedule)
    schedule.save()
    record(action="report_schedule.created", target=schedule, after=fields_of(schedule, *_AUDITED))
    return schedule


@atomic()
def schedule_update(*, schedule: ReportSchedule, changes: Mapping[str, Any]) -> ReportSchedule:
    """Also pauses it, by `is_enabled`. Raises ValidationError."""
    schedule = ReportSchedule.objects.select_for_update(no_key=True).get(id=schedule.id)
    before = fields_of(schedule, *_AUDITED)
    for name, value in changes.items():
        setattr(schedule, name, value)
    _check(schedule)
    schedule.next_at = _next_at(schedule)
    schedule.save()
    record(
        action="report_schedule.changed",
        target=schedule,
        before=before,
        after=fields_of(schedule, *_AUDITED),
    )
    return schedule


@atomic()
def schedule_delete(*, schedule: ReportSchedule) -> None:
    """The reports that it has made stay."""
    record(action="report_schedule.deleted", target=schedule, before=fields_of(schedule, *_AUDITED))
    schedule.delete()


@atomic()
def schedule_run(*, schedule_id: uuid.UUID, now: datetime) -> list[ReportRun]:
    """Has the reports of a schedule of the current tenant's made if it is due: once, however often it was due while
    nobody looked, and however many look now."""
    schedule = ReportSchedule.objects.select_for_update(no_key=True).filter(id=schedule_id).first()
    if schedule is None or schedule.next_at is None or schedule.next_at > now:
        return []
    every, rule = Every(schedule.every), Rule(schedule.rule)
    due, schedule.next_at = last_due(
        every, day=schedule.day, hour=schedule.hour, zone=schedule.zone, first=schedule.next_at, now=now
    )
    schedule.last_at = due
    schedule.save(update_fields=["next_at", "last_at"])
    period = period_of(rule, due=due)
    told = {**schedule.parameters, "first": period.first.isoformat(), "last": period.last.isoformat()}
    wanted = Wanted.of_json(schedule.kind, told)
    return [
        _run(wanted, Format(format), schedule=schedule, due_at=due, recipients=schedule.recipients)
        for format in schedule.formats
    ]


def _run(wanted: Wanted, format: Format, **fields: Any) -> ReportRun:
    now = timezone.now()
    run = ReportRun.objects.create(
        title=_title(wanted, fields.get("schedule")),
        kind=wanted.kind,
        format=format,
        parameters=wanted.as_json,
        session_id=wanted.session_id,
        requested_at=now,
        expires_at=now + KEPT,
        **fields,
    )
    job_add(kind=BUILD, key=str(run.id), session_id=wanted.session_id)
    return run


def _title(wanted: Wanted, schedule: ReportSchedule | None) -> str:
    if wanted.kind == ReportKind.SESSION:
        return f"Session {wanted.session_id}"
    name = schedule.name if schedule else wanted.kind.label
    first, last = wanted.first, wanted.last
    return f"{name}, {first}" if first == last else f"{name}, {first} to {last}"


def _live_count() -> int:
    return Job.objects.filter(kind=BUILD, state__in=["waiting", "running"]).count()


def _check(schedule: ReportSchedule) -> None:
    """Raises ValidationError."""
    problems: dict[str, Any] = {}
    schedule.recipients = _addresses(schedule.recipients)
    schedule.formats = [format for format in Format.values if format in set(schedule.formats)]
    if not schedule.formats:
        problems["formats"] = "Choose at least one format."
    if schedule.every == Every.WEEK and not 1 <= schedule.day <= 7:
        problems["day"] = "A week has the days 1, Monday, to 7, Sunday."
    try:
        ZoneInfo(schedule.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems["zone"] = f"There is no time zone {schedule.zone!r}: write it as in Europe/Berlin."
    if schedule.kind == ReportKind.SESSION:
        raise ValidationError({"kind": "A sheet is of one session: it has no schedule."})
    try:
        wanted = checked(Wanted.of_json(schedule.kind, schedule.parameters), with_days=False)
        schedule.parameters = wanted.as_json
    except ValidationError as error:
        problems |= error.message_dict
    if problems:
        raise ValidationError(problems)
    schedule.full_clean(exclude=["tenant", "created_by", "parameters"])


def _next_at(schedule: ReportSchedule) -> datetime | None:
    if not schedule.is_enabled:
        return None
    return next_due(
        Every(schedule.every),
        day=schedule.day,
        hour=schedule.hour,
        zone=schedule.zone,
        after=timezone.now(),
    )


def _addresses(given: Sequence[str]) -> list[str]:
    """Each once. Raises ValidationError."""
    addresses = list(dict.fromkeys(address.strip() for address in given if address.strip()))
    if len(addresses) > MOST_RECIPIENTS:
        raise ValidationError({"recipients": f"Choose at most {MOST_RECIPIENTS} recipients."})
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            raise ValidationError({"recipients": f"{address!r} is no e-mail address."}) from None
    return addresses
