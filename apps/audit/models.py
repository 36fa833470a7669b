from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from apps.audit.acting import ActorKind
from apps.core.models import TenantModel


class AuditEvent(TenantModel):
    """What somebody changed: written in the transaction of the change, never altered.

    `action` is `noun.verb-ed`, like `agent.published`. `before` and `after` hold the fields that changed, never a
    secret.
    """

    at = models.DateTimeField(auto_now_add=True)
    actor_kind = models.CharField(max_length=6, choices=ActorKind)
    actor_id = models.UUIDField(null=True, blank=True)
    actor_label = models.CharField(max_length=254)
    on_behalf_of = models.CharField(max_length=254, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=60)
    target_kind = models.CharField(max_length=40)
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(max_length=254)
    before = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)

    class Meta(TenantModel.Meta):
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["tenant", "-at", "-id"], name="audit_by_time")]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_label}"
