"""Secrets as they are kept in the database: `v1:<number of the master key>:<nonce and ciphertext in base64>`.

AES-256-GCM (NIST SP 800-38D) under a key derived from the numbered master key with HKDF-SHA256 (RFC 5869), with a
random nonce of 96 bits. The place of the value is authenticated with it: copied to another tenant, row or column,
it can't be opened. No I/O here, and no Django.
"""

import base64
import binascii
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = "v1"
_NONCE_BYTES = 12
_PURPOSE = b"antiphon sealed secret v1"

MasterKeys = Mapping[int, bytes]
"""By number. The highest seals; all of them open."""


class Unsealable(Exception):
    """The secret can't be opened; the message says why, and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value belongs."""

    tenant_id: uuid.UUID
    table: str
    field: str
    row_id: uuid.UUID

    @property
    def bytes(self) -> bytes:
        return f"{self.tenant_id}:{self.table}:{self.field}:{self.row_id}".encode()


SECOND_FACTORS = Place(uuid.UUID(int=0), "mfa_authenticator", "data", uuid.UUID(int=0))
"""What people's one-time codes are made from: of no tenant, and sealed before they have a row."""


def seal(secret: str, place: Place, keys: MasterKeys) -> str:
    """Raises Unsealable if there is no master key."""
    start = sealed_by_newest(keys)
    nonce = os.urandom(_NONCE_BYTES)
    ciphertext = _cipher(keys[max(keys)]).encrypt(nonce, secret.encode(), place.bytes)
    return start + base64.b64encode(nonce + ciphertext).decode()


def unseal(sealed: str, place: Place, keys: MasterKeys) -> str:
    """Raises Unsealable."""
    number, data = _parse(sealed)
    if number not in keys:
        raise Unsealable(f"It was sealed with the master key {number}, which ENCRYPTION_KEYS does not have.")
    try:
        secret = _cipher(keys[number]).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], place.bytes)
    except (InvalidTag, ValueError):  # ValueError: too short to be anything
        raise Unsealable(f"It was not sealed here with the master key {number}, or it was changed.") from None
    return secret.decode()


def sealed_by_newest(keys: MasterKeys) -> str:
    """How values begin that the master key with the highest number sealed. Raises Unsealable if there is none."""
    if not keys:
        raise Unsealable("No master key is set: set ENCRYPTION_KEYS.")
    return f"{_VERSION}:{max(keys)}:"


def _parse(sealed: str) -> tuple[int, bytes]:
    version, _, rest = sealed.partition(":")
    number, _, data = rest.partition(":")
    if version != _VERSION or not number.isdecimal():
        raise Unsealable("It is no sealed secret.")
    try:
        return int(number), base64.b64decode(data, validate=True)
    except binascii.Error:
        raise Unsealable("It is no sealed secret.") from None


@cache
def _cipher(master_key: bytes) -> AESGCM:
    derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(master_key)
    return AESGCM(derived)
