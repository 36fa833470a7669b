"""Erasures and exports with the jobs that make them."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.files.links import link_to
from apps.jobs.models import Job, JobState
from apps.jobs.selectors import job_list
from apps.privacy.erasing import ERASE
from apps.privacy.exporting import EXPORT, export_link
from apps.privacy.models import Erasure, TenantExport
from apps.privacy.registry import Rows

_STATES = {
    JobState.WAITING: "waiting",
    JobState.RUNNING: "running",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an erasure or an export is. Its `state` is that of its job, or done, or expired."""

    row: Erasure | TenantExport
    job: Job | None

    @property
    def state(self) -> str:
        if self.row.finished_at is not None:
            return "expired" if isinstance(self.row, TenantExport) and not self.row.file else "done"
        return _STATES.get(JobState(self.job.state), "waiting") if self.job else "failed"

    @property
    def is_live(self) -> bool:
        return self.state in ("waiting", "running")

    @property
    def percent(self) -> int | None:
        return self.job.percent if self.job else None

    @property
    def error(self) -> str:
        return self.job.error if self.job is not None and self.state == "failed" else ""

    @property
    def link(self) -> str | None:
        """A path that leads to its file for a quarter of an hour; None if there is none."""
        if self.state != "done":
            return None
        if isinstance(self.row, TenantExport):
            return export_link(self.row)
        return link_to(
            self.row.manifest, content_type="application/json", filename=f"erasure-{self.row.id}.json"
        )


def erasure_list() -> Rows:
    """The current tenant's, the newest first."""
    return Erasure.objects.all()


def export_list() -> Rows:
    """The current tenant's, the newest first."""
    return TenantExport.objects.all()


def erasure_find(erasure_id: uuid.UUID) -> Erasure | None:
    return Erasure.objects.filter(id=erasure_id).first()


def export_find(export_id: uuid.UUID) -> TenantExport | None:
    return TenantExport.objects.filter(id=export_id).first()


def progress_of(rows: Iterable[Erasure | TenantExport]) -> Sequence[Progress]:
    """In the order of the rows."""
    found = list(rows)
    jobs = job_list(kinds=[ERASE, EXPORT]).filter(key__in=[str(row.id) for row in found])
    by_key = {job.key: job for job in jobs}
    return [Progress(row, by_key.get(str(row.id))) for row in found]
