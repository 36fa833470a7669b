from django.core.validators import MinValueValidator
from django.db import models

from apps.core.models import TenantModel
from apps.limits.resolving import NAMES, PlanLimits
from apps.tenants.models import Membership

_AT_LEAST_ONE = [MinValueValidator(1)]


def _limit(words: str) -> "models.PositiveIntegerField[int | None, int | None]":
    return models.PositiveIntegerField(words, null=True, blank=True, validators=_AT_LEAST_ONE)


class TenantLimits(TenantModel):
    """What staff granted a tenant, in place of what its plan and the platform say. Empty: as they say."""

    sessions = _limit("sessions at the same time")
    events_per_second = _limit("client events a second")
    sessions_per_key = _limit("sessions at the same time, of one API key")
    events_per_second_per_key = _limit("client events a second, of one API key")
    sessions_per_address = _limit("sessions at the same time, from one address")
    requests_per_minute = _limit("REST requests a minute, of one API key")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        verbose_name = verbose_name_plural = "limits of a tenant"
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_row_of_limits_per_tenant")]

    def __str__(self) -> str:
        return "limits"

    @property
    def limits(self) -> PlanLimits:
        return PlanLimits(**{name: getattr(self, name) for name in NAMES})


class Limit(models.TextChoices):
    """What there can be more of."""

    SESSIONS = "sessions", "Sessions at the same time"
    EVENTS_PER_SECOND = "events_per_second", "Client events a second"
    SESSIONS_PER_KEY = "sessions_per_key", "Sessions at the same time, of one API key"
    EVENTS_PER_SECOND_PER_KEY = "events_per_second_per_key", "Client events a second, of one API key"
    SESSIONS_PER_ADDRESS = "sessions_per_address", "Sessions at the same time, from one address"
    REQUESTS_PER_MINUTE = "requests_per_minute", "REST requests a minute, of one API key"


class RequestState(models.TextChoices):
    OPEN = "open", "Waits for an answer"
    GRANTED = "granted", "Granted"
    DECLINED = "declined", "Declined"


class LimitRequest(TenantModel):
    """That a tenant wants a limit raised, and what staff said."""

    limit = models.CharField(max_length=30, choices=Limit)
    wanted = models.PositiveIntegerField(validators=_AT_LEAST_ONE)
    reason = models.TextField(max_length=2000)
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.OPEN, editable=False)
    answer = models.TextField(max_length=2000, blank=True)
    created_by = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at", "-id"]
        verbose_name = "request for a higher limit"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "limit"],
                condition=models.Q(state="open"),
                name="one_open_request_per_limit",
                violation_error_message="You asked for more of this already: wait for the answer.",
            )
        ]

    def __str__(self) -> str:
        return f"{Limit(self.limit).label}: {self.wanted}"
