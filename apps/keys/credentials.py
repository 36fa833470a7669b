"""The key in an `Authorization` header or a `token` parameter, however a client wrapped it."""

import base64
from collections.abc import Mapping

_OURS = ("sk_", "ek_")
_SCHEMES = ("bearer", "basic")


def key_from_headers(headers: Mapping[str, str]) -> str | None:
    """`Authorization: Bearer <key>` or `Basic <key>`, or Azure's way, `api-key: <key>`."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() in _SCHEMES and credentials.strip():
        return unwrapped(credentials.strip())
    return headers.get("api-key") or None


def unwrapped(credentials: str) -> str:
    """The key of ours in it: plain, in base64, or in base64 on either side of a colon, since what Inworld calls a
    key is such a pair. Credentials without any come back as they are."""
    if credentials.startswith(_OURS):
        return credentials
    for part in _plain(credentials).split(":"):
        if part.startswith(_OURS):
            return part
    return credentials


def is_key(text: str) -> bool:
    """Whether it looks like a key of ours."""
    return text.startswith(_OURS)


def _plain(credentials: str) -> str:
    """What the base64 stands for, in either alphabet, with or without padding; empty if it is none."""
    padded = credentials.replace("-", "+").replace("_", "/") + "=" * (-len(credentials) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode()
    except ValueError:  # binascii.Error and UnicodeDecodeError are
        return ""
