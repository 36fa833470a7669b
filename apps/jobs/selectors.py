from collections.abc import Collection

from django.db.models import QuerySet

from apps.jobs.models import Job, JobState

SWEPT_AT = "jobs:swept_at"
"""Where the cache has when jobs were last swept, which the scheduler has done every few seconds."""


def job_list(
    *, kinds: Collection[str] | None = None, states: Collection[JobState] | None = None
) -> QuerySet[Job]:
    """The current tenant's, the newest first."""
    found = Job.objects.all()
    if kinds is not None:
        found = found.filter(kind__in=kinds)
    return found if states is None else found.filter(state__in=states)


def jobs_of_session(session_id: str) -> QuerySet[Job]:
    return Job.objects.filter(session_id=session_id)
