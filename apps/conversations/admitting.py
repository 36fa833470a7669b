"""One more session of a tenant: a place among those that may run at the same time, or a refusal."""

from antiphon.protocol import errors
from apps.conversations.gateway import BAD_REQUEST, Handshake, HandshakeRefused
from apps.keys.authentication import KeyGrant
from apps.limits.process import Place, ProcessLimits, session_headers
from apps.limits.resolving import Limits
from apps.limits.slots import TooManySessions

_PEOPLE = "people"  # who talk in the playground, with no API key: together they are as one


async def admit(process: ProcessLimits, handshake: Handshake, grant: KeyGrant, limits: Limits) -> Place:
    """Raises HandshakeRefused."""
    own = limits.of_key(sessions=grant.sessions_limit, events_per_second=grant.events_per_second_limit)
    if customer := grant.customer:
        own = own.of_customer(
            sessions=customer.sessions_limit, events_per_second=customer.events_per_second_limit
        )
    try:
        return await process.enter(
            tenant=str(grant.tenant_id),
            key=str(grant.key_id or _PEOPLE),
            address=handshake.caller.address or "",
            customer=str(customer.id) if customer else "",
            limits=own,
        )
    except TooManySessions as refused:
        error = errors.invalid_request("rate_limit_exceeded", str(refused))
        headers = session_headers(refused.limit, refused.limit)
        raise HandshakeRefused(error, BAD_REQUEST, headers) from None
