import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections
from django.db.models import QuerySet

from apps.core.tenancy import current_database
from apps.keys.models import ApiKey


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What the lookup of one key returns, in the order of the columns of `api_key_lookup`."""

    key_id: uuid.UUID
    digest: bytes
    pepper: int
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    tenant_id: uuid.UUID
    tenant_slug: str
    default_model: str
    default_transcription_model: str
    default_speech_model: str
    default_voice: str


def api_key_lookup(lookup: str) -> KeyRecord | None:
    """Finds a key before its tenant is known, by a function that bypasses row security for one row."""
    row = _call("api_key_lookup", lookup)
    return row and KeyRecord(*row)


@dataclass(frozen=True, slots=True)
class ClientSecretRecord:
    """What the lookup of one client secret returns, in the order of the columns of `client_secret_lookup`."""

    secret_id: uuid.UUID
    digest: bytes
    pepper: int
    session_preset: str
    safety_identifier: str
    expires_at: datetime
    last_used_at: datetime | None
    key_id: uuid.UUID
    key_expires_at: datetime | None
    key_revoked_at: datetime | None
    tenant_id: uuid.UUID
    tenant_slug: str
    default_model: str
    default_transcription_model: str
    default_speech_model: str
    default_voice: str


def client_secret_lookup(lookup: str) -> ClientSecretRecord | None:
    """Finds a client secret before its tenant is known, as `api_key_lookup` does a key."""
    row = _call("client_secret_lookup", lookup)
    return row and ClientSecretRecord(*row)


def api_key_list() -> QuerySet[ApiKey]:
    """The current tenant's keys that were not revoked, newest first."""
    return ApiKey.objects.filter(revoked_at=None)


def _call(function: str, lookup: str) -> Any:
    """The one row of a lookup function, or None."""
    with connections[current_database()].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {function}(%s)", [lookup])
        return cursor.fetchone()
