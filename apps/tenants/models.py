import uuid

from django.db import models

from apps.accounts.models import User
from apps.core.models import TenantModel
from apps.tenants.slugs import check_slug


class Tenant(models.Model):
    """A customer's workspace. Itself global: it is what everything else is scoped by.

    An empty default means the platform's default.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(
        max_length=40,
        unique=True,
        validators=[check_slug],
        error_messages={"unique": "Another tenant has this name already: choose another."},
    )
    name = models.CharField(max_length=100)
    default_model = models.CharField(max_length=200, blank=True)
    default_transcription_model = models.CharField(max_length=200, blank=True)
    default_speech_model = models.CharField(max_length=200, blank=True)
    default_voice = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    VIEWER = "viewer"


class Membership(TenantModel):
    """That a person belongs to a tenant, and what they may do there."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="one_membership_per_person")]

    def __str__(self) -> str:
        return f"{self.user_id} as {self.role}"
