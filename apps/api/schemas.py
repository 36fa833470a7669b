"""What REST operations take."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class ExpiresAfter(Struct, frozen=True):
    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Meta(ge=10, le=7200)] = 600


class NewClientSecret(Struct, frozen=True):
    """`session` is what `session.update` takes, and checked as such."""

    expires_after: ExpiresAfter | None = None
    session: dict[str, Any] | None = None
