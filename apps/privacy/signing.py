"""Manifests that can be checked by anybody: signed with Ed25519 (RFC 8032) over canonical JSON."""

import base64
import binascii
import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from apps.core.tenancy import atomic
from apps.credentials.sealing import seal
from apps.privacy.models import SigningKey

_ALGORITHM = "Ed25519"


class BadManifest(Exception):
    """It proves nothing. The message is a sentence."""


def canonical(manifest: Mapping[str, Any]) -> bytes:
    """The bytes that are signed: JSON with sorted keys and no spaces, in UTF-8."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def signed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with its signature by the platform's newest key. Raises Unsealable."""
    key = _signing_key()
    return {
        "manifest": manifest,
        "signature": {
            "algorithm": _ALGORITHM,
            "public_key": key.public_key().public_bytes_raw().hex(),
            "value": base64.b64encode(key.sign(canonical(manifest))).decode(),
        },
    }


def manifest_check(document: Any, public_keys: Collection[str]) -> dict[str, Any]:
    """The manifest in it, if one of these keys (in hex) signed it. Raises BadManifest."""
    try:
        manifest, signature = document["manifest"], document["signature"]
        public_key, value = signature["public_key"], base64.b64decode(signature["value"], validate=True)
    except (TypeError, KeyError, binascii.Error, ValueError):
        raise BadManifest("This is no signed manifest.") from None
    if public_key not in public_keys:
        raise BadManifest("It was signed with a key that is not this platform's.")
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(value, canonical(manifest))
    except InvalidSignature:
        raise BadManifest("It was changed after it was signed, or its signature was.") from None
    return dict(manifest)


def public_keys() -> list[str]:
    """Of all keys that ever signed, in hex, the oldest first."""
    return [str(key) for key in SigningKey.objects.all()]


@atomic()
def _signing_key() -> Ed25519PrivateKey:
    """The newest; made when it is first needed. Raises Unsealable."""
    row = SigningKey.objects.order_by("-created_at").first()
    if row is not None:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(row.unseal_key()))
    key = Ed25519PrivateKey.generate()
    row = SigningKey(id=uuid.uuid4(), public_key=key.public_key().public_bytes_raw())
    row.sealed_key = seal(key.private_bytes_raw().hex(), row.place, settings.ENCRYPTION_KEYS)
    row.save(force_insert=True)
    return key
