import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import EllipsisType
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from apps.audit.services import fields_of, record
from apps.core.tenancy import atomic
from apps.customers.models import Customer
from apps.keys import secrets
from apps.keys.callers import networks_of, origins_of
from apps.keys.models import ApiKey, ClientSecret, Environment, Scope
from apps.keys.scopes import FOR_APPS
from apps.tenants.models import Membership
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership

LAST_USED_STEP = timedelta(minutes=1)
LONGEST_OVERLAP = timedelta(days=30)
KEEP_EXPIRED = timedelta(days=1)  # a client secret's, so that its user still learns that it has expired

_AUDITED = (
    "name",
    "environment",
    "realtime_only",
    "scopes",
    "expires_at",
    "allowed_addresses",
    "allowed_origins",
    "sessions_limit",
    "events_per_second_limit",
    "customer",
)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """`text` is the only copy of the key."""

    key: ApiKey
    text: str


@dataclass(frozen=True, slots=True)
class CreatedClientSecret:
    """`text` is the only copy of the secret."""

    secret: ClientSecret
    text: str


@atomic()
def api_key_create(
    *,
    name: str,
    scopes: Collection[str] = FOR_APPS,
    environment: str = Environment.LIVE,
    realtime_only: bool = False,
    expires_at: datetime | None = None,
    allowed_addresses: Iterable[str] = (),
    allowed_origins: Iterable[str] = (),
    sessions_limit: int | None = None,
    events_per_second_limit: int | None = None,
    customer: Customer | None = None,
    created_by: Membership | None = None,
    grantable: Collection[str] | None = None,
) -> CreatedKey:
    """Makes a key of the current tenant, or of one of its customers. `grantable` are the scopes that its maker may
    give, None for all. Raises ValidationError."""
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": "Choose a time in the future."})
    key = ApiKey(
        name=name,
        environment=environment,
        realtime_only=realtime_only,
        expires_at=expires_at,
        sessions_limit=sessions_limit,
        events_per_second_limit=events_per_second_limit,
        customer=customer,
        created_by=created_by,
    )
    _set_scopes(key, scopes, grantable)
    key.allowed_addresses = networks_of(allowed_addresses, field="allowed_addresses")
    key.allowed_origins = origins_of(allowed_origins, field="allowed_origins")
    text = _issue(key)
    record(action="api_key.created", target=key, after=fields_of(key, *_AUDITED))
    return CreatedKey(key, text)


@atomic()
def api_key_update(
    *,
    key: ApiKey,
    name: str | None = None,
    scopes: Collection[str] | None = None,
    allowed_addresses: Iterable[str] | None = None,
    allowed_origins: Iterable[str] | None = None,
    sessions_limit: int | None | EllipsisType = ...,
    events_per_second_limit: int | None | EllipsisType = ...,
    grantable: Collection[str] | None = None,
) -> ApiKey:
    """What is None stays; of limits, where None is no limit, what is not given. Sessions that run go on. Raises
    ValidationError, also for a key that is over."""
    _require_valid(key)
    before = fields_of(key, *_AUDITED)
    if name is not None:
        key.name = name
    if scopes is not None:
        _set_scopes(key, scopes, None if grantable is None else {*grantable, *key.scopes})
    if allowed_addresses is not None:
        key.allowed_addresses = networks_of(allowed_addresses, field="allowed_addresses")
    if allowed_origins is not None:
        key.allowed_origins = origins_of(allowed_origins, field="allowed_origins")
    if not isinstance(sessions_limit, EllipsisType):
        key.sessions_limit = sessions_limit
    if not isinstance(events_per_second_limit, EllipsisType):
        key.events_per_second_limit = events_per_second_limit
    key.full_clean()
    key.save()
    record(action="api_key.updated", target=key, before=before, after=fields_of(key, *_AUDITED))
    return key


@atomic()
def api_key_rotate(
    *,
    key: ApiKey,
    overlap: timedelta,
    created_by: Membership | None = None,
    grantable: Collection[str] | None = None,
) -> CreatedKey:
    """Makes another key that is allowed the same and lives as long, and lets this one expire when `overlap` is
    over. Raises ValidationError."""
    _require_valid(key)
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        days = LONGEST_OVERLAP.days
        raise ValidationError({"overlap_hours": f"Both keys can work for 0 hours to {days} days."})
    _set_scopes(key, key.scopes, grantable)  # who rotates a key learns its successor
    now = timezone.now()
    successor = ApiKey(
        name=key.name,
        environment=key.environment,
        realtime_only=key.realtime_only,
        scopes=key.scopes,
        allowed_addresses=key.allowed_addresses,
        allowed_origins=key.allowed_origins,
        sessions_limit=key.sessions_limit,
        events_per_second_limit=key.events_per_second_limit,
        customer_id=key.customer_id,
        expires_at=key.expires_at and now + (key.expires_at - key.created_at),
        created_by=created_by,
    )
    text = _issue(successor)
    before = fields_of(key, "expires_at")
    key.expires_at = min(filter(None, (key.expires_at, now + overlap)))
    key.save(update_fields=["expires_at"])
    after = {**fields_of(key, "expires_at"), "successor": successor.masked}
    record(action="api_key.rotated", target=key, before=before, after=after)
    return CreatedKey(successor, text)


@atomic()
def api_key_revoke(*, key: ApiKey) -> None:
    """The key and the client secrets made with it stop working at once, and within seconds the sessions that were
    opened with either end. Revoking again changes nothing."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        record(action="api_key.revoked", target=key, after=fields_of(key, "revoked_at"))


@atomic()
def api_key_mark_used(*, key_id: uuid.UUID, at: datetime, address: str | None = None) -> None:
    """Writes at most once per LAST_USED_STEP, however often it is called."""
    ApiKey.objects.filter(_not_used_since(at), id=key_id).update(last_used_at=at, last_used_address=address)


def client_secret_create(
    *,
    key_id: uuid.UUID,
    session_preset: str,
    expires_after: timedelta,
    safety_identifier: str = "",
    customer_id: uuid.UUID | None = None,
) -> CreatedClientSecret:
    """Makes a client secret of the current tenant with one of its keys, perhaps for one of its customers. Raises
    ValidationError."""
    return _client_secret(
        expires_after,
        key_id=key_id,
        session_preset=session_preset,
        safety_identifier=safety_identifier,
        customer_id=customer_id,
    )


def client_secret_for_person(
    *, membership: PersonalMembership, session_preset: str, expires_after: timedelta
) -> CreatedClientSecret:
    """Makes a client secret for a member's own browser, worth something for as long as they may talk here. Raises
    ValidationError."""
    if not membership.allows(May.TALK):
        raise ValidationError(f"Your role in {membership.tenant_name} does not allow you to talk to agents.")
    return _client_secret(
        expires_after, created_by_id=membership.membership_id, session_preset=session_preset
    )


@atomic()
def _client_secret(expires_after: timedelta, **fields: Any) -> CreatedClientSecret:
    made = secrets.new_key(secrets.Kind.CLIENT_SECRET, settings.API_KEY_PEPPERS)
    secret = ClientSecret(
        lookup=made.lookup,
        digest=made.digest,
        pepper=made.pepper,
        expires_at=timezone.now() + expires_after,
        **fields,
    )
    secret.claim()
    secret.full_clean()
    secret.save()
    return CreatedClientSecret(secret, made.text)


aclient_secret_create = database_sync_to_async(client_secret_create, thread_sensitive=False)


@atomic()
def client_secret_mark_used(*, secret_id: uuid.UUID, at: datetime) -> None:
    """Writes at most once per LAST_USED_STEP, however often it is called."""
    ClientSecret.objects.filter(_not_used_since(at), id=secret_id).update(last_used_at=at)


@atomic()
def client_secret_purge() -> int:
    """Deletes what expired more than KEEP_EXPIRED ago, and says how many those were."""
    deleted, _ = ClientSecret.objects.filter(expires_at__lt=timezone.now() - KEEP_EXPIRED).delete()
    return deleted


def _issue(key: ApiKey) -> str:
    """Gives a new key its secret, and saves it. Raises ValidationError."""
    made = secrets.new_key(secrets.Kind.API_KEY, settings.API_KEY_PEPPERS, environment=key.environment)
    key.lookup, key.digest, key.pepper, key.last_four = made.lookup, made.digest, made.pepper, made.text[-4:]
    key.claim()
    key.full_clean()
    key.save()
    return made.text


def _set_scopes(key: ApiKey, scopes: Collection[str], grantable: Collection[str] | None) -> None:
    """Raises ValidationError."""
    if not scopes:
        raise ValidationError({"scopes": "Choose at least one scope."})
    if key.realtime_only and set(scopes) != {Scope.REALTIME}:
        raise ValidationError({"scopes": "A realtime-only key has the scope 'realtime' and no other."})
    if key.customer_id is not None and (beyond := sorted(set(scopes) - set(FOR_APPS))):
        raise ValidationError(
            {
                "scopes": f"A customer's key opens sessions and lists models; it can't have {', '.join(beyond)}."
            }
        )
    if grantable is not None and (beyond := sorted(set(scopes) - set(grantable))):
        raise ValidationError({"scopes": f"You can't give a key what you may not do: {', '.join(beyond)}."})
    key.scopes = [scope for scope in Scope if scope in scopes] + [s for s in scopes if s not in Scope.values]


def _require_valid(key: ApiKey) -> None:
    """Raises ValidationError."""
    if not key.is_valid:
        raise ValidationError("This key was revoked or has expired: make another.")


def _not_used_since(at: datetime) -> Q:
    """A condition, for two connections that come at the same time."""
    return Q(last_used_at=None) | Q(last_used_at__lt=at - LAST_USED_STEP)
