import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from apps.conversations.models import RealtimeSession
from apps.core.models import TenantModel
from apps.credentials.sealing import Place, seal, unseal


class Channel(models.IntegerChoices):
    """Of a recording."""

    USER = 0, "User"
    ASSISTANT = 1, "Agent"


class Redaction(TenantModel):
    """That something personal was said then, of which kind, and never what: its sound is bleeped out. Times are ms
    since the session began."""

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    session = models.ForeignKey(RealtimeSession, on_delete=models.CASCADE, related_name="redactions")
    channel = models.PositiveSmallIntegerField(choices=Channel)
    start_ms = models.PositiveBigIntegerField()
    end_ms = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=20)

    class Meta(TenantModel.Meta):
        ordering = ["session", "start_ms", "id"]

    def __str__(self) -> str:
        return f"{self.kind} at {self.start_ms} ms"


class Subject(models.TextChoices):
    SESSION = "session", "One session"
    PERSON = "person", "A person"


class Erasure(TenantModel):
    """That a session, or all of a person, is erased: asked for, at work (a job with this id as its key), and done
    once `finished_at` is set and there is a signed manifest.

    `pseudonym` stands for the person from then on: a digest of their identifier under a key that nobody has; for a
    session it is its id. The identifier itself is kept sealed while the work lasts, and no longer.
    """

    subject = models.CharField(max_length=7, choices=Subject)
    pseudonym = models.CharField(max_length=64)
    sealed_identifier = models.TextField(blank=True, editable=False)
    asked_by = models.CharField(max_length=254)
    asked_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    sessions = models.PositiveIntegerField(default=0)
    rows = models.PositiveBigIntegerField(default=0)
    files = models.PositiveIntegerField(default=0)
    manifest = models.CharField(max_length=300, blank=True)  # name of its file
    manifest_sha256 = models.CharField(max_length=64, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-asked_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_subject_display()} {self.pseudonym[:12]}"

    def seal_identifier(self, identifier: str) -> None:
        """Of a row that has been claimed by its tenant. Raises Unsealable."""
        self.sealed_identifier = seal(identifier, self._place, settings.ENCRYPTION_KEYS)

    def unseal_identifier(self) -> str:
        """Raises Unsealable."""
        return unseal(self.sealed_identifier, self._place, settings.ENCRYPTION_KEYS)

    @property
    def _place(self) -> Place:
        return Place(self.tenant_id, self._meta.db_table, "sealed_identifier", self.id)


class ErasureStep(TenantModel):
    """What went in one transaction of an erasure, so that its manifest has everything even if it was interrupted.

    `rows` has the count and the ids by table, `kept` the count of what stays. `files` (name, sha256, size) is
    written before the first of them goes, and `files_gone_at` when the last has; until then `folders` are where
    they are.
    """

    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveIntegerField()
    session_row = models.UUIDField(null=True, blank=True)
    session_id = models.CharField(max_length=64, blank=True)
    rows = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    kept = models.JSONField(default=dict)
    folders = models.JSONField(default=list)
    files = models.JSONField(null=True, blank=True)
    files_gone_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["erasure", "number"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "erasure", "number"], name="one_step_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.number} of {self.erasure_id}"


class TenantExport(TenantModel):
    """Everything of a tenant in one file, which is there until `expires_at`. Its job has this id as its key."""

    asked_by = models.CharField(max_length=254)
    asked_at = models.DateTimeField(auto_now_add=True)
    mail_to = models.EmailField(blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    file = models.CharField(max_length=300, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    tables = ArrayField(models.CharField(max_length=100), default=list)

    class Meta(TenantModel.Meta):
        ordering = ["-asked_at", "-id"]

    def __str__(self) -> str:
        return f"Export of {self.asked_at:%Y-%m-%d %H:%M}"


class SigningKey(models.Model):
    """The platform's key for manifests (Ed25519), of no tenant. The newest signs; the public halves of all stay."""

    id = models.UUIDField(primary_key=True, editable=False)
    sealed_key = models.TextField(editable=False)
    public_key = models.BinaryField(max_length=32, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return bytes(self.public_key).hex()

    def unseal_key(self) -> str:
        """Raises Unsealable."""
        return unseal(self.sealed_key, self.place, settings.ENCRYPTION_KEYS)

    @property
    def place(self) -> Place:
        return Place(uuid.UUID(int=0), self._meta.db_table, "sealed_key", self.id)
