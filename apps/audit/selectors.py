import uuid
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet

from apps.audit.models import AuditEvent


class Position(NamedTuple):
    """Where one page of the log ends and the next begins."""

    at: datetime
    id: uuid.UUID

    @classmethod
    def of(cls, event: AuditEvent) -> "Position":
        return cls(event.at, event.id)

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """From what `str` makes of it; None for anything else."""
        at, _, id_ = text.partition("~")
        try:
            position = cls(datetime.fromisoformat(at), uuid.UUID(id_))
        except ValueError:
            return None
        return position if position.at.tzinfo else None

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.id}"


def audit_list(
    *,
    actor: str = "",
    action: str = "",
    target: str = "",
    since: datetime | None = None,
    before: datetime | None = None,
    after: Position | None = None,
) -> QuerySet[AuditEvent]:
    """The current tenant's, newest first; what is empty is not asked for. `actor` and `target` are parts of what
    people read, `action` is its beginning (`agent` or `agent.published`); `after` is the end of the page before."""
    events = AuditEvent.objects.all()
    if actor:
        events = events.filter(Q(actor_label__icontains=actor) | Q(on_behalf_of__icontains=actor))
    if action:
        events = events.filter(action__startswith=action)
    if target:
        events = events.filter(Q(target_label__icontains=target) | Q(target_id=target))
    if since:
        events = events.filter(at__gte=since)
    if before:
        events = events.filter(at__lt=before)
    if after:
        # The first condition is the index's; the second tells events of one moment apart.
        events = events.filter(at__lte=after.at).filter(Q(at__lt=after.at) | Q(id__lt=after.id))
    return events
