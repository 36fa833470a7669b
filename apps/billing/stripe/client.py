"""The one way to Stripe: the SDK's client, with the version of the API pinned.

Without STRIPE_SECRET_KEY its calls end in the stand-in, `apps.billing.fake`, and go no further.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

import stripe
from django.conf import settings
from django.db import connections

from apps.core.tenancy import atomic, current_database, require_tenant

API_VERSION = "2026-10-28.endive"  # changed by a commit of its own, with the stand-in
CURRENCY = "usd"
MICRO_PER_CENT = 10_000
_RETRIES = 2

_replaced: list[stripe.StripeClient] = []


def client() -> stripe.StripeClient:
    return _replaced[-1] if _replaced else _client()


@cache
def _client() -> stripe.StripeClient:
    if settings.STRIPE_SECRET_KEY:
        return stripe.StripeClient(
            settings.STRIPE_SECRET_KEY, stripe_version=API_VERSION, max_network_retries=_RETRIES
        )
    from apps.billing.stripe.stand_in import KEY, stand_in

    return stripe.StripeClient(
        KEY, stripe_version=API_VERSION, max_network_retries=_RETRIES, http_client=stand_in()
    )


@contextmanager
def replaced(by: stripe.StripeClient) -> Iterator[None]:
    """For tests."""
    _replaced.append(by)
    try:
        yield
    finally:
        _replaced.pop()


def is_stand_in() -> bool:
    """No money moves."""
    return not settings.STRIPE_SECRET_KEY


@contextmanager
def at_stripe() -> Iterator[None]:
    """A transaction in which only one thing at a time is done about the current tenant at Stripe.

    What is fetched inside is written before anybody fetches something newer, so that old never replaces new.
    Sessions that spend don't wait for it: that is another lock.
    """
    tenant = require_tenant()
    assert isinstance(tenant, uuid.UUID)
    with atomic():
        with connections[current_database()].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [tenant.int & (2**63 - 1)])
        yield


def cents_of(micro: int) -> int:
    """Raises ValueError for what is no whole number of cents."""
    cents, rest = divmod(micro, MICRO_PER_CENT)
    if rest:
        raise ValueError(f"{micro} micro-dollars are no whole cents.")
    return cents


def micro_of(cents: int | None) -> int:
    return (cents or 0) * MICRO_PER_CENT


def share_of(amount: int, part: int, whole: int) -> int:
    """The part of an amount in micro-dollars, in whole cents, rounded half up."""
    if not whole:
        return 0
    cents = (Decimal(amount) * part / whole / MICRO_PER_CENT).quantize(Decimal(1), ROUND_HALF_UP)
    return int(cents) * MICRO_PER_CENT


def moment(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def maybe_moment(timestamp: int | None) -> datetime | None:
    return None if timestamp is None else moment(timestamp)


def metadata_of(thing: object) -> dict[str, str]:
    """What we wrote on an object at Stripe."""
    found = getattr(thing, "metadata", None)
    return dict(found.to_dict()) if found else {}


def id_of(thing: object) -> str:
    """Of what Stripe names by id, or shows whole when it was asked to expand it; empty for nothing."""
    if thing is None or isinstance(thing, str):
        return thing or ""
    return str(thing.id)  # type: ignore[attr-defined]
