import smtplib
import uuid

from celery import shared_task
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from apps.accounts.models import User
from apps.core.addresses import site_url
from apps.core.tasks import TenantTask
from apps.limits.models import LimitRequest
from apps.limits.selectors import limits_of

_TRIES_AGAIN = {
    "autoretry_for": (smtplib.SMTPException, OSError),
    "retry_backoff": 10,
    "retry_kwargs": {"max_retries": 8},
}


@shared_task(base=TenantTask, **_TRIES_AGAIN)  # type: ignore[untyped-decorator]
def mail_staff(tenant_id: uuid.UUID, request_id: str) -> None:
    """Tells all superusers that a tenant asks for a higher limit."""
    staff = list(User.objects.filter(is_superuser=True, is_active=True).values_list("email", flat=True))
    request = _find(request_id)
    if not staff or request is None:
        return
    context = {
        "request": request,
        "now": getattr(limits_of(tenant_id), request.limit),
        "url": site_url(reverse("admin:limits_limitrequest_change", args=[request.pk])),
    }
    _send(f"{request.tenant.name} asks for a higher limit", "limits/request_mail.txt", context, staff)


@shared_task(base=TenantTask, **_TRIES_AGAIN)  # type: ignore[untyped-decorator]
def mail_requester(tenant_id: uuid.UUID, request_id: str) -> None:
    """Tells who asked what the answer is."""
    request = _find(request_id)
    if request is None or request.created_by is None:
        return
    context = {"request": request, "url": site_url(reverse("limits", args=[request.tenant.slug]))}
    subject = f"Your request for a higher limit was {request.state}"
    _send(subject, "limits/answer_mail.txt", context, [request.created_by.user.email])


def _find(request_id: str) -> LimitRequest | None:
    return LimitRequest.objects.select_related("tenant", "created_by__user").filter(id=request_id).first()


def _send(subject: str, template: str, context: dict[str, object], to: list[str]) -> None:
    """One mail for each: staff need not know of each other."""
    for address in to:
        EmailMessage(subject, render_to_string(template, context), to=[address]).send()
