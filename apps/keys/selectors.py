import uuid
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal, TypeVar

from django.db import connections
from django.db.models import QuerySet

from apps.core.tenancy import current_database
from apps.keys.models import ApiKey

Record = TypeVar("Record", "KeyRecord", "ClientSecretRecord")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """Columns of `api_key_lookup`, by name."""

    key_id: uuid.UUID
    key_name: str
    digest: bytes
    pepper: int
    scopes: list[str]
    allowed_addresses: list[str]
    allowed_origins: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    sessions_limit: int | None
    events_per_second_limit: int | None
    customer_id: uuid.UUID | None
    customer_external_id: str | None
    customer_is_active: bool | None
    customer_sessions_limit: int | None
    customer_events_per_second_limit: int | None
    tenant_id: uuid.UUID
    tenant_slug: str
    default_model: str
    default_transcription_model: str
    default_speech_model: str
    default_voice: str


def api_key_lookup(lookup: str) -> KeyRecord | None:
    """Finds a key before its tenant is known, by a function that bypasses row security for one row."""
    return _call("api_key_lookup", lookup, KeyRecord)


@dataclass(frozen=True, slots=True)
class ClientSecretRecord:
    """Columns of `client_secret_lookup`, by name. A person made it if there is no key; without a role, or inactive,
    they are no member any more."""

    secret_id: uuid.UUID
    digest: bytes
    pepper: int
    session_preset: str
    safety_identifier: str
    expires_at: datetime
    last_used_at: datetime | None
    key_id: uuid.UUID | None
    key_expires_at: datetime | None
    key_revoked_at: datetime | None
    allowed_origins: list[str] | None
    sessions_limit: int | None
    events_per_second_limit: int | None
    customer_id: uuid.UUID | None
    customer_external_id: str | None
    customer_is_active: bool | None
    customer_sessions_limit: int | None
    customer_events_per_second_limit: int | None
    person_role: str | None
    person_is_active: bool | None
    tenant_id: uuid.UUID
    tenant_slug: str
    default_model: str
    default_transcription_model: str
    default_speech_model: str
    default_voice: str


def client_secret_lookup(lookup: str) -> ClientSecretRecord | None:
    """Finds a client secret before its tenant is known, as `api_key_lookup` does a key."""
    return _call("client_secret_lookup", lookup, ClientSecretRecord)


def api_key_list(*, revoked: Literal["without", "only", "with"] = "without") -> QuerySet[ApiKey]:
    """The current tenant's keys, newest first, those of its customers among them."""
    keys = ApiKey.objects.select_related("customer")
    return keys if revoked == "with" else keys.filter(revoked_at__isnull=revoked == "without")


def revoked_keys(key_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these keys, of whatever tenants, are revoked."""
    with connections[current_database()].cursor() as cursor:
        cursor.execute("SELECT * FROM api_keys_revoked(%s)", [list(key_ids)])
        return {row[0] for row in cursor.fetchall()}


def _call(function: str, lookup: str, record: type[Record]) -> Record | None:
    """The one row of a lookup function. It may have columns that only a newer version of us knows."""
    columns = ", ".join(field.name for field in fields(record))
    with connections[current_database()].cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {function}(%s)", [lookup])
        row = cursor.fetchone()
    return row and record(*row)
