"""A session and what its tenant can spend: money is held for it before it begins, and it is wound up when there is
no more."""

from django.conf import settings

from antiphon.engine.session import INTERNAL_ERROR, RunningSession
from apps.billing.keeper import Money, SpendEnded, SpendRefused
from apps.billing.spending import Spender
from apps.conversations import runtime
from apps.conversations.calls import BALANCE_USED_UP
from apps.conversations.gateway import BAD_REQUEST, HandshakeRefused
from apps.conversations.log_store import SessionOpened
from apps.keys.authentication import KeyGrant


async def money_of(grant: KeyGrant, opened: SessionOpened) -> Money:
    """Holds the first step of a session. Raises HandshakeRefused."""
    spender = Spender(
        opened.tenant_id,
        opened.session_id,
        opened.api_key_id,
        opened.agent_version_id,
        opened.customer_id,
    )
    page = f"{settings.PUBLIC_URL}/{grant.tenant_slug}/billing/"
    try:
        return await runtime.spending().open(spender, page=page)
    except SpendRefused as refused:
        code = INTERNAL_ERROR if refused.ended.is_outage else BAD_REQUEST
        raise HandshakeRefused(refused.ended.refused, code) from None


def wind_up(session: RunningSession, ended: SpendEnded) -> None:
    """Ends a session that may spend no more, with a goodbye."""
    session.wind_up(
        refused=ended.refused,
        goodbye=ended.goodbye,
        code=INTERNAL_ERROR if ended.is_outage else BAD_REQUEST,
        reason="server_error" if ended.is_outage else BALANCE_USED_UP,
    )
