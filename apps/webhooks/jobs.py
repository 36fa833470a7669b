"""Members who may connect are told of an endpoint that was disabled, since it does not hear of anything now."""

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from apps.core.addresses import site_url
from apps.jobs.kinds import job_kind
from apps.jobs.running import Running
from apps.tenants.models import Membership
from apps.tenants.roles import ALLOWED, May
from apps.webhooks.endpoints import DISABLED_NOTICE
from apps.webhooks.models import Endpoint


@job_kind(DISABLED_NOTICE, label="Notice of a disabled webhook")
def disabled_notice(running: Running) -> None:
    endpoint = Endpoint.objects.filter(id=running.arguments["id"], is_enabled=False).first()
    roles = [role for role, may in ALLOWED.items() if May.CONNECT in may]
    members = list(Membership.objects.filter(role__in=roles).select_related("user", "tenant"))
    if endpoint is not None and members:
        tenant = members[0].tenant
        url = site_url(reverse("webhook", args=[tenant.slug, endpoint.id]))
        lines = render_to_string(
            "dashboard/webhooks/disabled_mail.txt", {"tenant": tenant, "endpoint": endpoint, "url": url}
        )
        subject = f"{tenant.name}: a webhook was disabled"
        EmailMessage(subject, lines, bcc=[member.user.email for member in members]).send()
    with running.finish():
        pass
