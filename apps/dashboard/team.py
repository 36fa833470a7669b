"""Who belongs to the tenant, and who is invited."""

import uuid
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.selectors import users_with_second_factor
from apps.dashboard.forms.team import InviteForm, roles_granted_by
from apps.dashboard.problems import tell, toast
from apps.tenants.access import tenant_page
from apps.tenants.invitations import invitation_create, invitation_resend, invitation_revoke
from apps.tenants.models import Invitation, Membership, Role
from apps.tenants.roles import May, is_above
from apps.tenants.selectors import PersonalMembership, invitation_list, member_list
from apps.tenants.services import (
    membership_leave,
    membership_remove,
    membership_set_role,
    ownership_transfer,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A row of the page."""

    membership: Membership
    has_second_factor: bool
    is_self: bool
    changeable: bool


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    return _render(request, membership, InviteForm(granter=membership.role))


@require_POST
@tenant_page(May.MANAGE_TEAM)
def invite(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = InviteForm(request.POST, granter=membership.role)
    if form.is_valid():
        try:
            sent = invitation_create(
                **form.cleaned_data, granter=membership.role, invited_by=_own(membership)
            )
            messages.success(request, f"{sent.email} was sent a link.")
            return redirect("team", slug=membership.tenant_slug)
        except ValidationError as error:
            tell(form, error)
    return _render(request, membership, form, status=422)


@require_POST
@tenant_page(May.MANAGE_TEAM)
def resend(request: HttpRequest, membership: PersonalMembership, invitation_id: uuid.UUID) -> HttpResponse:
    invitation = _invitation(invitation_id)
    try:
        invitation_resend(invitation=invitation)
        messages.success(request, f"{invitation.email} was sent another link; the old one ended.")
    except ValidationError as error:
        toast(request, error)
    return redirect("team", slug=membership.tenant_slug)


@require_POST
@tenant_page(May.MANAGE_TEAM)
def revoke(request: HttpRequest, membership: PersonalMembership, invitation_id: uuid.UUID) -> HttpResponse:
    invitation_revoke(invitation=_invitation(invitation_id))
    messages.success(request, "The invitation was taken back.")
    return redirect("team", slug=membership.tenant_slug)


@require_POST
@tenant_page(May.MANAGE_TEAM)
def set_role(request: HttpRequest, membership: PersonalMembership, member_id: uuid.UUID) -> HttpResponse:
    member = _member(member_id)
    try:
        role = _role(request.POST.get("role", ""))
        membership_set_role(membership=member, role=role, granter=membership.role)
        messages.success(request, f"{member.user.email} is {role.label.lower()} now.")
    except ValidationError as error:
        toast(request, error)
    return redirect("team", slug=membership.tenant_slug)


@require_POST
@tenant_page(May.MANAGE_TEAM)
def remove(request: HttpRequest, membership: PersonalMembership, member_id: uuid.UUID) -> HttpResponse:
    member = _member(member_id)
    try:
        membership_remove(membership=member, granter=membership.role)
        messages.success(request, f"{member.user.email} is no member any more.")
    except ValidationError as error:
        toast(request, error)
    return redirect("team", slug=membership.tenant_slug)


@require_POST
@tenant_page()
def leave(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    try:
        membership_leave(membership=_own(membership))
    except ValidationError as error:
        toast(request, error)
        return redirect("team", slug=membership.tenant_slug)
    messages.success(request, f"You have left {membership.tenant_name}.")
    return redirect("home")


@require_POST
@tenant_page(May.OWN)
def transfer(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    try:
        successor = _confirmed_successor(request, membership)
        ownership_transfer(owner=_own(membership), successor=successor)
        messages.success(request, f"{successor.user.email} owns {membership.tenant_name} now.")
    except ValidationError as error:
        toast(request, error)
    return redirect("team", slug=membership.tenant_slug)


def _confirmed_successor(request: HttpRequest, membership: PersonalMembership) -> Membership:
    if request.POST.get("confirmation", "").strip() != membership.tenant_slug:
        raise ValidationError(f"Nothing was changed: type {membership.tenant_slug} to confirm.")
    successor = member_list().filter(user__email=request.POST.get("successor", "")).first()
    if successor is None:
        raise ValidationError("Nothing was changed: choose a member as the new owner.")
    return successor


def _role(value: str) -> Role:
    if value not in Role.values:
        raise ValidationError("Choose a role.")
    return Role(value)


def _own(membership: PersonalMembership) -> Membership:
    return Membership.objects.get(id=membership.membership_id)


def _member(member_id: uuid.UUID) -> Membership:
    return get_object_or_404(member_list(), id=member_id)


def _invitation(invitation_id: uuid.UUID) -> Invitation:
    return get_object_or_404(invitation_list(), id=invitation_id)


def _render(
    request: HttpRequest, membership: PersonalMembership, form: InviteForm, *, status: int = 200
) -> HttpResponse:
    rows = list(member_list())
    secured = users_with_second_factor([row.user_id for row in rows])
    members = [
        Member(
            row,
            has_second_factor=row.user_id in secured,
            is_self=row.id == membership.membership_id,
            changeable=row.role != Role.OWNER and not is_above(Role(row.role), membership.role),
        )
        for row in rows
    ]
    context = {
        "membership": membership,
        "members": members,
        "invitations": invitation_list(),
        "form": form,
        "roles": roles_granted_by(membership.role),
    }
    return render(request, "dashboard/team/page.html", context, status=status)
