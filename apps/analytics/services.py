"""Saved views of the current tenant: made, changed, deleted."""

import uuid

from django.core.exceptions import ValidationError

from apps.analytics.models import DefaultView, SavedView
from apps.audit.services import fields_of, record
from apps.core.tenancy import atomic
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership

MOST_VIEWS = 100  # of one workspace
_NOTED = ("name", "query", "owner")


@atomic()
def saved_view_create(
    *, name: str, query: str, member: PersonalMembership, is_shared: bool = False
) -> SavedView:
    """Raises ValidationError, with what to do."""
    if SavedView.objects.count() >= MOST_VIEWS:
        raise ValidationError(f"A workspace has at most {MOST_VIEWS} saved views: delete one first.")
    if is_shared:
        _may_share(member)
    view = SavedView(
        name=name.strip(),
        query=query,
        owner_id=None if is_shared else member.membership_id,
        created_by_id=member.membership_id,
    )
    view.claim()
    _check(view)
    view.save(force_insert=True)
    record(action="saved_view.created", target=view, after=fields_of(view, *_NOTED))
    return view


@atomic()
def saved_view_update(
    *,
    view: SavedView,
    member: PersonalMembership,
    name: str | None = None,
    query: str | None = None,
    is_shared: bool | None = None,
) -> SavedView:
    """What is None stays. Raises ValidationError, with what to do."""
    _may_change(view, member)
    before = fields_of(view, *_NOTED)
    if is_shared is not None and is_shared != view.is_shared:
        _may_share(member)
        view.owner_id = None if is_shared else member.membership_id
        if not is_shared:
            DefaultView.objects.filter(view=view).exclude(member_id=member.membership_id).delete()
    view.name = view.name if name is None else name.strip()
    view.query = view.query if query is None else query
    _check(view)
    after = fields_of(view, *_NOTED)
    if after != before:
        view.save()
        record(action="saved_view.updated", target=view, before=before, after=after)
    return view


@atomic()
def saved_view_delete(*, view: SavedView, member: PersonalMembership) -> None:
    """Raises ValidationError for who may not."""
    _may_change(view, member)
    record(action="saved_view.deleted", target=view, before=fields_of(view, *_NOTED))
    view.delete()


@atomic()
def default_view_set(*, member_id: uuid.UUID, view: SavedView | None) -> None:
    """The page opens with it for this member; with None as it does for everybody."""
    if view is None:
        DefaultView.objects.filter(member_id=member_id).delete()
    else:
        DefaultView.objects.update_or_create(member_id=member_id, defaults={"view": view})


def may_change(view: SavedView, member: PersonalMembership) -> bool:
    """Their own; a shared one if they made it, or manage the workspace's settings."""
    if view.owner_id is not None:
        return view.owner_id == member.membership_id
    made_it = view.created_by_id == member.membership_id and member.allows(May.BUILD)
    return made_it or member.allows(May.MANAGE_SETTINGS)


def _may_change(view: SavedView, member: PersonalMembership) -> None:
    if not may_change(view, member):
        raise ValidationError("This view is shared: ask who made it, or an admin, to change it.")


def _may_share(member: PersonalMembership) -> None:
    if not member.allows(May.BUILD):
        raise ValidationError("Viewers save views for themselves only: ask a developer to share one.")


def _check(view: SavedView) -> None:
    if not view.name:
        raise ValidationError({"name": "Give the view a name."})
    others = SavedView.objects.filter(owner_id=view.owner_id, name=view.name).exclude(id=view.id)
    if others.exists():
        whose = "The workspace has" if view.is_shared else "You have"
        raise ValidationError({"name": f"{whose} a view of this name: choose another."})
    view.full_clean(validate_unique=False, validate_constraints=False)
