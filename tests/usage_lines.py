"""Lines of usage with their sums, written by hand."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

from apps.usage.models import UsageDay, UsageHour, UsageLine

_numbers: Iterator[int] = count()
_WAYS = ("kind", "provider", "model", "unit", "api_key_id", "agent_version_id", "customer_id")


def use(at: datetime, **fields: Any) -> UsageLine:
    """A line of the current tenant, added to its sums. Its price is three times its quantity, and what it costs the
    operator a number that no page should have."""
    quantity = fields.get("quantity", 10)
    model = fields.get("model", "groq/some-model")
    given: dict[str, Any] = {
        "key": f"line-{next(_numbers)}",
        "session_id": "sess_1",
        "attempt": 0,
        "kind": "response",
        "provider": model.partition("/")[0],
        "model": model,
        "unit": "output_text_token",
        "quantity": quantity,
        "rate_id": "r1",
        "unit_price": "0.6",
        "per": 1_000_000,
        "cost_micro": 424_242,
        "price_micro": 3 * quantity,
        "estimated": False,
        "is_priced": True,
        "at": at,
        "posting_id": uuid.uuid4(),
    }
    line = UsageLine.objects.create(**{**given, **fields})
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    _add(UsageHour, line, hour=hour)
    _add(UsageDay, line, day=hour.date())
    return line


def _add(model: Any, line: UsageLine, **when: Any) -> None:
    row, _ = model.objects.get_or_create(**when, **{way: getattr(line, way) for way in _WAYS})
    row.quantity += line.quantity
    row.records += 1
    row.cost_micro += line.cost_micro
    row.price_micro += line.price_micro
    row.estimated_micro += line.price_micro if line.estimated else 0
    row.unpriced += not line.is_priced
    row.save()
