import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from apps.core.tenancy import atomic, tenant_context
from apps.keys import secrets
from apps.keys.models import ApiKey, Scope
from apps.keys.selectors import KeyRecord, api_key_lookup
from apps.tenants.models import Membership

LAST_USED_STEP = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a valid API key allows, and the defaults of its tenant; an empty default means the platform's."""

    tenant_id: uuid.UUID
    tenant_slug: str
    key_id: uuid.UUID
    scopes: frozenset[str]
    default_model: str
    default_transcription_model: str
    default_speech_model: str
    default_voice: str

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """`text` is the only copy of the key."""

    key: ApiKey
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
    made = secrets.new_key()
    pepper = secrets.current_pepper(settings.API_KEY_PEPPERS)
    key = ApiKey(
        name=name,
        lookup=made.lookup,
        digest=secrets.digest(made.text, settings.API_KEY_PEPPERS[pepper]),
        pepper=pepper,
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
    """The key stops working at once; sessions that run go on. Revoking again changes nothing."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])


@atomic()
def api_key_mark_used(*, key_id: uuid.UUID, at: datetime) -> None:
    """Writes at most once per LAST_USED_STEP, however often it is called."""
    stale = Q(last_used_at=None) | Q(last_used_at__lt=at - LAST_USED_STEP)
    ApiKey.objects.filter(stale, id=key_id).update(last_used_at=at)


def api_key_find(key_text: str) -> KeyRecord | None:
    """The record of a valid key. None if it is malformed, unknown, wrong, revoked or expired."""
    lookup = secrets.lookup_of(key_text)
    record = api_key_lookup(lookup) if lookup else None
    return record if record and _is_valid(record, key_text) else None


def api_key_authenticate(key_text: str) -> KeyGrant | None:
    """What a valid key allows, or None. Writes, one row, only if the key was not used for LAST_USED_STEP."""
    record = api_key_find(key_text)
    if record is None:
        return None
    now = timezone.now()
    if record.last_used_at is None or record.last_used_at < now - LAST_USED_STEP:
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


async def aauthenticate(key_text: str) -> KeyGrant | None:
    """`api_key_authenticate` in a thread of its own, so that a slow query doesn't hold up other sessions."""
    authenticate = database_sync_to_async(api_key_authenticate, thread_sensitive=False)
    grant: KeyGrant | None = await authenticate(key_text)
    return grant


def _is_valid(record: KeyRecord, key_text: str) -> bool:
    pepper = settings.API_KEY_PEPPERS.get(record.pepper)
    if pepper is None:
        log.warning("api_key_pepper_missing", pepper=record.pepper)
        return False
    return (
        secrets.matches(key_text, pepper, bytes(record.digest))
        and record.revoked_at is None
        and (record.expires_at is None or record.expires_at > timezone.now())
    )
