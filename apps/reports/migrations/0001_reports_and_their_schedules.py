import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from apps.core.operations import EnableRowSecurity, LinkWithinTenant


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0005_lookups"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReportSchedule",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("usage", "Usage"),
                            ("cost", "Cost"),
                            ("quality", "Quality"),
                            ("agents", "Agents compared"),
                            ("session", "Session sheet"),
                        ],
                        max_length=7,
                    ),
                ),
                ("parameters", models.JSONField(default=dict)),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("day", "The day before"),
                            ("week", "The week before, from Monday"),
                            ("month", "The month before"),
                            ("7", "The 7 days before"),
                            ("30", "The 30 days before"),
                        ],
                        default="week",
                        max_length=5,
                    ),
                ),
                (
                    "formats",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[("csv", "CSV"), ("xlsx", "Excel"), ("pdf", "PDF")], max_length=4
                        ),
                        size=None,
                    ),
                ),
                (
                    "every",
                    models.CharField(
                        choices=[("day", "Every day"), ("week", "Every week"), ("month", "Every month")],
                        default="week",
                        max_length=5,
                    ),
                ),
                (
                    "day",
                    models.PositiveSmallIntegerField(
                        default=1,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(28),
                        ],
                    ),
                ),
                (
                    "hour",
                    models.PositiveSmallIntegerField(
                        default=6, validators=[django.core.validators.MaxValueValidator(23)]
                    ),
                ),
                ("zone", models.CharField(default="UTC", max_length=64)),
                (
                    "recipients",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.EmailField(max_length=254), blank=True, default=list, size=None
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("last_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="tenants.membership",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ReportRun",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("title", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("usage", "Usage"),
                            ("cost", "Cost"),
                            ("quality", "Quality"),
                            ("agents", "Agents compared"),
                            ("session", "Session sheet"),
                        ],
                        max_length=7,
                    ),
                ),
                (
                    "format",
                    models.CharField(
                        choices=[("csv", "CSV"), ("xlsx", "Excel"), ("pdf", "PDF")], max_length=4
                    ),
                ),
                ("parameters", models.JSONField(default=dict)),
                ("session_id", models.TextField(blank=True)),
                (
                    "recipients",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.EmailField(max_length=254), blank=True, default=list, size=None
                    ),
                ),
                ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("file", models.TextField(blank=True)),
                ("rows", models.PositiveBigIntegerField(default=0)),
                ("size_bytes", models.PositiveBigIntegerField(default=0)),
                ("made_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="tenants.membership",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runs",
                        to="reports.reportschedule",
                    ),
                ),
            ],
            options={
                "ordering": ["-requested_at", "-id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="reportschedule",
            index=models.Index(
                condition=models.Q(("next_at__isnull", False)),
                fields=["next_at"],
                name="report_schedules_due",
            ),
        ),
        migrations.AddIndex(
            model_name="reportrun",
            index=models.Index(fields=["tenant", "-requested_at", "-id"], name="reports_by_time"),
        ),
        migrations.AddIndex(
            model_name="reportrun",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False)),
                fields=["expires_at"],
                name="reports_to_expire",
            ),
        ),
        migrations.AddIndex(
            model_name="reportrun",
            index=models.Index(
                condition=models.Q(("session_id", ""), _negated=True),
                fields=["tenant", "session_id"],
                name="reports_by_session",
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("schedule__isnull", False)),
                fields=("tenant", "schedule", "due_at", "format"),
                name="one_report_each_time",
            ),
        ),
        EnableRowSecurity("ReportSchedule"),
        EnableRowSecurity("ReportRun"),
        LinkWithinTenant("ReportSchedule", "created_by"),
        LinkWithinTenant("ReportRun", "requested_by"),
        LinkWithinTenant("ReportRun", "schedule"),
    ]
