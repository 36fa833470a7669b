from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from apps.core.models import TenantModel
from apps.credentials.models import SealedKeyModel
from apps.tenants.models import Membership

NO_PARAMETERS = '{"type":"object","properties":{}}'


class ToolKind(models.TextChoices):
    """Who does what a tool does."""

    CLIENT = "client", "The app"
    HTTP = "http", "Your server"
    MCP = "mcp", "An MCP server"


class Approval(models.TextChoices):
    """Whether the app is asked before a tool of an MCP server runs."""

    NEVER = "never", "Run without asking"
    ALWAYS = "always", "Ask the app each time"


class Tool(TenantModel):
    """A function that models can call. `slug` is its name as they see it, or the label of an MCP server.

    `calls`, `failures` and `timeouts` are counted when a session ends.
    """

    slug = models.CharField(
        "name",
        max_length=64,
        validators=[
            RegexValidator(
                r"^[a-zA-Z0-9_-]{1,64}$",
                "Use up to 64 letters, digits, hyphens and underscores: get_weather.",
            )
        ],
    )
    description = models.TextField(max_length=2000, blank=True)
    kind = models.CharField(max_length=6, choices=ToolKind)
    # JSON as text: jsonb would reorder the parameters, which models read.
    parameters = models.TextField(default=NO_PARAMETERS)
    speak_while_running = models.CharField(max_length=200, blank=True)
    url = models.CharField("address", max_length=500, blank=True)
    timeout_ms = models.PositiveIntegerField(
        default=10_000,
        validators=[
            MinValueValidator(100, "Give it at least 100 ms."),
            MaxValueValidator(60_000, "Nobody waits longer than a minute: give at most 60000 ms."),
        ],
    )
    max_response_bytes = models.PositiveIntegerField(
        default=64 * 1024,
        validators=[
            MinValueValidator(256, "Allow at least 256 bytes."),
            MaxValueValidator(1024 * 1024, "Allow at most 1048576 bytes: a model has to read it."),
        ],
    )
    allowed_tools = ArrayField(models.CharField(max_length=128), default=list, blank=True)
    require_approval = models.CharField(max_length=6, choices=Approval, default=Approval.NEVER)
    calls = models.PositiveBigIntegerField(default=0, editable=False)
    failures = models.PositiveBigIntegerField(default=0, editable=False)
    timeouts = models.PositiveBigIntegerField(default=0, editable=False)
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    last_called_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "slug"],
                condition=models.Q(archived_at=None),
                name="one_tool_per_slug",
                violation_error_message="Another tool has this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class ToolHeader(SealedKeyModel):
    """A header that goes to a tool's server. Its value may let us in there, so it is kept like a key."""

    tool = models.ForeignKey(Tool, on_delete=models.CASCADE, related_name="headers")
    name = models.CharField(max_length=100)

    class Meta(SealedKeyModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tool", "name"], name="one_value_per_header"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.tool}"


class SigningSecret(SealedKeyModel):
    """`whsec_...`, with which calls of a tool are signed: after a rotation the old one too, until it expires."""

    tool = models.ForeignKey(Tool, on_delete=models.CASCADE, related_name="signing_secrets")
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(SealedKeyModel.Meta):
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"signing secret of {self.tool}"
