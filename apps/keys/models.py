from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.core.models import TenantModel
from apps.tenants.models import Membership


class Scope(models.TextChoices):
    """What a key may do."""

    REALTIME = "realtime", "Open realtime sessions"
    MODELS = "models", "List models"


class ApiKey(TenantModel):
    """`sk_<lookup>_<secret>`. Kept: the lookup part, which is no secret, and a keyed digest of the whole."""

    name = models.CharField(max_length=100)
    lookup = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    pepper = models.PositiveSmallIntegerField(editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope))
    created_by = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def masked(self) -> str:
        return f"sk_{self.lookup}_…{self.last_four}"


class ClientSecret(TenantModel):
    """`ek_<lookup>_<secret>`: opens sessions until it expires, for an app that must not hold an API key.

    Made with an API key or by a person, in the playground. It is worth nothing once the key is revoked, or the
    person may no longer talk; a session that runs outlives it.
    """

    SAFETY_IDENTIFIER_LENGTH = 512

    key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, null=True, blank=True, related_name="+", editable=False
    )
    created_by = models.ForeignKey(
        Membership, on_delete=models.CASCADE, null=True, blank=True, related_name="+", editable=False
    )
    lookup = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    pepper = models.PositiveSmallIntegerField(editable=False)
    # JSON as text: jsonb would reorder the parameters of tools, which models read, and refuses escaped NULs.
    session_preset = models.TextField(editable=False)
    safety_identifier = models.CharField(max_length=SAFETY_IDENTIFIER_LENGTH, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(key=None) ^ models.Q(created_by=None), name="made_by_a_key_or_a_person"
            )
        ]

    def __str__(self) -> str:
        return f"ek_{self.lookup}_…"
