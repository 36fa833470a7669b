from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.agents.models import AgentVersion
from apps.conversations.models import RealtimeSession
from apps.core.models import TenantModel

FORMAT = 1
"""The version of what `Transcript.entries` looks like; docs/transcripts.md has it."""


class Source(models.TextChoices):
    LOG = "log", "As heard in the session"
    RETRANSCRIBED = "retranscribed", "Heard once more, with a better model"


class Transcript(TenantModel):
    """What was said and done in a session that is over. `entries` are those of `apps.transcripts.entries`, as JSON.

    `words` counts those of users and assistants that were heard; `languages` has what recognisers reported or were
    told, the most spoken first.
    """

    session = models.OneToOneField(RealtimeSession, on_delete=models.CASCADE, related_name="transcript")
    entries = models.JSONField()
    languages = ArrayField(models.CharField(max_length=35), default=list, blank=True)
    words = models.PositiveIntegerField(default=0)
    is_redacted = models.BooleanField(default=False)
    source = models.CharField(max_length=13, choices=Source, default=Source.LOG)
    format = models.PositiveSmallIntegerField(default=FORMAT)
    made_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        pass

    def __str__(self) -> str:
        return f"Transcript of {self.session_id}"


class Outcome(models.TextChoices):
    """What became of what the user wanted."""

    RESOLVED = "resolved", "Resolved"
    UNRESOLVED = "unresolved", "Not resolved"
    TRANSFERRED = "transferred", "Handed over"
    ABANDONED = "abandoned", "Given up"
    UNKNOWN = "unknown", "Can't be told"


class Sentiment(models.TextChoices):
    """How the user felt about it."""

    POSITIVE = "positive", "Positive"
    NEUTRAL = "neutral", "Neutral"
    NEGATIVE = "negative", "Negative"
    MIXED = "mixed", "Mixed"
    UNKNOWN = "unknown", "Can't be told"


class Insights(TenantModel):
    """What came of a session. `data` are the agent's own fields, as its JSON schema describes them; `cost_micro` is
    what `model` took for telling, in micro-dollars."""

    session = models.OneToOneField(RealtimeSession, on_delete=models.CASCADE, related_name="insights")
    summary = models.TextField(blank=True)
    outcome = models.CharField(max_length=11, choices=Outcome, default=Outcome.UNKNOWN)
    sentiment = models.CharField(max_length=8, choices=Sentiment, default=Sentiment.UNKNOWN)
    data = models.JSONField(default=dict, blank=True)
    model = models.CharField(max_length=200)
    cost_micro = models.PositiveBigIntegerField(default=0)
    made_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        pass

    def __str__(self) -> str:
        return f"Insights into {self.session_id}"


class TurnTime(TenantModel):
    """Where the time of one spoken turn went, in ms; None for what didn't take place.

    `transcript_ms` is from the end of speech being noticed to the turn's words, `first_token_ms` from there to
    the model's first token, `first_audio_ms` from there to the first audio, `total_ms` all of it. Interrupted: its
    answer was cut short by the user. The rest is the session's, for those who group by it. Rows are many and small:
    a number is their key, and composite foreign keys cover the tenant too.
    """

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    tenant = models.ForeignKey(
        "tenants.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
        db_constraint=False,
        db_index=False,
    )
    session = models.ForeignKey(
        RealtimeSession,
        on_delete=models.CASCADE,
        related_name="turn_times",
        db_constraint=False,
        db_index=False,
    )
    number = models.PositiveIntegerField()  # from 1, in the session
    at = models.DateTimeField()  # when the user's speech ended
    item_id = models.TextField(blank=True)
    transcript_ms = models.PositiveIntegerField(null=True, blank=True)
    first_token_ms = models.PositiveIntegerField(null=True, blank=True)
    first_audio_ms = models.PositiveIntegerField(null=True, blank=True)
    total_ms = models.PositiveIntegerField(null=True, blank=True)
    interrupted = models.BooleanField(default=False)
    agent_version = models.ForeignKey(
        AgentVersion,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    model = models.CharField(max_length=200)
    language = models.CharField(max_length=35, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["session", "number"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "session", "number"], name="one_row_per_turn"),
        ]
        indexes = [
            models.Index(fields=["tenant", "at"], name="turns_by_time"),
            models.Index(fields=["tenant", "agent_version", "at"], name="turns_by_version"),
        ]

    def __str__(self) -> str:
        return f"Turn {self.number} of {self.session_id}"
