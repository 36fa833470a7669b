"""Usage lines as the recorder writes them, for tests of what becomes of them."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from django.utils import timezone

from apps.billing.posting import post_usage

_LINE = """
    INSERT INTO usage_usageline (tenant_id, key, unit, kind, session_id, attempt, provider, model, quantity,
        rate_id, cost_micro, price_micro, estimated, is_priced, at, posting_id)
    VALUES (%s, %s, 'output_token', 'response', %s, 0, 'local', 'local/test', 1, '', 0, %s, false, true, %s, %s)
"""


@dataclass(frozen=True)
class Line:
    tenant_id: uuid.UUID
    price_micro: int
    session_id: str = "sess_1"
    posting_id: uuid.UUID = field(default_factory=uuid.uuid4)
    customer_id: uuid.UUID | None = None
    at: datetime = field(default_factory=timezone.now)


def record(cursor: psycopg.Cursor[Any], *lines: Line) -> None:
    """Writes the lines and posts them, as the recorder does in one transaction."""
    write(cursor, *lines)
    post_usage(cursor, lines)


def write(cursor: psycopg.Cursor[Any], *lines: Line) -> None:
    for line in lines:
        key = str(uuid.uuid4())
        values = [line.tenant_id, key, line.session_id, line.price_micro, line.at, line.posting_id]
        cursor.execute(_LINE, values)
