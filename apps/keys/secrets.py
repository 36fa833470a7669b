"""The text of an API key or a client secret, and what is kept of it.

`sk_live_<lookup12>_<secret40>` is an API key (or `sk_test_...`; the oldest have no such word), and
`ek_<lookup12>_<secret40>` a client secret, both in base 62. The digest is an HMAC-SHA256 of the whole text under a
numbered pepper from the environment. The secret has 238 bits: a slow
password hash would only cost time at every connection.
"""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_BASE62 = string.digits + string.ascii_letters
_SHAPE = re.compile(
    r"(?P<kind>sk|ek)_(?:(?:live|test)_)?(?P<lookup>[0-9A-Za-z]{12})_[0-9A-Za-z]{40}", re.ASCII
)


class Kind(StrEnum):
    """What a text is for; its first letters."""

    API_KEY = "sk"
    CLIENT_SECRET = "ek"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A text, and what is kept of it: `lookup`, which is no secret, and the digest under the pepper's number."""

    text: str
    lookup: str
    digest: bytes
    pepper: int


def new_key(kind: Kind, peppers: Mapping[int, bytes], *, environment: str = "") -> NewKey:
    """Under the pepper with the highest number; the lower ones still verify."""
    lookup, secret = ("".join(secrets.choice(_BASE62) for _ in range(length)) for length in (12, 40))
    text = "_".join(filter(None, (kind, environment, lookup, secret)))
    pepper = max(peppers)
    return NewKey(text, lookup, digest(text, peppers[pepper]), pepper)


def lookup_of(text: str, kind: Kind) -> str | None:
    """The lookup part, or None if this is nothing of that kind."""
    match = _SHAPE.fullmatch(text)
    return match["lookup"] if match and match["kind"] == kind else None


def digest(text: str, pepper: bytes) -> bytes:
    return hmac.new(pepper, text.encode(), hashlib.sha256).digest()


def matches(text: str, pepper: bytes, expected: bytes) -> bool:
    return hmac.compare_digest(digest(text, pepper), expected)
