"""Taking out of the database what it holds of a session or of a person."""

from dataclasses import dataclass, field
from typing import Any

from apps.conversations.models import RealtimeSession
from apps.core.models import TenantModel
from apps.core.tenancy import atomic
from apps.files import store
from apps.jobs.models import Job
from apps.privacy.registry import Rows, SessionRef, folder_list, holding_list, kept_list

_ORDER: dict[type[TenantModel], int] = {
    Job: 0,
    RealtimeSession: 2,
}  # a job that is about to finish is waited for
_ROWS_AT_ONCE = 5000
_MOST_IDS = 100  # of one table and session that are listed one by one


@dataclass(slots=True)
class Removed:
    """`rows` has the count and the ids by table, as JSON; `kept` counts by table what stays; `folders` are those of
    its files, which are still there."""

    rows: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)


@atomic()
def session_rows_delete(ref: SessionRef) -> Removed:
    """Everything that any table holds of the session, its own row last."""
    removed = Removed(folders=[store.name_of(kind, ref.id) for kind in folder_list()])
    for holding in sorted(holding_list(), key=lambda holding: _ORDER.get(holding.model, 1)):
        if holding.of_session is not None:
            ids = _rows_delete(holding.model, holding.of_session(ref), removed.rows)
            removed.folders += [holding.files(id) for id in ids] if holding.files else []
    for kept in kept_list():
        if kept.of_session is not None and (count := kept.of_session(ref).count()):
            removed.kept[kept.model._meta.label] = count
    return removed


@atomic()
def person_rows_delete(identifier: str) -> Removed:
    """What names the person besides sessions."""
    removed = Removed()
    for holding in holding_list():
        if holding.of_person is not None:
            _rows_delete(holding.model, holding.of_person(identifier), removed.rows)
    return removed


def _rows_delete(model: type[TenantModel], rows: Rows, removed: dict[str, Any]) -> list[Any]:
    """Returns their ids."""
    rows = rows.order_by("pk")
    ids: list[Any] = []
    while some := list(rows.values_list("pk", flat=True)[:_ROWS_AT_ONCE]):
        ids += some
        _, counts = model.objects.filter(pk__in=some).delete()
        for label, count in counts.items():
            removed.setdefault(label, {"count": 0})["count"] += count
    if ids:
        listed = ids if len(ids) <= _MOST_IDS else [ids[0], ids[-1]]
        key = "ids" if len(ids) <= _MOST_IDS else "first_and_last_id"
        removed[model._meta.label][key] = listed
    return ids
