"""Sessions that run at the same time: each holds a lease, which its process renews until the session ends.

A process that dies frees its leases when they run out. While Valkey does not answer, a process lets in its share of
each limit by what it knows itself, and Valkey learns of these sessions when it is back.
"""

import uuid
from collections import Counter
from collections.abc import Sequence

from apps.limits.meters import process_share
from apps.limits.resolving import Limits
from apps.limits.store import Lease, Store, Unreachable

LEASE_SECONDS = 15.0
RENEWALS = 3  # in the time of a lease
_WHICH = ("", "tenant", "key", "address", "share", "customer")
_NUMBERS = (1, 2, 3, 5)  # of the limits of tenant, key, address and customer, in _WHICH


class TooManySessions(Exception):
    """The message says which limit it is and what to do; `limit` is that of the tenant."""

    def __init__(self, which: str, limits: Limits) -> None:
        super().__init__(_words(which, limits))
        self.which = which
        self.limit = limits.sessions


class Slots:
    def __init__(self, *, processes: int = 1) -> None:
        """`processes` share the limits when Valkey is away."""
        self._processes = processes
        self._held: dict[str, Lease] = {}
        self._counts: Counter[tuple[str, ...]] = Counter()

    @property
    def held(self) -> Sequence[Lease]:
        return list(self._held.values())

    async def acquire(
        self,
        store: Store | None,
        *,
        tenant: str,
        key: str,
        address: str,
        customer: str = "",
        limits: Limits,
    ) -> tuple[Lease, int]:
        """A lease, and how many sessions the tenant then has. Raises TooManySessions."""
        lease = Lease(uuid.uuid4().hex, tenant, key, address, customer)
        per = [limits.sessions, limits.sessions_per_key or 0, limits.sessions_per_address or 0]
        if customer:
            per.append(limits.sessions_per_customer or 0)
        try:
            if store is None:
                raise Unreachable
            refused, running = await store.acquire(lease, per)
        except Unreachable:
            refused, running = self._by_itself(lease, per)
        if refused:
            raise TooManySessions(_WHICH[refused], limits)
        self._held[lease.id] = lease
        self._counts.update(_places(lease))
        return lease, running

    async def release(self, store: Store | None, lease: Lease) -> None:
        if self._held.pop(lease.id, None) is None:
            return
        for place in _places(lease):
            self._counts[place] -= 1
            if not self._counts[place]:
                del self._counts[place]
        try:
            if store is not None:
                await store.release([lease])
        except Unreachable:
            pass  # it ends by itself

    async def renew(self, store: Store) -> None:
        """Raises Unreachable."""
        renewed = self.held
        await store.renew(renewed)
        ended = [lease for lease in renewed if lease.id not in self._held]
        if ended:  # meanwhile, and perhaps renewed after that
            await store.release(ended)

    def _by_itself(self, lease: Lease, limits: Sequence[int]) -> tuple[int, int]:
        counts = [self._counts[place] for place in _places(lease)]
        for number, limit, count in zip(_NUMBERS, limits, counts, strict=False):
            if limit and count >= process_share(limit, self._processes):
                return number, counts[0]
        return 0, counts[0] + 1


def _places(lease: Lease) -> list[tuple[str, ...]]:
    places: list[tuple[str, ...]] = [
        (lease.tenant,),
        (lease.tenant, "key", lease.key),
        (lease.tenant, "address", lease.address),
    ]
    if lease.customer:
        places.append((lease.tenant, "customer", lease.customer))
    return places


def _words(which: str, limits: Limits) -> str:
    match which:
        case "key":
            return (
                f"This API key has {_sessions(limits.sessions_per_key)} at the same time, which is its limit: end "
                "one, use another key, or raise the key's limit."
            )
        case "address":
            return (
                f"From this address come {_sessions(limits.sessions_per_address)} at the same time, which is "
                "the limit of this workspace for each address: end one first."
            )
        case "customer":
            return (
                f"This customer has {limits.sessions_per_customer} sessions at the same time, which is their "
                "limit: end one first, or raise the limit on the page Customers."
            )
        case "share":
            return (
                f"Nearly all of the {_sessions(limits.sessions)} that this workspace may have at the same time are "
                "running, and other API keys wait for the rest: try again shortly, or ask for a higher limit on "
                "the page Limits."
            )
    return (
        f"This workspace has {_sessions(limits.sessions)} at the same time, which is its limit: end one first, or "
        "ask for a higher limit on the page Limits."
    )


def _sessions(count: int | None) -> str:
    return "1 session" if count == 1 else f"{count} sessions"
