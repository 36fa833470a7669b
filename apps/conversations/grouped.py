"""What a tenant's sessions come to, together."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from django.db.models import CharField, Count, F, Sum
from django.db.models.functions import Cast, Coalesce, TruncDate

from apps.conversations.selectors import session_list

Grouping = Literal["day", "model", "api_key", "agent"]

_GROUPS: Mapping[str, Any] = {
    "day": TruncDate("started_at", tzinfo=UTC),
    "model": F("model"),
    "api_key": F("api_key_id"),
    "agent": F("agent_version__agent__slug"),
}


def session_totals(*, by: Grouping, started_from: datetime, started_before: datetime) -> Any:
    """Rows with `group` (as text; None: of no key, or no agent) and the sums of its sessions, in the order of the
    groups. Days are those of UTC on which the sessions began."""
    sessions = session_list(started_from=started_from, started_before=started_before)
    sums = {
        name: Coalesce(Sum(name), 0)
        for name in ("turns", "responses", "errors", "user_audio_ms", "assistant_audio_ms", "cost_micro")
    }
    rows: Any = (
        sessions.order_by()
        .values(group=Cast(_GROUPS[by], CharField()))
        .annotate(sessions=Count("id"), **{f"total_{name}": total for name, total in sums.items()})
        .order_by("group")
    )
    return rows
