"""What providers say when they fail, as ProviderErrors."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ErrorKind, ProviderError

MAX_MESSAGE = 300  # characters of the server's own words that are passed on

BY_STATUS: Mapping[int, ErrorKind] = {
    401: "auth",
    402: "quota",
    403: "auth",
    404: "not_found",
    408: "timeout",
    413: "invalid",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
BY_CODE: Mapping[str, ErrorKind] = {
    "context_length_exceeded": "context_length",
    "insufficient_quota": "quota",
    "billing_hard_limit_reached": "quota",
    "invalid_api_key": "auth",
    "model_not_found": "not_found",
    "rate_limit_exceeded": "rate_limit",
    "overloaded_error": "overloaded",
    "authentication_error": "auth",
    "permission_error": "auth",
    "billing_error": "quota",
    "rate_limit_error": "rate_limit",
    "timeout_error": "timeout",
    "API_KEY_INVALID": "auth",
    "UNAUTHENTICATED": "auth",
    "PERMISSION_DENIED": "auth",
    "RESOURCE_EXHAUSTED": "rate_limit",
    "UNAVAILABLE": "overloaded",
    "DEADLINE_EXCEEDED": "timeout",
}
CONTEXT_LENGTH = re.compile(
    r"context (length|window|size)|maximum context|prompt is too long|too many tokens", re.I
)

ADVICE: Mapping[ErrorKind, str] = {
    "auth": "refused the API key: check the key of this provider",
    "quota": "has no credit left for this key: top up the account, or choose another provider",
    "rate_limit": "limits the rate of requests: try again later, or raise the limit of the account",
    "overloaded": "is overloaded: try again, or choose another provider",
    "invalid": "refused the request",
    "context_length": "can't take so long a conversation: shorten it, or choose a model with more context",
    "not_found": "knows no such model or address: check the model's name and the base URL",
    "timeout": "took too long",
    "network": "broke the connection",
    "upstream": "failed",
    "unsupported": "has no such thing",
}


def error_from_response(
    endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes
) -> ProviderError:
    """For an answer whose status is not 2xx."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = None
    message, code = _read(said)
    retry_after = _retry_after(headers)
    if retry_after is None:
        retry_after = _retry_delay(said)
    return _error(endpoint, status, message, code, retry_after=retry_after)


def error_from_event(endpoint: Endpoint, error: Any, *, started: bool) -> ProviderError:
    """For an `error` that comes inside a stream: an object whose code may be an HTTP status, or a string."""
    message, code = _read(error)
    status = int(code) if code and code.isdigit() else 500
    return _error(endpoint, status, message, code, started=started, retry_after=_retry_delay(error))


def _error(
    endpoint: Endpoint,
    status: int,
    message: str,
    code: str | None,
    *,
    started: bool = False,
    retry_after: float | None = None,
) -> ProviderError:
    kind = _kind(status, message, code)
    text = f"{endpoint.host} {ADVICE[kind]} (status {status})."
    if message and kind != "auth":  # what is said about keys tends to quote them
        text += f" It said: {endpoint.redact(message)[:MAX_MESSAGE]}"
    return ProviderError(kind, text, started=started, retry_after=retry_after)


def _kind(status: int, message: str, code: str | None) -> ErrorKind:
    if code is not None and code in BY_CODE:
        return BY_CODE[code]
    if status < 500 and CONTEXT_LENGTH.search(message):
        return "context_length"
    if status in BY_STATUS:
        return BY_STATUS[status]
    return "invalid" if 400 <= status < 500 else "upstream"


def _read(body: Any) -> tuple[str, str | None]:
    """Message and code, from the shapes in use: `error` an object or a string, `detail`, or bare fields."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return (error if isinstance(error, str) else ""), None
    message = error.get("message") or error.get("detail") or ""
    reasons = [detail["reason"] for detail in _details(error) if "reason" in detail]
    code = reasons[0] if reasons and reasons[0] in BY_CODE else error.get("code")
    code = code or error.get("type") or error.get("status")
    return str(message), None if code is None else str(code)


def _details(body: Any) -> list[dict[str, Any]]:
    """Google's details of an error (https://google.aip.dev/193)."""
    error = body.get("error", body) if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


def _retry_delay(body: Any) -> float | None:
    """Seconds, from Google's `RetryInfo`: "17s"."""
    for detail in _details(body):
        with suppress(ValueError):
            return max(0.0, float(str(detail.get("retryDelay")).removesuffix("s")))
    return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a number or a date (RFC 9110, section 10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
