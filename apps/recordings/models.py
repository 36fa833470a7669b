from datetime import timedelta

from django.db import models

from apps.core.models import TenantModel

SAMPLE_RATE = 24_000  # Hz


class RecordingState(models.TextChoices):
    """What has become of the sound of a session, in words for its tenant."""

    RECORDING = "recording", "Being recorded"
    PROCESSING = "processing", "Being prepared"
    READY = "ready", "Ready"
    FAILED = "failed", "Could not be prepared"
    DELETED = "deleted", "Deleted"


class Recording(TenantModel):
    """The sound of a session: the user left, the assistant right, as it was played.

    While it is made it is a row of parts in the storage, which one after the other are an Ogg stream; once all are
    there it is `processing`. `timeline` tells where the session's audio is in it: {"user": [[ms of all audio that
    came in, ms of the recording], ...], "items": {item: [[ms of the item, ms of the recording, ms long], ...]}}.
    The recording begins when its session does.
    """

    session = models.OneToOneField(
        "conversations.RealtimeSession", on_delete=models.CASCADE, related_name="recording"
    )
    state = models.CharField(max_length=10, choices=RecordingState, default=RecordingState.RECORDING)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveBigIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    sample_rate = models.PositiveIntegerField(default=SAMPLE_RATE)
    parts = models.PositiveIntegerField(default=0)
    timeline = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        ordering = ["-started_at", "-id"]
        indexes = [
            models.Index(
                fields=["started_at"],
                condition=models.Q(state=RecordingState.RECORDING),
                name="recordings_being_made",
            ),
        ]

    def __str__(self) -> str:
        return f"Recording of {self.session_id}"

    @property
    def lasted(self) -> timedelta:
        return timedelta(milliseconds=self.duration_ms)

    @property
    def is_ready(self) -> bool:
        return self.state == RecordingState.READY
