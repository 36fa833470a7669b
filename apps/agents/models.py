from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from apps.core.models import TenantModel

SLUG = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"


class Agent(TenantModel):
    """`agent/<slug>`. `draft` is a spec (`apps.agents.spec`) at work; sessions get published versions.

    `draft_revision` counts the draft's changes, so that nobody overwrites what somebody else saved meanwhile.
    """

    slug = models.CharField(
        max_length=63,
        validators=[
            RegexValidator(
                f"^{SLUG}$", "Use lower-case letters, digits and inner hyphens, as in 'front-desk'."
            )
        ],
        error_messages={"unique": "Another agent has this name already."},
    )
    name = models.CharField(max_length=100)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True, size=20)
    draft = models.JSONField(default=dict)
    draft_revision = models.PositiveIntegerField(default=0)
    draft_saved_at = models.DateTimeField(auto_now_add=True)
    draft_saved_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["name", "slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "slug"],
                name="one_agent_per_slug",
                violation_error_message="Another agent has this slug already: choose another.",
            ),
        ]

    def __str__(self) -> str:
        return f"agent/{self.slug}"


class AgentVersion(TenantModel):
    """What an agent was when it was published; the database refuses to alter it. `spec` is complete: it has every
    default written out."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    notes = models.CharField(max_length=1000, blank=True)
    published_at = models.DateTimeField(auto_now_add=True)
    published_by = models.CharField(max_length=254)

    class Meta(TenantModel.Meta):
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "agent", "number"], name="one_version_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.agent}@{self.number}"


class TrafficShare(TenantModel):
    """Which part of an agent's sessions get a version: its weight by the sum of all weights."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="shares")
    version = models.OneToOneField(AgentVersion, on_delete=models.CASCADE, related_name="share")
    weight = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(1000)])

    class Meta(TenantModel.Meta):
        ordering = ["version__number"]

    def __str__(self) -> str:
        return f"{self.weight} for {self.version}"
