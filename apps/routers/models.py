from django.core.validators import RegexValidator
from django.db import models

from apps.core.models import TenantModel


class RouterKind(models.TextChoices):
    """What its models do."""

    LANGUAGE = "language", "Language models"
    SPEECH_TO_TEXT = "speech_to_text", "Recognisers"
    TEXT_TO_SPEECH = "text_to_speech", "Voices"


class Router(TenantModel):
    """`router/<name>`: rules by which one of several models is asked. `version` counts the changes of them."""

    name = models.CharField(
        max_length=64,
        validators=[
            RegexValidator(
                r"^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$",
                "Use lower-case letters, digits and inner dots, hyphens and underscores.",
            )
        ],
    )
    kind = models.CharField(max_length=14, choices=RouterKind, editable=False)
    # JSON as text: jsonb would reorder it, and refuses escaped NULs.
    definition = models.TextField(editable=False)
    version = models.PositiveIntegerField(default=0, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="one_router_per_name"),
        ]

    def __str__(self) -> str:
        return f"router/{self.name}"
