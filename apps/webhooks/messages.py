"""What a delivery is on the wire. Pure: nothing is sent here.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from standardwebhooks import Webhook

from apps.webhooks.models import WebhookEvent

_USER_AGENT = "Antiphon-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt. Those of one delivery differ in time and signature only."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes


def body_of(event: WebhookEvent) -> bytes:
    at = event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"type": event.type, "timestamp": at, "data": event.data}
    return msgspec.json.encode(told, order="deterministic")


def request_of(url: str, event: WebhookEvent, secrets: Sequence[str], now: datetime) -> Request:
    """`secrets` all sign, the newest first."""
    body = body_of(event)
    signatures = [Webhook(secret).sign(event.webhook_id, now, body.decode()) for secret in secrets]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "webhook-id": event.webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return Request(url, headers, body)
