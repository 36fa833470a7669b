"""Addresses that tenants give us: whether they may be reached, as far as can be told when they are given."""

import socket

from django.conf import settings
from django.core.exceptions import ValidationError

from antiphon.outbound.policy import OutboundPolicy, OutboundRefused


def outbound_policy() -> OutboundPolicy:
    """The public internet, and what the operator adds to it."""
    return OutboundPolicy.allowing(settings.OUTBOUND_ALLOW)


def require_address(url: str, field: str) -> None:
    """It is looked at again whenever it is used. A name that can't be resolved at the moment passes. Raises
    ValidationError for `field`."""
    policy = outbound_policy()
    try:
        host = policy.check_url(url).raw_host or ""
        policy.check_addresses(host, _addresses(host))
    except OutboundRefused as refused:
        raise ValidationError({field: str(refused)}) from None


def _addresses(host: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError:
        return set()
