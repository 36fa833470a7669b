from datetime import timedelta
from statistics import median

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.utils import timezone

from apps.agents.models import AgentVersion
from apps.core.models import TenantModel
from apps.customers.models import Customer
from apps.keys.models import ApiKey


class SessionKind(models.TextChoices):
    REALTIME = "realtime", "Conversation"
    TRANSCRIPTION = "transcription", "Transcription only"


class EndReason(models.TextChoices):
    """Why a session is over, in words for its tenant."""

    CLIENT_CLOSED = "client_closed", "The client closed the connection"
    CONNECTION_LOST = "connection_lost", "The connection was lost"
    HUNG_UP = "hung_up", "The session was hung up"
    KEY_REVOKED = "key_revoked", "Its API key was revoked"
    BALANCE_USED_UP = "balance_used_up", "The balance or a spending limit was used up"
    EXPIRED = "expired", "The session reached its longest duration"
    TOO_SLOW = "too_slow", "The client read too slowly"
    REFUSED = "refused", "The session was refused"
    SERVER_STOPPED = "server_stopped", "The server was stopped or restarted"
    SERVER_ERROR = "server_error", "An error of ours"
    CRASHED = "crashed", "The server's process was lost"


class RealtimeSession(TenantModel):
    """One session. `session_id` is its id in the protocol; what comes to pass in it are its events. `agent_version`
    is that of the agent it was opened with, and None for a model or a draft, whose name is in `model`.

    While it is open, `alive_at` and the totals follow it by half a minute at most. `assistant_audio_ms` is what was
    sent, heard or not. `cost_micro` is what its usage records come to, in micro-dollars; `response_ms` how long
    each spoken turn waited for the first audio of its answer.
    """

    session_id = models.CharField(max_length=64)
    call_id = models.CharField(max_length=64, blank=True)
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    model = models.CharField(max_length=200)
    agent_version = models.ForeignKey(
        AgentVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="sessions"
    )
    kind = models.CharField(max_length=13, choices=SessionKind, default=SessionKind.REALTIME)
    dialect = models.CharField(max_length=20, default="ga")
    safety_identifier = models.CharField(max_length=200, blank=True)

    started_at = models.DateTimeField()
    alive_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=15, choices=EndReason, blank=True)
    close_code = models.PositiveSmallIntegerField(null=True, blank=True)

    turns = models.PositiveIntegerField(default=0)
    responses = models.PositiveIntegerField(default=0)
    interruptions = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    user_audio_ms = models.PositiveBigIntegerField(default=0)
    assistant_audio_ms = models.PositiveBigIntegerField(default=0)
    cost_micro = models.PositiveBigIntegerField(default=0)
    response_ms = ArrayField(models.PositiveIntegerField(), default=list, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "session_id"], name="one_row_per_session"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-started_at", "-id"], name="sessions_by_start"),
            models.Index(fields=["alive_at"], condition=models.Q(ended_at=None), name="open_sessions"),
        ]

    def __str__(self) -> str:
        return self.session_id

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    @property
    def lasted(self) -> timedelta:
        """So far, while it is open."""
        return (self.ended_at or timezone.now()) - self.started_at

    @property
    def usual_response_ms(self) -> float | None:
        """The median; None if no spoken turn was answered."""
        return median(self.response_ms) if self.response_ms else None


class Direction(models.TextChoices):
    """Who says it. The engine's own are what no event of the protocol tells."""

    CLIENT = "client", "Client"
    SERVER = "server", "Server"
    ENGINE = "engine", "Engine"


PROBLEMS = (
    "error",
    "model.failed",
    "turn.not_transcribed",
    "response.mcp_call.failed",
    "mcp_list_tools.failed",
)
"""Types of events that tell of something that went wrong, each once."""


class SessionEvent(TenantModel):
    """One line of a session's log; see `antiphon.engine.observers.log` for what is one.

    Rows are many and small: a number is their key, one foreign key (to the session, within the tenant) covers the
    tenant too, and one index finds them.
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
        related_name="events",
        db_constraint=False,
        db_index=False,
    )
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    direction = models.CharField(max_length=6, choices=Direction)
    type = models.TextField()
    response_id = models.TextField(null=True, blank=True)
    item_id = models.TextField(null=True, blank=True)
    body = models.JSONField()

    class Meta(TenantModel.Meta):
        ordering = ["session", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "session", "seq"], name="session_events_in_order"),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "-at"], condition=models.Q(type__in=PROBLEMS), name="problems_by_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"


class SessionText(TenantModel):
    """All that was said in a session that is over, to be found by its words. Written from the session's log."""

    session = models.OneToOneField(RealtimeSession, on_delete=models.CASCADE, related_name="said")
    text = models.TextField()
    words = models.GeneratedField(
        expression=SearchVector("text", config="simple"),  # no language's own: sessions are in any
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta(TenantModel.Meta):
        indexes = [GinIndex(fields=["words"], name="sessions_by_words")]

    def __str__(self) -> str:
        return f"What was said in {self.session_id}"
