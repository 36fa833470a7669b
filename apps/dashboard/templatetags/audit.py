"""What an audit event changed, for people."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import template

from apps.audit.models import AuditEvent

LONGEST = 200  # characters of a value

register = template.Library()


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    before: str
    after: str


@register.filter
def changes(event: AuditEvent) -> Iterator[Change]:
    """Field by field; empty where there was or is none."""
    before, after = event.before or {}, event.after or {}
    for field in {**before, **after}:
        yield Change(field.replace("_", " "), _shown(before.get(field)), _shown(after.get(field)))


def _shown(value: Any) -> str:
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = ", ".join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
