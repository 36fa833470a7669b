"""Inviting people by mail."""

import secrets
import smtplib

from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.selectors import address_is_verified
from apps.audit.services import record
from apps.core.addresses import site_url
from apps.core.tenancy import atomic, tenant_context
from apps.tenants.models import Invitation, Membership, Role
from apps.tenants.roles import may_grant
from apps.tenants.selectors import InvitationRecord, invitation_digest, invitation_list, invitation_lookup
from apps.tenants.services import membership_create

MOST_OPEN = 100  # in one tenant
RESEND_AFTER_SECONDS = 60


@atomic()
def invitation_create(
    *, email: str, role: Role, granter: Role, invited_by: Membership | None = None
) -> Invitation:
    """Invites an address into the current tenant, as somebody with the role `granter` may, and mails it the link.
    Raises ValidationError."""
    email = email.strip().lower()
    if not may_grant(granter, role):
        raise ValidationError({"role": f"You can't give the role {role.label.lower()}."})
    if Membership.objects.filter(user__email=email).exists():
        raise ValidationError({"email": f"{email} is a member already."})
    if invitation_list().count() >= MOST_OPEN:
        raise ValidationError(f"{MOST_OPEN} invitations are open: take some back first.")
    invitation = Invitation(email=email, role=role, invited_by=invited_by)
    invitation.claim()
    token = _renew(invitation)
    invitation.full_clean()
    invitation.save()
    record(action="invitation.sent", target=invitation, after={"role": role})
    _mail(invitation, token)
    return invitation


@atomic()
def invitation_resend(*, invitation: Invitation) -> Invitation:
    """Mails another link, good for as long as the first was; that one ends. Raises ValidationError."""
    invitation = invitation_list().select_for_update(of=("self",)).get(id=invitation.pk)
    if (timezone.now() - invitation.sent_at).total_seconds() < RESEND_AFTER_SECONDS:
        raise ValidationError(f"{invitation.email} was sent a link just now: wait a minute.")
    token = _renew(invitation)
    invitation.save(update_fields=["digest", "sent_at", "expires_at"])
    record(action="invitation.resent", target=invitation)
    _mail(invitation, token)
    return invitation


@atomic()
def invitation_revoke(*, invitation: Invitation) -> None:
    """Its link ends."""
    record(action="invitation.revoked", target=invitation, before={"role": invitation.role})
    invitation.delete()


def invitation_accept(*, token: str, user: User) -> InvitationRecord:
    """Makes the person a member of the tenant that invited them. Raises ValidationError."""
    found = invitation_lookup(token)
    if found is None:
        raise ValidationError("This invitation was used or taken back: ask for another one.")
    if found.is_expired:
        raise ValidationError("This invitation has expired: ask for another one.")
    if found.email != user.email or not address_is_verified(user):
        raise ValidationError(f"This invitation is for {found.email}: sign in with that address.")
    with tenant_context(found.tenant_id), atomic():
        invitation = invitation_list().select_for_update().filter(id=found.invitation_id).first()
        if invitation is None:
            raise ValidationError("This invitation was used or taken back: ask for another one.")
        if not Membership.objects.filter(user=user).exists():
            membership_create(user=user, role=found.role)
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        record(action="invitation.accepted", target=invitation)
    return found


def _renew(invitation: Invitation) -> str:
    token = secrets.token_urlsafe(32)
    invitation.digest = invitation_digest(token)
    invitation.sent_at = timezone.now()
    invitation.expires_at = invitation.sent_at + Invitation.LIFETIME
    return token


def _mail(invitation: Invitation, token: str) -> None:
    context = {"invitation": invitation, "url": site_url(reverse("invitation", args=[token]))}
    try:
        send_mail(
            f"Join {invitation.tenant.name} on Antiphon",
            render_to_string("tenants/invitation_mail.txt", context),
            from_email=None,
            recipient_list=[invitation.email],
        )
    except (smtplib.SMTPException, OSError):
        raise ValidationError(
            f"The mail to {invitation.email} could not be sent, so nobody was invited. Try again later."
        ) from None
