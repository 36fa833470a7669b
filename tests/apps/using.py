"""Usage records of a test's own, and what became of them."""

import uuid
from decimal import Decimal
from typing import Any

from antiphon.metering.pricing import Billed, BilledLine
from antiphon.metering.rates import Unpriced
from antiphon.metering.records import UsageRecord, User, usage_record
from apps.core.tenancy import tenant_context
from apps.usage.models import UsageDay, UsageHour, UsageLine
from tests.cast import Person

AT = 1_795_000_000_000.0  # 2026-11-18 11:06:40 UTC
KEY = uuid.UUID(int=7)
_MODELS = ("openai/gpt-6-sol", "groq/gpt-oss-120b")


def used(person: Person, number: int = 0, *, at: float = AT, **fields: Any) -> UsageRecord:
    """An answer of 10 tokens in and `number` out."""
    billed = Billed(
        (
            BilledLine("input_text_token", 10, "rate-in", Decimal("2.5"), 1_000_000, 20, 25),
            BilledLine(
                "output_text_token", number, "rate-out", Decimal(10), 1_000_000, number * 8, number * 10
            ),
        ),
        (Unpriced("input_image_token", 1),) if number % 5 == 4 else (),
        estimated=number % 3 == 2,
    )
    user = User(str(person.tenant.id), "sess_1", api_key_id=str(KEY) if number % 2 else None)
    return usage_record(
        user,
        **{
            "kind": "response",
            "attempt": 0,
            "model": _MODELS[number % 2],
            "billed": billed,
            "response_id": f"resp_{number}",
            "outcome": "completed",
            "at": at,
        }
        | fields,
    )


def lines_of(person: Person) -> list[UsageLine]:
    with tenant_context(person.tenant.id):
        return list(UsageLine.objects.order_by("id"))


def keys_of(person: Person) -> list[str]:
    """Of the records, in the order in which they were written."""
    return list(dict.fromkeys(line.key for line in lines_of(person)))


def sums_of(person: Person, model: type[UsageHour | UsageDay]) -> list[dict[str, Any]]:
    with tenant_context(person.tenant.id):
        rows = [dict(row) for row in model.objects.order_by().values()]
    for row in rows:
        del row["id"]
    return sorted(rows, key=str)
