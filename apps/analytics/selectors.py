import uuid

from django.db.models import Q, QuerySet

from apps.analytics.models import DefaultView, SavedView


def saved_view_list(*, member_id: uuid.UUID) -> QuerySet[SavedView]:
    """What this member sees: the workspace's and their own, by name."""
    return SavedView.objects.filter(Q(owner=None) | Q(owner_id=member_id))


def default_view_of(*, member_id: uuid.UUID) -> SavedView | None:
    found = DefaultView.objects.filter(member_id=member_id).select_related("view").first()
    return None if found is None else found.view
