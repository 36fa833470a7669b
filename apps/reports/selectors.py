import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.files.links import link_to
from apps.jobs.models import Job, JobState
from apps.reports.models import Format, ReportRun, ReportSchedule

BUILD = "report.build"
"""The kind of the job that makes a report; its key is the run's id."""

CONTENT_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PDF: "application/pdf",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A run, and the job that makes it, which is gone some time after it was done."""

    run: ReportRun
    job: Job | None

    @property
    def state(self) -> str:
        """A job's state, or `expired`."""
        if self.run.is_there:
            return JobState.DONE.value
        if self.run.made_at is not None or self.job is None:
            return "expired"
        return self.job.state

    @property
    def is_live(self) -> bool:
        return self.state in (JobState.WAITING, JobState.RUNNING)

    @property
    def percent(self) -> int | None:
        return self.job.percent if self.job else None


def report_list() -> QuerySet[ReportRun]:
    """The current tenant's, the newest first."""
    return ReportRun.objects.select_related("schedule", "requested_by__user")


def reports_of(runs: Iterable[ReportRun]) -> Sequence[Report]:
    runs = list(runs)
    found = Job.objects.filter(kind=BUILD, key__in=[str(run.id) for run in runs])
    jobs = {job.key: job for job in found}
    return [Report(run, jobs.get(str(run.id))) for run in runs]


def report_get(run_id: uuid.UUID) -> Report | None:
    run = report_list().filter(id=run_id).first()
    return reports_of([run])[0] if run else None


def job_of(run: ReportRun) -> Job | None:
    return Job.objects.filter(kind=BUILD, key=str(run.id)).first()


def schedule_list() -> QuerySet[ReportSchedule]:
    """The current tenant's, by name."""
    return ReportSchedule.objects.select_related("created_by__user")


def filename_of(run: ReportRun) -> str:
    """For who downloads it."""
    told = run.parameters
    what = told.get("session_id") or "-".join(filter(None, (told.get("first"), told.get("last"))))
    return f"{run.kind}-{what}.{run.format}"


def download_path(run: ReportRun) -> str:
    """Of a short-lived address of the file of a run that `is_there`."""
    return link_to(run.file, content_type=CONTENT_TYPES[Format(run.format)], filename=filename_of(run))
