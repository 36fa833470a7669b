"""What an API key or a client secret allows whoever holds it: from its text to a grant, or a refusal."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.utils import timezone

from apps.core.tenancy import tenant_context
from apps.keys import secrets
from apps.keys.callers import Caller
from apps.keys.models import Scope
from apps.keys.selectors import ClientSecretRecord, KeyRecord, api_key_lookup, client_secret_lookup
from apps.keys.services import LAST_USED_STEP, api_key_mark_used, client_secret_mark_used
from apps.tenants.models import Role
from apps.tenants.roles import ALLOWED, May

ANYONE = Caller()

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GrantedCustomer:
    """On whose account, of a tenant's own customers, sessions are. The limits are the customer's own."""

    id: uuid.UUID
    external_id: str
    sessions_limit: int | None = None
    events_per_second_limit: int | None = None


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a valid API key or client secret allows, and the defaults of its tenant; an empty default means the
    platform's. A client secret also brings the session it opens (JSON, as `session.update` takes it) and, unless
    empty, who uses it; `key_id` is then the key that made it, or None if a person did. The limits are the key's
    own. With a `customer` it opens sessions on their account and no other."""

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
    key_name: str = ""
    sessions_limit: int | None = None
    events_per_second_limit: int | None = None
    customer: GrantedCustomer | None = None

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes


class KeyRefused(Exception):
    """This key or client secret opens nothing; the message says why and what to do."""


def api_key_find(key_text: str) -> KeyRecord | None:
    """The record of a valid key. None if it is malformed, unknown, wrong, revoked or expired."""
    lookup = secrets.lookup_of(key_text, secrets.Kind.API_KEY)
    record = api_key_lookup(lookup) if lookup else None
    if record is None or not _proves(key_text, record) or record.revoked_at or _is_over(record.expires_at):
        return None
    return record


def api_key_authenticate(key_text: str, caller: Caller = ANYONE) -> KeyGrant:
    """What a valid key allows. Only who has a right one learns that it may not be used from where they are. Writes,
    one row, only if the key was not used for LAST_USED_STEP. Raises KeyRefused."""
    record = api_key_find(key_text)
    if record is None:
        raise KeyRefused("This API key is not valid: it is wrong, revoked or expired.")
    _require_endpoint(caller, record.tenant_slug, "API key")
    _require_origin(caller, record.allowed_origins, "API key")
    if record.allowed_addresses and not caller.is_within(record.allowed_addresses):
        raise KeyRefused(
            f"This API key may not be used from the address {caller.address}: add it to the addresses that the "
            "key allows, or use another key."
        )
    customer = _customer(record, "API key")
    now = timezone.now()
    if _is_stale(record.last_used_at, now):
        with tenant_context(record.tenant_id):
            api_key_mark_used(key_id=record.key_id, at=now, address=caller.address)
    return KeyGrant(
        tenant_id=record.tenant_id,
        tenant_slug=record.tenant_slug,
        key_id=record.key_id,
        key_name=record.key_name,
        sessions_limit=record.sessions_limit,
        events_per_second_limit=record.events_per_second_limit,
        customer=customer,
        scopes=frozenset(record.scopes),
        default_model=record.default_model,
        default_transcription_model=record.default_transcription_model,
        default_speech_model=record.default_speech_model,
        default_voice=record.default_voice,
    )


def client_secret_authenticate(text: str, caller: Caller = ANYONE, *, outlived: bool = False) -> KeyGrant:
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
    _require_endpoint(caller, record.tenant_slug, "client secret")
    _require_origin(caller, record.allowed_origins or (), "client secret")
    customer = _customer(record, "client secret")
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
        sessions_limit=record.sessions_limit,
        events_per_second_limit=record.events_per_second_limit,
        customer=customer,
    )


def authenticate(text: str, caller: Caller = ANYONE, *, outlived: bool = False) -> KeyGrant:
    """What an API key or a client secret allows the caller, which may be `outlived`. Raises KeyRefused."""
    if text.startswith(secrets.Kind.CLIENT_SECRET):
        return client_secret_authenticate(text, caller, outlived=outlived)
    return api_key_authenticate(text, caller)


async def aauthenticate(text: str, caller: Caller = ANYONE, *, outlived: bool = False) -> KeyGrant:
    """`authenticate` in a thread of its own, so that a slow query doesn't hold up other sessions."""
    call = database_sync_to_async(authenticate, thread_sensitive=False)
    grant: KeyGrant = await call(text, caller, outlived=outlived)
    return grant


def _require_endpoint(caller: Caller, slug: str, what: str) -> None:
    """Raises KeyRefused."""
    if caller.endpoint not in (None, slug):
        raise KeyRefused(
            f"This {what} belongs to another workspace than this endpoint: use the address that its own "
            "workspace shows, or the platform's."
        )


def _require_origin(caller: Caller, origins: Collection[str], what: str) -> None:
    """Raises KeyRefused."""
    if origins and not caller.is_page_of(origins):
        raise KeyRefused(
            f"This {what} may not be used by pages of {caller.origin}: add that origin to those that the API key "
            "allows."
        )


def _customer(record: KeyRecord | ClientSecretRecord, what: str) -> GrantedCustomer | None:
    """Raises KeyRefused for one that is not active."""
    if record.customer_id is None:
        return None
    if not record.customer_is_active:
        raise KeyRefused(
            f"This {what} is for the customer {record.customer_external_id!r}, who is not active: activate them on "
            "the page Customers."
        )
    return GrantedCustomer(
        record.customer_id,
        record.customer_external_id or "",
        record.customer_sessions_limit,
        record.customer_events_per_second_limit,
    )


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
