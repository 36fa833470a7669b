import uuid

import django.db.models.deletion
from django.db import migrations, models

from apps.core.operations import EnableRowSecurity, LinkWithinTenant


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("conversations", "0006_sessions_of_customers"),
        ("tenants", "0005_lookups"),
    ]

    operations = [
        migrations.CreateModel(
            name="Recording",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("recording", "Being recorded"),
                            ("processing", "Being prepared"),
                            ("ready", "Ready"),
                            ("failed", "Could not be prepared"),
                            ("deleted", "Deleted"),
                        ],
                        default="recording",
                        max_length=10,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("duration_ms", models.PositiveBigIntegerField(default=0)),
                ("size_bytes", models.PositiveBigIntegerField(default=0)),
                ("sample_rate", models.PositiveIntegerField(default=24000)),
                ("parts", models.PositiveIntegerField(default=0)),
                ("timeline", models.JSONField(default=dict)),
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recording",
                        to="conversations.realtimesession",
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
                "ordering": ["-started_at", "-id"],
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "recording")),
                        fields=["started_at"],
                        name="recordings_being_made",
                    )
                ],
            },
        ),
        EnableRowSecurity("Recording"),
        LinkWithinTenant("Recording", "session"),
    ]
