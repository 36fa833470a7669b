"""Sessions that run now, as the people of their tenant see them."""

from collections.abc import Mapping, Sequence
from typing import Any

from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError
from django.db.models.functions import Now

from apps.audit.services import record
from apps.conversations import runtime
from apps.conversations.calls import NoSuchCall
from apps.conversations.directory import OutOfReach
from apps.conversations.models import RealtimeSession
from apps.conversations.selectors import session_list
from apps.conversations.services import ABANDONED_AFTER
from apps.core.tenancy import atomic

_MOST_SHOWN = 100


def running_sessions(asked: Mapping[str, Any] | None = None) -> Sequence[RealtimeSession]:
    """The current tenant's sessions that gave a sign of life lately, the newest first, in whichever process they
    run; `asked` is for `session_list`."""
    running = session_list(**(asked or {}), is_open=True).filter(alive_at__gte=Now() - ABANDONED_AFTER)
    return list(running.select_related("api_key", "agent_version__agent")[:_MOST_SHOWN])


def session_end(*, session: RealtimeSession) -> None:
    """Hangs up on the session's client, whichever process it is in. Raises ValidationError if it is over."""
    with atomic():
        record(action="session.ended", target=session)
        try:
            async_to_sync(runtime.calls.hang_up)(session.call_id, str(session.tenant_id))
        except NoSuchCall:
            raise ValidationError("This session is over already.") from None
        except OutOfReach:
            raise ValidationError("The process of this session does not answer: try again.") from None
