import uuid
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.audit.services import fields_of, record
from apps.core.tenancy import atomic, on_commit
from apps.limits.models import LimitRequest, RequestState, TenantLimits
from apps.limits.resolving import NAMES
from apps.limits.selectors import limits_of
from apps.limits.tasks import mail_requester, mail_staff
from apps.tenants.models import Membership


@atomic()
def limit_request_create(
    *, limit: str, wanted: int, reason: str, created_by: Membership | None = None
) -> LimitRequest:
    """Asks staff, by mail, to let the current tenant have more of something. Raises ValidationError."""
    request = LimitRequest(limit=limit, wanted=wanted, reason=reason.strip(), created_by=created_by)
    request.claim()
    request.full_clean()
    now = getattr(limits_of(request.tenant_id), request.limit)
    if now is not None and wanted <= now:
        raise ValidationError({"wanted": f"You have {now} already: ask for more than that."})
    request.save(force_insert=True)
    record(
        action="limit_request.created", target=request, after=fields_of(request, "limit", "wanted", "reason")
    )
    tenant_id, request_id = str(request.tenant_id), str(request.pk)
    on_commit(lambda: mail_staff.delay(tenant_id, request_id))
    return request


@atomic()
def limit_request_answer(*, request_id: uuid.UUID, granted: int | None, answer: str = "") -> LimitRequest:
    """Staff's answer to a request of the current tenant: this much, or no (None). What is granted holds for
    sessions that begin from now on. Raises ValidationError for a request that was answered before, and for a no
    without a reason."""
    request = LimitRequest.objects.select_for_update().get(id=request_id)
    if request.state != RequestState.OPEN:
        raise ValidationError(f"It was answered before: {RequestState(request.state).label.lower()}.")
    if granted is None and not answer.strip():
        raise ValidationError("Say why not: the tenant reads it.")
    if granted is not None:
        tenant_limits_set(changes={request.limit: granted})
    request.state = RequestState.DECLINED if granted is None else RequestState.GRANTED
    request.answer, request.answered_at = answer.strip(), timezone.now()
    request.save(update_fields=["state", "answer", "answered_at"])
    record(
        action=f"limit_request.{request.state}",
        target=request,
        after={**fields_of(request, "answer"), "granted": granted},
    )
    tenant_id = str(request.tenant_id)
    on_commit(lambda: mail_requester.delay(tenant_id, str(request_id)))
    return request


@atomic()
def tenant_limits_set(*, changes: Mapping[str, int | None]) -> TenantLimits:
    """The current tenant's own limits; None: what its plan and the platform say. Raises ValidationError."""
    row = TenantLimits.objects.select_for_update().first() or TenantLimits()
    before = _as_noted(row)
    for name, value in changes.items():
        setattr(row, name, value)
    row.claim()
    row.full_clean()
    row.save()
    record(action="limits.changed", target=row, before=before, after=_as_noted(row))
    return row


def _as_noted(row: TenantLimits) -> dict[str, Any]:
    return fields_of(row, *NAMES)
