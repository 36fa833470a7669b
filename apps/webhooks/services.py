import json
import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from kombu.exceptions import OperationalError

from apps.core.tenancy import NoTenant, atomic, current_database, on_commit, require_tenant
from apps.webhooks.outbox import PUBLISH, PUBLISH_OF_SESSION, sessions_url
from apps.webhooks.types import TYPES

log = structlog.get_logger(__name__)


@atomic()
def event_publish(*, type: str, data: Mapping[str, Any], session_id: str = "", key: str) -> None:
    """Tells the current tenant's endpoints that something happened, once the transaction is committed and once for
    each key. `session_id` is that of the protocol: a session's events are delivered in order. `data` holds ids and
    facts and no text of a conversation."""
    _publish(PUBLISH, type, {"data": _json(data), "session_id": session_id, "key": f"{type}:{key}"[:200]})


@atomic()
def session_event_publish(
    *, type: str, session_row_id: uuid.UUID, data: Mapping[str, Any] | None = None, of: str = ""
) -> None:
    """The same about a session, with the facts of its row ahead of `data`: once for each session, or for each `of`
    of its."""
    values = {"id": session_row_id, "data": _json(data or {}), "of": of and f":{of}"}
    _publish(PUBLISH_OF_SESSION, type, values | {"sessions_url": sessions_url()})


def senders_nudge() -> None:
    """Tells the workers. Without a broker the next sweep does."""
    from apps.webhooks.tasks import send_webhooks

    try:
        send_webhooks.apply_async(retry=False)
    except OperationalError as error:
        log.warning("webhooks_not_nudged", error=str(error))


def _publish(statement: str, type: str, values: Mapping[str, Any]) -> None:
    if type not in TYPES:
        raise ValueError(f"{type!r} is not among the types of apps.webhooks.types.")
    tenant = require_tenant()
    if not isinstance(tenant, uuid.UUID):
        raise NoTenant("An event is one tenant's: enter tenant_context(tenant_id) to publish it.")
    with connections[current_database()].cursor() as cursor:
        cursor.execute(statement, {"tenant_id": tenant, "type": type, **values})
        if cursor.rowcount:
            on_commit(senders_nudge)


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(dict(data), cls=DjangoJSONEncoder)
