"""What REST operations take."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from antiphon.protocol.dialects.beta_shapes import BetaSessionPatch


class ExpiresAfter(Struct, frozen=True):
    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Meta(ge=10, le=7200)] = 600


class NewClientSecret(Struct, frozen=True):
    """`session` is what `session.update` takes, and checked as such."""

    expires_after: ExpiresAfter | None = None
    session: dict[str, Any] | None = None


class BetaSecret(Struct, frozen=True):
    """Sessions have `expires_after`, transcription sessions the same under `expires_at`."""

    expires_after: ExpiresAfter | None = None
    expires_at: ExpiresAfter | None = None


class NewBetaSession(BetaSessionPatch, frozen=True):
    """The flat session of the beta, and in it what its client secret is to be like."""

    client_secret: BetaSecret | None = None
