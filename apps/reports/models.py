from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from apps.core.models import TenantModel
from apps.tenants.models import Membership


class ReportKind(models.TextChoices):
    USAGE = "usage", "Usage"
    COST = "cost", "Cost"
    QUALITY = "quality", "Quality"
    AGENTS = "agents", "Agents compared"
    SESSION = "session", "Session sheet"


class Format(models.TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel"
    PDF = "pdf", "PDF"


class Every(models.TextChoices):
    DAY = "day", "Every day"
    WEEK = "week", "Every week"
    MONTH = "month", "Every month"


class Rule(models.TextChoices):
    """The period of a scheduled report, from the last day of UTC that is over."""

    DAY = "day", "The day before"
    WEEK = "week", "The week before, from Monday"
    MONTH = "month", "The month before"
    DAYS_7 = "7", "The 7 days before"
    DAYS_30 = "30", "The 30 days before"


class ReportSchedule(TenantModel):
    """A report that is made again and again, and mailed to `recipients`.

    `parameters` is what `apps.reports.parameters.Wanted` keeps besides the days, which follow from `rule`.
    It is due at `hour` in `zone`, of each day, of the `day`-th day of the week (Monday is 1) or of the month.
    `next_at` is when; None while it is paused.
    """

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=7, choices=ReportKind)
    parameters = models.JSONField(default=dict)
    rule = models.CharField(max_length=5, choices=Rule, default=Rule.WEEK)
    formats = ArrayField(models.CharField(max_length=4, choices=Format))
    every = models.CharField(max_length=5, choices=Every, default=Every.WEEK)
    day = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(28)]
    )
    hour = models.PositiveSmallIntegerField(default=6, validators=[MaxValueValidator(23)])
    zone = models.CharField(max_length=64, default="UTC")
    recipients = ArrayField(models.EmailField(), default=list, blank=True)
    is_enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(null=True, blank=True)
    last_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["name", "id"]
        indexes = [
            models.Index(
                fields=["next_at"], condition=models.Q(next_at__isnull=False), name="report_schedules_due"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ReportRun(TenantModel):
    """A report that was asked for, as one file. How far it is, the job `report.build` whose key is the run's id
    says; once it is made, `made_at`.

    `parameters` is an `apps.reports.parameters.Wanted`. Of a schedule there is one run for each time it was due, in
    each format. `file` is its name in `apps.files.store`, empty while there is none; everything in the run's folder
    goes when `expires_at` has passed, which is None from then on.
    """

    schedule = models.ForeignKey(
        ReportSchedule, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs"
    )
    due_at = models.DateTimeField(null=True, blank=True)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=7, choices=ReportKind)
    format = models.CharField(max_length=4, choices=Format)
    parameters = models.JSONField(default=dict)
    session_id = models.TextField(blank=True)  # of a sheet
    recipients = ArrayField(models.EmailField(), default=list, blank=True)
    requested_by = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    requested_at = models.DateTimeField(default=timezone.now)
    file = models.TextField(blank=True)
    rows = models.PositiveBigIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    made_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "schedule", "due_at", "format"],
                condition=models.Q(schedule__isnull=False),
                name="one_report_each_time",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-requested_at", "-id"], name="reports_by_time"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(expires_at__isnull=False),
                name="reports_to_expire",
            ),
            models.Index(
                fields=["tenant", "session_id"], condition=~models.Q(session_id=""), name="reports_by_session"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title}, {self.get_format_display()}"

    @property
    def is_there(self) -> bool:
        """Whether it can be downloaded."""
        return bool(self.file) and self.expires_at is not None and self.expires_at > timezone.now()
