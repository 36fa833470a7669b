from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models

from apps.core.models import TenantModel
from apps.credentials.sealing import Place, seal, unseal
from apps.tenants.models import Membership

SHOWN_FROM = 12  # characters; of a shorter key, four would give away too much


class SealedKeyModel(TenantModel):
    """A row with an API key, which is kept encrypted and bound to the row: see `apps.credentials.sealing`."""

    sealed_key = models.TextField(blank=True, editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    created_by = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    check_error = models.TextField(blank=True, editable=False)

    class Meta(TenantModel.Meta):
        abstract = True

    @property
    def masked(self) -> str:
        """The key as people may see it; empty if there is none."""
        return f"…{self.last_four}" if self.sealed_key else ""

    def seal_key(self, key: str) -> None:
        """Of a row that has been claimed by its tenant. What a check said of the key before is forgotten. Raises
        Unsealable."""
        self.sealed_key = seal(key, self._place, settings.ENCRYPTION_KEYS) if key else ""
        self.last_four = key[-4:] if len(key) >= SHOWN_FROM else ""
        self.last_checked_at = None
        self.check_error = ""

    def unseal_key(self) -> str | None:
        """None if there is none. Raises Unsealable."""
        return unseal(self.sealed_key, self._place, settings.ENCRYPTION_KEYS) if self.sealed_key else None

    def resealed(self) -> str:
        """The same key under the newest master key. Raises Unsealable."""
        return seal(self.unseal_key() or "", self._place, settings.ENCRYPTION_KEYS)

    @property
    def _place(self) -> Place:
        return Place(self.tenant_id, self._meta.db_table, "sealed_key", self.id)


class ProviderCredential(SealedKeyModel):
    """A tenant's own key for a known vendor."""

    provider = models.CharField(max_length=40)
    base_url = models.CharField(max_length=500, blank=True)  # where each customer has an address of their own
    label = models.CharField(max_length=100, blank=True)

    class Meta(SealedKeyModel.Meta):
        ordering = ["provider"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "provider"], name="one_key_per_vendor"),
        ]

    def __str__(self) -> str:
        return self.provider


class TenantProvider(SealedKeyModel):
    """A tenant's own server. `slug` is the first part of its models' names."""

    slug = models.CharField(
        max_length=40,
        validators=[
            RegexValidator(
                r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$", "Use lower-case letters, digits and inner hyphens."
            )
        ],
    )
    dialect = models.CharField(max_length=20)
    kinds = ArrayField(models.CharField(max_length=20))
    base_url = models.CharField(max_length=500)

    class Meta(SealedKeyModel.Meta):
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="one_server_per_slug"),
        ]

    def __str__(self) -> str:
        return self.slug
