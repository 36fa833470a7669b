from collections.abc import Mapping
from typing import Any

from django.db import models
from structlog.contextvars import get_contextvars

from apps.audit.acting import current_actor
from apps.audit.models import AuditEvent


def record(
    *,
    action: str,
    target: models.Model,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    label: str | None = None,
) -> AuditEvent:
    """Notes in the current tenant's audit log that the current actor did `action` to `target`.

    Call it in the transaction of the change. `label` is what people read, unless it is `str(target)`. Of `before`
    and `after`, what is the same in both is left out.
    """
    actor = current_actor.get()
    if before is not None and after is not None:
        before, after = differences(before, after)
    event = AuditEvent(
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        on_behalf_of=actor.on_behalf_of,
        address=actor.address,
        request_id=get_contextvars().get("request_id", ""),
        action=action,
        target_kind=str(target._meta.verbose_name),
        target_id=str(target.pk),
        target_label=(label or str(target))[:254],
        before=before,
        after=after,
    )
    event.save(force_insert=True)
    return event


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both, without what is the same in both."""
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return (
        {name: before[name] for name in changed if name in before},
        {name: after[name] for name in changed if name in after},
    )


def fields_of(row: models.Model, *names: str) -> dict[str, Any]:
    """A row's fields by name, as the audit log keeps them."""
    return {name: row._meta.get_field(name).value_from_object(row) for name in names}  # type: ignore[union-attr]
