"""What tenants can subscribe to: data, from `data/plans.json` or the file that PLANS_FILE names.

The first plan is everybody's to begin with.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import structlog
from django.conf import settings
from msgspec import Struct

DATA = Path(__file__).parent / "data" / "plans.json"
_KEY = r"^[a-z0-9][a-z0-9-]{0,39}$"

log = structlog.get_logger(__name__)


class PlansError(Exception):
    """The file of plans can't be used. Each line is a sentence."""


class PlanLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """None is the platform's default."""

    sessions: int | None = None
    events_per_second: int | None = None
    sessions_per_key: int | None = None
    events_per_second_per_key: int | None = None
    sessions_per_address: int | None = None
    requests_per_minute: int | None = None


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """`price_micro` is a month's. `included_micro` is given every month and expires with it; `trial_micro` once, to
    a tenant whose first plan this is. `markup_bp` is added to what vendors list, in 1/100 %. `cap_micro` is what a
    tenant that pays by invoice may use before it is invoiced."""

    key: str
    name: str
    mode: Literal["prepaid", "postpaid"]
    description: str = ""
    price_micro: int = 0
    included_micro: int = 0
    trial_micro: int = 0
    markup_bp: int = 0
    cap_micro: int = 0
    limits: PlanLimits = PlanLimits()
    entitlements: tuple[str, ...] = ()


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    plans: tuple[Plan, ...]


class Plans(Mapping[str, Plan]):
    """By key, in the file's order."""

    def __init__(self, plans: tuple[Plan, ...]) -> None:
        self._plans = {plan.key: plan for plan in plans}
        self.first = plans[0]

    def __getitem__(self, key: str) -> Plan:
        return self._plans[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)

    def of(self, key: str) -> Plan:
        """That of a tenant. One that the file has no more counts as the first, and is an error in the log."""
        if key and key not in self._plans:
            log.error("plan_unknown", plan=key)
        return self._plans.get(key, self.first)


def plans() -> Plans:
    """Raises PlansError."""
    return _read(Path(settings.PLANS_FILE or DATA))


@cache
def _read(path: Path) -> Plans:
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise PlansError(f"The file of plans {str(path)!r} can't be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:  # a ValidationError is one
        raise PlansError(f"The file of plans {str(path)!r} can't be used: {error}.") from None
    if problems := _problems(file.plans):
        raise PlansError("\n".join(f"The file of plans {str(path)!r}: {problem}" for problem in problems))
    return Plans(file.plans)


def _problems(given: tuple[Plan, ...]) -> list[str]:
    if not given:
        return ["it has no plan, and needs one at least."]
    problems = []
    keys = [plan.key for plan in given]
    for plan in given:
        if not re.match(_KEY, plan.key):
            problems.append(f"the key {plan.key!r} must be of lower-case letters, digits and hyphens.")
        if keys.count(plan.key) > 1:
            problems.append(f"there is more than one plan {plan.key!r}.")
        for name in ("price_micro", "included_micro", "trial_micro", "cap_micro"):
            if getattr(plan, name) < 0:
                problems.append(f"{name} of the plan {plan.key!r} must not be below 0.")
        if plan.markup_bp < -10_000:
            problems.append(
                f"markup_bp of the plan {plan.key!r} must be at least -10000, which is for nothing."
            )
        if plan.mode == "postpaid" and not plan.cap_micro:
            problems.append(f"the plan {plan.key!r} is postpaid, so it needs a cap_micro above 0.")
        for name in PlanLimits.__struct_fields__:
            if (limit := getattr(plan.limits, name)) is not None and limit < 1:
                problems.append(f"{name} of the plan {plan.key!r} must be at least 1.")
    return list(dict.fromkeys(problems))
