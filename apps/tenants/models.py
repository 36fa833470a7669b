import uuid
from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from apps.accounts.models import User
from apps.core.models import TenantModel
from apps.tenants.slugs import check_slug

_DAYS = [MinValueValidator(1), MaxValueValidator(3650)]


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
    log_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=_DAYS)
    transcript_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=_DAYS)
    recording_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=_DAYS)
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)  # rows go soon after

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
    last_active_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="one_membership_per_person")]

    def __str__(self) -> str:
        return f"{self.user_id} as {self.role}"


class Invitation(TenantModel):
    """Who has its token reads that address's mail, and may join with that role. Kept: a digest of the token."""

    LIFETIME = timedelta(days=7)

    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role, default=Role.DEVELOPER)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    invited_by = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=models.Q(accepted_at=None),
                name="one_open_invitation_per_address",
                violation_error_message="This address has been invited already: send it again.",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()
