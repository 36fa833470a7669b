"""On whose behalf the code works: entered by what authenticates a caller, read when something is recorded."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import models
from django.http import HttpRequest


class ActorKind(models.TextChoices):
    PERSON = "person", "Person"
    KEY = "key", "API key"
    STAFF = "staff", "Staff"
    SYSTEM = "system", "Antiphon itself"


@dataclass(frozen=True, slots=True)
class Actor:
    """`label` is what people read, and outlasts the person or key. `on_behalf_of` is whom staff acts as."""

    kind: ActorKind
    label: str
    id: uuid.UUID | None = None
    address: str | None = None
    on_behalf_of: str = ""

    @classmethod
    def person(cls, user: Any, *, address: str | None) -> "Actor":
        return cls(ActorKind.PERSON, user.email, user.pk, address)

    @classmethod
    def key(cls, key_id: uuid.UUID, name: str, *, address: str | None) -> "Actor":
        return cls(ActorKind.KEY, name, key_id, address)

    def as_staff(self, whom: str) -> "Actor":
        return replace(self, kind=ActorKind.STAFF, on_behalf_of=whom)


SYSTEM = Actor(ActorKind.SYSTEM, "Antiphon")

current_actor: ContextVar[Actor] = ContextVar("current_actor", default=SYSTEM)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Everything inside is done by this actor."""
    token = current_actor.set(actor)
    try:
        yield
    finally:
        current_actor.reset(token)


def client_address(request: HttpRequest) -> str | None:
    """The caller's IP address; behind a proxy that we were told to trust, the one that the proxy saw."""
    return forwarded_address(request.headers.get("x-forwarded-for", ""), request.META.get("REMOTE_ADDR"))


def forwarded_address(forwarded_for: str, peer: str | None) -> str | None:
    """The same from what the header X-Forwarded-For says and who is at the other end of the connection."""
    if settings.TRUSTED_PROXIES:
        forwarded = [part.strip() for part in forwarded_for.split(",") if part.strip()]
        if forwarded:
            return forwarded[-min(settings.TRUSTED_PROXIES, len(forwarded))]
    return peer or None
