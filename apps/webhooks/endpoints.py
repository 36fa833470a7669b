"""Writes of endpoints and their secrets."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.audit import services as audit
from apps.core.outbound import require_address
from apps.core.tenancy import atomic
from apps.credentials.sealing import Unsealable
from apps.jobs.services import job_add
from apps.tenants.models import Membership
from apps.webhooks.models import Delivery, DeliveryState, Endpoint, EndpointSecret
from apps.webhooks.selectors import active_secrets

OVERLAP = timedelta(hours=24)  # in which a rotated secret still signs
MOST_ENDPOINTS = 20  # of a tenant
DISABLED_NOTICE = "webhooks.disabled_notice"  # a kind of job
_SECRET_BYTES = 32
_AUDITED = ("url", "description", "events", "is_enabled")


@dataclass(frozen=True, slots=True)
class CreatedEndpoint:
    endpoint: Endpoint
    signing_secret: str


@atomic()
def endpoint_create(
    *,
    url: str,
    description: str = "",
    events: Sequence[str] = (),
    created_by: Membership | None = None,
) -> CreatedEndpoint:
    """Raises ValidationError."""
    if Endpoint.objects.count() >= MOST_ENDPOINTS:
        raise ValidationError(
            f"A workspace can have at most {MOST_ENDPOINTS} endpoints: delete one that is not used."
        )
    endpoint = Endpoint(url=url, description=description, events=_sorted(events), created_by=created_by)
    _save(endpoint)
    secret = _new_secret(endpoint)
    audit.record(action="webhook.created", target=endpoint, after=audit.fields_of(endpoint, *_AUDITED))
    return CreatedEndpoint(endpoint, secret)


@atomic()
def endpoint_update(*, endpoint: Endpoint, url: str, description: str, events: Sequence[str]) -> Endpoint:
    """What waits goes to the new address. Raises ValidationError."""
    endpoint = Endpoint.objects.select_for_update(no_key=True).get(id=endpoint.id)
    before = audit.fields_of(endpoint, *_AUDITED)
    endpoint.url, endpoint.description, endpoint.events = url, description, _sorted(events)
    _save(endpoint)
    after = audit.fields_of(endpoint, *_AUDITED)
    audit.record(action="webhook.updated", target=endpoint, before=before, after=after)
    return endpoint


@atomic()
def endpoint_delete(*, endpoint: Endpoint) -> None:
    """With its deliveries."""
    audit.record(action="webhook.deleted", target=endpoint, before=audit.fields_of(endpoint, *_AUDITED))
    endpoint.delete()


@atomic()
def endpoint_enable(*, endpoint: Endpoint) -> Endpoint:
    """It is told of what happens from now on. What was cancelled meanwhile can be sent again one by one."""
    endpoint = Endpoint.objects.select_for_update(no_key=True).get(id=endpoint.id)
    if not endpoint.is_enabled:
        endpoint.is_enabled, endpoint.disabled_at, endpoint.disabled_reason = True, None, ""
        endpoint.failing_since = None
        endpoint.save()
        audit.record(action="webhook.enabled", target=endpoint)
    return endpoint


@atomic()
def endpoint_disable(*, endpoint: Endpoint, reason: str = "", now: datetime | None = None) -> Endpoint:
    """It is told of nothing any more, and what waits is cancelled. With a `reason`, which is a sentence, it is not
    a member who wants that: those who may connect are told by mail."""
    now = now or timezone.now()
    endpoint = Endpoint.objects.select_for_update(no_key=True).get(id=endpoint.id)
    if not endpoint.is_enabled:
        return endpoint
    endpoint.is_enabled, endpoint.disabled_at, endpoint.disabled_reason = False, now, reason
    endpoint.save()
    Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING).update(
        state=DeliveryState.CANCELLED, finished_at=now
    )
    audit.record(action="webhook.disabled", target=endpoint, after={"reason": reason} if reason else None)
    if reason:
        job_add(
            kind=DISABLED_NOTICE, key=f"{endpoint.id}:{now:%Y%m%dT%H%M%S}", arguments={"id": str(endpoint.id)}
        )
    return endpoint


@atomic()
def endpoint_secret_rotate(*, endpoint: Endpoint, overlap: timedelta = OVERLAP) -> str:
    """A new signing secret. The one before signs too for as long as `overlap`; those before that end now. Raises
    ValidationError."""
    endpoint = Endpoint.objects.select_for_update(no_key=True).get(id=endpoint.id)
    now = timezone.now()
    newest = active_secrets(endpoint, now)[:1]
    EndpointSecret.objects.filter(endpoint=endpoint).exclude(id__in=[row.id for row in newest]).delete()
    EndpointSecret.objects.filter(endpoint=endpoint).update(expires_at=now + overlap)
    secret = _new_secret(endpoint)
    audit.record(action="webhook.secret_rotated", target=endpoint)
    return secret


@atomic()
def endpoint_secret_reveal(*, endpoint: Endpoint) -> str:
    """The newest. Raises ValidationError if it can't be decrypted."""
    newest = next(iter(active_secrets(endpoint)), None)
    if newest is None:
        raise ValidationError("There is no signing secret: rotate it, and there is one.")
    try:
        secret = newest.unseal_key() or ""
    except Unsealable as error:
        raise ValidationError(f"The signing secret can't be decrypted: rotate it. {error}") from None
    audit.record(action="webhook.secret_revealed", target=endpoint)
    return secret


def _sorted(events: Sequence[str]) -> list[str]:
    return sorted(set(events))


def _save(endpoint: Endpoint) -> None:
    """Raises ValidationError."""
    endpoint.claim()
    endpoint.full_clean()
    require_address(endpoint.url, "url")
    endpoint.save()


def _new_secret(endpoint: Endpoint) -> str:
    """In the form of Standard Webhooks."""
    text = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    row = EndpointSecret(endpoint=endpoint)
    row.claim()
    try:
        row.seal_key(text)
    except Unsealable as error:
        raise ValidationError(f"Secrets can't be kept here. {error}") from None
    row.save()
    return text
