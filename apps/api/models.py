from django.conf import settings
from django.db import models

from apps.core.models import TenantModel
from apps.credentials.sealing import Place, seal, unseal
from apps.keys.models import ApiKey


class IdempotentRequest(TenantModel):
    """A POST with an `Idempotency-Key` that was carried out, and its response, which is sealed: there may be a
    secret in it."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+")
    operation = models.CharField(max_length=60)
    idempotency_key = models.CharField(max_length=255)
    body_digest = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    sealed_body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "key", "operation", "idempotency_key"], name="carried_out_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.idempotency_key}"

    def seal_body(self, body: str) -> None:
        """Of a row that has been claimed by its tenant. Raises Unsealable."""
        self.sealed_body = seal(body, self._place, settings.ENCRYPTION_KEYS)

    def unseal_body(self) -> str:
        """Raises Unsealable."""
        return unseal(self.sealed_body, self._place, settings.ENCRYPTION_KEYS)

    @property
    def _place(self) -> Place:
        return Place(self.tenant_id, self._meta.db_table, "sealed_body", self.id)
