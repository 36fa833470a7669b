"""Which limits hold for a tenant: its own, else its plan's, else the platform's."""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What a plan, or a tenant's own agreement, says of limits; None: nothing.

    `requests_per_minute` are REST requests, of each key. The rest counts sessions that run at the same time, and
    client events of all of them. Where a limit by key or by address is None everywhere, the tenant's alone holds.
    """

    sessions: int | None = None
    events_per_second: int | None = None
    sessions_per_key: int | None = None
    events_per_second_per_key: int | None = None
    sessions_per_address: int | None = None
    requests_per_minute: int | None = None


NAMES = tuple(field.name for field in fields(PlanLimits))
NOTHING = PlanLimits()


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds now. None: no limit besides the tenant's. Those by customer are of one of the tenant's own, whom
    no plan knows."""

    sessions: int
    events_per_second: int
    requests_per_minute: int
    sessions_per_key: int | None = None
    events_per_second_per_key: int | None = None
    sessions_per_address: int | None = None
    sessions_per_customer: int | None = None
    events_per_second_per_customer: int | None = None

    def of_key(self, *, sessions: int | None, events_per_second: int | None) -> "Limits":
        """For a key with limits of its own, which can only be tighter than what every key may."""
        return replace(
            self,
            sessions_per_key=_tighter(self.sessions_per_key, sessions),
            events_per_second_per_key=_tighter(self.events_per_second_per_key, events_per_second),
        )

    def of_customer(self, *, sessions: int | None, events_per_second: int | None) -> "Limits":
        """For what is on the account of a customer with these limits."""
        return replace(self, sessions_per_customer=sessions, events_per_second_per_customer=events_per_second)


def resolved(own: PlanLimits | None, plan: PlanLimits | None, platform: Limits) -> Limits:
    """Each limit by itself: the tenant's own, else the plan's, else the platform's."""
    return Limits(**{name: resolved_with_source(name, own, plan, platform)[0] for name in NAMES})  # type: ignore[arg-type]


def resolved_with_source(
    name: str, own: PlanLimits | None, plan: PlanLimits | None, platform: Limits
) -> tuple[int | None, str]:
    """One limit, and where it comes from: `own`, `plan` or `platform`."""
    for source, limits in (("own", own), ("plan", plan)):
        if limits is not None and (value := getattr(limits, name)) is not None:
            return value, source
    return getattr(platform, name), "platform"


def _tighter(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
