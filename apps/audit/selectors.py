from django.db.models import QuerySet

from apps.audit.models import AuditEvent


def audit_list() -> QuerySet[AuditEvent]:
    """The current tenant's, newest first."""
    return AuditEvent.objects.all()
