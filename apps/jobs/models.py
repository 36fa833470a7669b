import uuid

from django.db import models

from apps.core.models import TenantModel
from apps.jobs.kinds import kind_of


class JobState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Job(TenantModel):
    """Work that is done once, whatever happens to workers and broker: the row is the truth, and a message of
    Celery's only says that it is time to look at it.

    `key` says what the work is about; there is one job of a kind for it. `lease` is that of the worker that runs it
    until `leased_until`, when another may. A failed one is a dead letter: `error` says why; it can be run again.
    """

    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    session_id = models.TextField(blank=True)  # of the session that it is about, in the protocol
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=JobState, default=JobState.WAITING)
    done = models.PositiveBigIntegerField(default=0)  # steps
    steps = models.PositiveBigIntegerField(default=0)  # in all; 0 while nobody knows
    note = models.CharField(max_length=200, blank=True)  # what it is at
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    run_at = models.DateTimeField()
    held_since = models.DateTimeField(null=True, blank=True)  # when it first had to wait for something else
    nudged_at = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "key"], name="one_job_per_key")]
        indexes = [
            models.Index(fields=["run_at"], condition=models.Q(state=JobState.WAITING), name="jobs_waiting"),
            models.Index(
                fields=["leased_until"], condition=models.Q(state=JobState.RUNNING), name="jobs_running"
            ),
            models.Index(fields=["tenant", "session_id"], name="jobs_by_session"),
            models.Index(fields=["tenant", "-created_at", "-id"], name="jobs_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    @property
    def label(self) -> str:
        """What it makes, in a word or two."""
        kind = kind_of(self.kind)
        return kind.label if kind is not None else self.kind

    @property
    def percent(self) -> int | None:
        """None while nobody knows how much there is to do."""
        return min(self.done * 100 // self.steps, 100) if self.steps else None

    @property
    def is_over(self) -> bool:
        return self.state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


def new_lease() -> uuid.UUID:
    return uuid.uuid4()
