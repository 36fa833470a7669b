import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from apps.core.tenancy import atomic, tenant_context
from apps.keys import secrets
from apps.keys.models import ApiKey, ClientSecret, Scope
from apps.keys.selectors import ClientSecretRecord, KeyRecord, api_key_lookup, client_secret_lookup
from apps.tenants.models import Membership, Role
from apps.tenants.roles import ALLOWED, May
from apps.tenants.selectors import PersonalMembership

LAST_USED_STEP = timedelta(minutes=1)
KEEP_EXPIRED = timedelta(days=1)  # a client secret's, so that its user still learns that it has expired

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a valid API key or client secret allows, and the defaults of its tenant; an empty default means the
    platform's. A client secret also brings the session it opens (JSON, as `session.update` takes it) and, unless
    empty, who uses it; `key_id` is then the key that made it, or None if a person did."""

    tenant_id: uuid.UUID
    tenant_slug: str
    key_id: uuid.UUID | None
    scopes: frozenset[str]
    default_model: str
    default_transcription_model: str
    default_speech_model: str
    default_voice: str
    client_secret_id: uuid.UUID | None = None
    session_preset: str | None = None
    safety_identifier: str = ""

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes


class KeyRefused(Exception):
    """This key or client secret opens nothing; the message says why and what to do."""


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
    scopes: Sequence[str] = tuple(Scope),
    expires_at: datetime | None = None,
    created_by: Membership | None = None,
) -> CreatedKey:
    """Makes a key of the current tenant. Raises ValidationError."""
    if not scopes:
        raise ValidationError({"scopes": "Choose at least one scope."})
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": "Choose a time in the future."})
    made = secrets.new_key(secrets.Kind.API_KEY, settings.API_KEY_PEPPERS)
    key = ApiKey(
        name=name,
        lookup=made.lookup,
        digest=made.digest,
        pepper=made.pepper,
        last_four=made.text[-4:],
        scopes=list(scopes),
        expires_at=expires_at,
        created_by=created_by,
    )
    key.claim()
    key.full_clean()
    key.save()
    return CreatedKey(key, made.text)


@atomic()
def api_key_revoke(*, key: ApiKey) -> None:
    """The key and the client secrets made with it stop working at once; sessions that run go on. Revoking again
    changes nothing."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])


@atomic()
def api_key_mark_used(*, key_id: uuid.UUID, at: datetime) -> None:
    """Writes at most once per LAST_USED_STEP, however often it is called."""
    ApiKey.objects.filter(_not_used_since(at), id=key_id).update(last_used_at=at)


def api_key_find(key_text: str) -> KeyRecord | None:
    """The record of a valid key. None if it is malformed, unknown, wrong, revoked or expired."""
    lookup = secrets.lookup_of(key_text, secrets.Kind.API_KEY)
    record = api_key_lookup(lookup) if lookup else None
    if record is None or not _proves(key_text, record) or record.revoked_at or _is_over(record.expires_at):
        return None
    return record


def api_key_authenticate(key_text: str) -> KeyGrant | None:
    """What a valid key allows, or None. Writes, one row, only if the key was not used for LAST_USED_STEP."""
    record = api_key_find(key_text)
    if record is None:
        return None
    now = timezone.now()
    if _is_stale(record.last_used_at, now):
        with tenant_context(record.tenant_id):
            api_key_mark_used(key_id=record.key_id, at=now)
    return KeyGrant(
        tenant_id=record.tenant_id,
        tenant_slug=record.tenant_slug,
        key_id=record.key_id,
        scopes=frozenset(record.scopes),
        default_model=record.default_model,
        default_transcription_model=record.default_transcription_model,
        default_speech_model=record.default_speech_model,
        default_voice=record.default_voice,
    )


def client_secret_create(
    *, key_id: uuid.UUID, session_preset: str, expires_after: timedelta, safety_identifier: str = ""
) -> CreatedClientSecret:
    """Makes a client secret of the current tenant with one of its keys. Raises ValidationError."""
    return _client_secret(
        expires_after, key_id=key_id, session_preset=session_preset, safety_identifier=safety_identifier
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


def client_secret_authenticate(text: str, *, outlived: bool = False) -> KeyGrant:
    """What a client secret allows. Only who has a right one learns what is wrong with it. Raises KeyRefused.

    `outlived`: one that has expired will do, for a session that it has opened.
    """
    lookup = secrets.lookup_of(text, secrets.Kind.CLIENT_SECRET)
    record = client_secret_lookup(lookup) if lookup else None
    if record is None or not _proves(text, record):
        raise KeyRefused("This client secret is not valid: mint another with an API key.")
    if _is_over(record.expires_at) and not outlived:
        raise KeyRefused("This client secret has expired: mint another.")
    if record.key_id is None and not _may_talk(record):
        raise KeyRefused("Whoever made this client secret may not talk to agents here any more.")
    if record.key_revoked_at or _is_over(record.key_expires_at):
        raise KeyRefused(
            "The API key that minted this client secret was revoked or has expired: mint one with another key."
        )
    now = timezone.now()
    if _is_stale(record.last_used_at, now):
        with tenant_context(record.tenant_id):
            client_secret_mark_used(secret_id=record.secret_id, at=now)
    return KeyGrant(
        tenant_id=record.tenant_id,
        tenant_slug=record.tenant_slug,
        key_id=record.key_id,
        scopes=frozenset({Scope.REALTIME}),
        default_model=record.default_model,
        default_transcription_model=record.default_transcription_model,
        default_speech_model=record.default_speech_model,
        default_voice=record.default_voice,
        client_secret_id=record.secret_id,
        session_preset=record.session_preset,
        safety_identifier=record.safety_identifier,
    )


def authenticate(text: str, *, outlived: bool = False) -> KeyGrant:
    """What an API key or a client secret allows, which may be `outlived`. Raises KeyRefused."""
    if text.startswith(secrets.Kind.CLIENT_SECRET):
        return client_secret_authenticate(text, outlived=outlived)
    grant = api_key_authenticate(text)
    if grant is None:
        raise KeyRefused("This API key is not valid: it is wrong, revoked or expired.")
    return grant


async def aauthenticate(text: str, *, outlived: bool = False) -> KeyGrant:
    """`authenticate` in a thread of its own, so that a slow query doesn't hold up other sessions."""
    call = database_sync_to_async(authenticate, thread_sensitive=False)
    grant: KeyGrant = await call(text, outlived=outlived)
    return grant


def _proves(text: str, record: KeyRecord | ClientSecretRecord) -> bool:
    """Whether this is the text that the record's digest was made of."""
    pepper = settings.API_KEY_PEPPERS.get(record.pepper)
    if pepper is None:
        log.warning("api_key_pepper_missing", pepper=record.pepper)
        return False
    return secrets.matches(text, pepper, bytes(record.digest))


def _may_talk(record: ClientSecretRecord) -> bool:
    """Whether the person who made it still may."""
    role = record.person_role
    return role is not None and record.person_is_active is True and May.TALK in ALLOWED[Role(role)]


def _is_over(end: datetime | None) -> bool:
    return end is not None and end <= timezone.now()


def _is_stale(last_used_at: datetime | None, now: datetime) -> bool:
    return last_used_at is None or last_used_at < now - LAST_USED_STEP


def _not_used_since(at: datetime) -> Q:
    """`_is_stale` as a condition, for two connections that come at the same time."""
    return Q(last_used_at=None) | Q(last_used_at__lt=at - LAST_USED_STEP)
