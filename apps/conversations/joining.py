"""Asking for a session that runs already: a sideband by its call id, a resumed client by its token."""

from antiphon.protocol import errors
from antiphon.transports.relay_link import Request
from apps.conversations.calls import token_digest
from apps.conversations.gateway import BAD_KEY, Handshake, HandshakeRefused, dialect_of
from apps.keys.authentication import KeyGrant


def request_of(handshake: Handshake, grant: KeyGrant) -> Request | None:
    """Which running session is asked for; None for a new one. Raises HandshakeRefused."""
    asked = {name: values[0] for name, values in handshake.query.items()}
    tenant_id, dialect = str(grant.tenant_id), dialect_of(handshake, grant)
    customer_id = str(grant.customer.id) if grant.customer else ""
    if handshake.resumes:
        return Request(
            want="resume",
            tenant_id=tenant_id,
            token_digest=token_digest(asked["resume"]),
            last_event_id=asked.get("last_event_id", ""),
            dialect=dialect,
            customer_id=customer_id,
        )
    if "call_id" not in asked:
        return None
    if grant.client_secret_id is not None:
        message = "A client secret opens a session of its own: use an API key to reach one that runs."
        raise HandshakeRefused(errors.invalid_request("insufficient_scope", message), BAD_KEY)
    return Request(
        want="attach",
        tenant_id=tenant_id,
        call_id=asked["call_id"],
        dialect=dialect,
        customer_id=customer_id,
    )
