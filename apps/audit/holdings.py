from apps.audit.models import AuditEvent
from apps.privacy.registry import keeps

keeps(
    AuditEvent,
    why="record of what members did, by ids",
    of_session=lambda session: AuditEvent.objects.filter(target_id=str(session.id)),
)
