"""Mail to who looks after a tenant's money."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse

from apps.billing.models import BillingAccount
from apps.core.addresses import site_url
from apps.core.tenancy import on_commit, require_tenant
from apps.tenants.models import Membership, Role, Tenant


def managers_tell(subject: str, template: str, context: Mapping[str, Any]) -> None:
    """Mails the current tenant's owner and admins, and its address for bills, once the transaction is done."""
    from apps.billing.tasks import mail_send

    current = require_tenant()
    assert isinstance(current, uuid.UUID)
    tenant = Tenant.objects.get(id=current)
    url = site_url(reverse("billing", args=[tenant.slug]))
    text = render_to_string(template, {**context, "tenant": tenant, "url": url})
    recipients = sorted(_recipients())
    on_commit(lambda: mail_send.delay(f"{subject}: {tenant.name}", text, recipients))


def _recipients() -> set[str]:
    members = Membership.objects.filter(role__in=[Role.OWNER, Role.ADMIN]).select_related("user")
    account = BillingAccount.objects.first()
    extra = {account.billing_email} if account and account.billing_email else set()
    return {member.user.email for member in members} | extra
