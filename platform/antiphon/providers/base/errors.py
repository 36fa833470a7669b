"""What can go wrong at a provider, in one vocabulary for every vendor and every kind of model."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from antiphon.providers.base.llm import LlmUsage

ErrorKind = Literal[
    "auth",  # the key is missing, wrong or not allowed
    "rate_limit",
    "quota",  # the account has no credit left
    "overloaded",
    "invalid",  # the provider refuses the request as it stands
    "context_length",
    "not_found",  # no such model or voice
    "timeout",
    "network",  # no connection, or it broke
    "upstream",  # the provider failed (5xx, nonsense on the wire)
    "unsupported",  # this model or its protocol has no such thing
]


class ProviderError(Exception):
    """A provider could not do what was asked of it.

    `started` is true once output had begun, so that nobody retries what was already heard. `usage` is what the
    provider had reported by then. `retry_after` is in seconds. The message is shown to tenants and never contains
    a key.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        started: bool = False,
        retry_after: float | None = None,
        usage: "LlmUsage | None" = None,
    ) -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind
        self.message = message
        self.started = started
        self.retry_after = retry_after
        self.usage = usage
