import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from apps.audit.services import record
from apps.core.tenancy import across_tenants, atomic, tenant_context
from apps.jobs.kinds import kind_list
from apps.jobs.models import Job, JobState
from apps.jobs.services import job_retry


class Command(BaseCommand):
    help = "Lists dead letters: jobs that failed and are not tried any more. With --retry they are run again."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--kind", help="only jobs of this kind, like session.transcript")
        parser.add_argument("--tenant", help="only those of this tenant, by its name in addresses")
        parser.add_argument(
            "--retry",
            nargs="*",
            metavar="ID",
            help="run these jobs again; without ids, all that the other options leave",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        retried: list[str] | None = options["retry"]
        with across_tenants(reason="manage.py jobs"):
            found = list(_chosen(options["kind"], options["tenant"], retried))
        if retried is None:
            for job in found:
                self.stdout.write(f"{job.id}  {job.finished_at:%Y-%m-%d %H:%M}  {job.tenant.slug}  {job}")
                self.stdout.write(f"    {job.error}")
            self.stdout.write(f"{len(found)} dead letters.")
            return
        missing = {str(wanted) for wanted in _ids(retried)} - {str(job.id) for job in found}
        for job in found:
            try:
                with tenant_context(job.tenant_id), atomic():
                    job_retry(job=job)
                    record(action="job.retried", target=job)
            except ValidationError:  # somebody else was faster
                missing.add(str(job.id))
        self.stdout.write(f"{len(found)} jobs are run again.")
        if missing:
            raise CommandError(f"These are no dead letters: {', '.join(sorted(missing))}.")


def _chosen(kind: str | None, tenant: str | None, ids: list[str] | None) -> QuerySet[Job]:
    """Raises CommandError."""
    found = Job.objects.filter(state=JobState.FAILED).select_related("tenant").order_by("finished_at", "id")
    if kind:
        found = found.filter(kind=kind)
        if not found.exists() and kind not in (known := [each.name for each in kind_list()]):
            raise CommandError(f"There are no jobs of the kind {kind!r}: the kinds are {', '.join(known)}.")
    if tenant:
        found = found.filter(tenant__slug=tenant)
    return found.filter(id__in=_ids(ids)) if ids else found


def _ids(words: list[str]) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(word) for word in words]
    except ValueError:
        raise CommandError(
            "An id is like 0b9e4c7e-58ad-4f1e-9a53-0c2b7c0f4a11: see `manage.py jobs`."
        ) from None
