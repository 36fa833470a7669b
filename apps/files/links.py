"""Short-lived addresses of files, for who holds them: a player, a browser that downloads."""

from datetime import timedelta
from typing import Any

from django.core import signing
from django.urls import reverse
from django.utils import timezone

from apps.files.store import Kept, find

_SALT = "apps.files.links"
LIVES = timedelta(minutes=15)


class BadLink(Exception):
    """The address leads nowhere. The message is a sentence."""


class ExpiredLink(BadLink):
    """It did once."""


def link_to(name: str, *, content_type: str, filename: str = "", lives: timedelta = LIVES) -> str:
    """The path of an address that leads to a file for so long; with a `filename` it is downloaded under that."""
    until = int((timezone.now() + lives).timestamp())
    told = {"n": name, "t": content_type, "f": filename, "u": until}
    return reverse("file", args=[signing.dumps(told, salt=_SALT, compress=True)])


def read_link(token: str) -> dict[str, Any]:
    """Raises BadLink, ExpiredLink."""
    try:
        told: dict[str, Any] = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise BadLink("This address is not one of ours, or was changed.") from None
    if told["u"] < timezone.now().timestamp():
        raise ExpiredLink("This link has expired: open the page it was on again for a new one.")
    return told


def linked_file(told: dict[str, Any]) -> Kept:
    """Raises NoSuchFile."""
    return find(told["n"])
