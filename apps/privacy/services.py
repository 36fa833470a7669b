"""What people do about erasures and exports that were asked for."""

from django.core.exceptions import ValidationError

from apps.audit import services as audit
from apps.core.tenancy import atomic
from apps.jobs.selectors import job_list
from apps.jobs.services import job_cancel, job_retry
from apps.privacy.erasing import ERASE
from apps.privacy.exporting import EXPORT
from apps.privacy.models import Erasure, TenantExport


@atomic()
def export_cancel(*, export: TenantExport) -> None:
    """Raises ValidationError if it is over."""
    job = job_list(kinds=[EXPORT]).filter(key=str(export.id)).first()
    if job is None:
        raise ValidationError("It is over already: there is nothing to cancel.")
    job_cancel(job=job)
    audit.record(action="export.cancelled", target=export)


@atomic()
def erasure_retry(*, erasure: Erasure) -> None:
    """Goes on with one that failed. Raises ValidationError if there is nothing to go on with."""
    job = job_list(kinds=[ERASE]).filter(key=str(erasure.id)).first()
    if job is None:
        raise ValidationError("There is nothing to go on with: ask for the erasure again.")
    job_retry(job=job)
