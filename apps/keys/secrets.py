"""The text of an API key, and what is kept of it.

`sk_<lookup12>_<secret40>` in base 62. The digest is an HMAC-SHA256 of the whole text under a numbered pepper
from the environment. The secret has 238 bits: a slow password hash would only cost time at every connection.
"""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass

_BASE62 = string.digits + string.ascii_letters
_SHAPE = re.compile(r"sk_([0-9A-Za-z]{12})_[0-9A-Za-z]{40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewKey:
    text: str
    lookup: str


def new_key() -> NewKey:
    lookup, secret = ("".join(secrets.choice(_BASE62) for _ in range(length)) for length in (12, 40))
    return NewKey(text=f"sk_{lookup}_{secret}", lookup=lookup)


def lookup_of(text: str) -> str | None:
    """The lookup part, or None if this is no key of ours."""
    match = _SHAPE.fullmatch(text)
    return match and match[1]


def current_pepper(peppers: Mapping[int, bytes]) -> int:
    """New keys use the highest number; the lower ones still verify."""
    return max(peppers)


def digest(text: str, pepper: bytes) -> bytes:
    return hmac.new(pepper, text.encode(), hashlib.sha256).digest()


def matches(text: str, pepper: bytes, expected: bytes) -> bool:
    return hmac.compare_digest(digest(text, pepper), expected)
