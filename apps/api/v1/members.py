import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import not_found
from apps.keys.models import Scope
from apps.tenants.invitations import invitation_create, invitation_resend, invitation_revoke
from apps.tenants.models import Invitation, Membership, Role
from apps.tenants.selectors import invitation_list, member_list
from apps.tenants.services import membership_remove, membership_set_role

area = Area("Team")

AS = Role.ADMIN  # what a key may do to members that has the scope for it
Granted = Annotated[
    Literal[Role.ADMIN, Role.DEVELOPER, Role.VIEWER],
    Field(description="Ownership is handed over in the dashboard."),
]


class Member(Schema):
    id: uuid.UUID
    email: str = Field(alias="user.email", examples=["bob@example.com"])
    name: str = Field(alias="user.name", examples=["Bob"])
    role: Role
    created_at: datetime
    last_active_at: datetime | None


class MemberPage(Page[Member]):
    pass


class InvitationOut(Schema):
    """It is accepted by the link in a mail."""

    id: uuid.UUID
    email: str
    role: Role
    sent_at: datetime
    expires_at: datetime


class InvitationPage(Page[InvitationOut]):
    pass


class NewInvitation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str = Field(min_length=3, max_length=254, examples=["bob@example.com"])
    role: Granted


class RoleChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Granted


@area.operation("GET", "/members", "members_list", scope=Scope.MEMBERS_READ, response=MemberPage)
def list_members(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List the members, the oldest first."""
    return page_of(member_list(), query, by="created_at", newest_first=False)


@area.operation(
    "PATCH", "/members/{uuid:member_id}", "members_set_role", scope=Scope.MEMBERS_WRITE, response=Member
)
def set_role(request: ApiRequest, member_id: uuid.UUID, body: RoleChange) -> Membership:
    """Give a member another role."""
    return membership_set_role(membership=_member(member_id), role=Role(body.role), granter=AS)


@area.operation(
    "DELETE",
    "/members/{uuid:member_id}",
    "members_remove",
    scope=Scope.MEMBERS_WRITE,
    response=None,
    status=204,
)
def remove(request: ApiRequest, member_id: uuid.UUID) -> None:
    """Take a member out of the workspace."""
    membership_remove(membership=_member(member_id), granter=AS)


@area.operation("GET", "/invitations", "invitations_list", scope=Scope.MEMBERS_READ, response=InvitationPage)
def list_invitations(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List the invitations that nobody has accepted, the newest first."""
    return page_of(invitation_list(), query, by="sent_at")


@area.operation(
    "POST",
    "/invitations",
    "invitations_create",
    scope=Scope.MEMBERS_WRITE,
    response=InvitationOut,
    status=201,
)
def invite(request: ApiRequest, body: NewInvitation) -> Invitation:
    """Invite somebody by mail."""
    return invitation_create(email=body.email, role=Role(body.role), granter=AS)


@area.operation(
    "POST",
    "/invitations/{uuid:invitation_id}/resend",
    "invitations_resend",
    scope=Scope.MEMBERS_WRITE,
    response=InvitationOut,
)
def resend(request: ApiRequest, invitation_id: uuid.UUID) -> Invitation:
    """Send an invitation again, with another link."""
    return invitation_resend(invitation=_invitation(invitation_id))


@area.operation(
    "DELETE",
    "/invitations/{uuid:invitation_id}",
    "invitations_revoke",
    scope=Scope.MEMBERS_WRITE,
    response=None,
    status=204,
)
def revoke(request: ApiRequest, invitation_id: uuid.UUID) -> None:
    """Take an invitation back."""
    invitation_revoke(invitation=_invitation(invitation_id))


def _member(member_id: uuid.UUID) -> Membership:
    """Raises Problem."""
    member = member_list().filter(id=member_id).first()
    if member is None:
        raise not_found("member")
    return member


def _invitation(invitation_id: uuid.UUID) -> Invitation:
    """Raises Problem."""
    invitation = invitation_list().filter(id=invitation_id).first()
    if invitation is None:
        raise not_found("invitation")
    return invitation
