"""What ids of a report are called: of what is deleted, only the id is left."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from apps.customers.selectors import customer_names
from apps.usage.breakdowns import names_of
from apps.usage.filtering import NONE, UsageFilter
from apps.usage.models import Kind
from apps.usage.periods import Period

DELETED = "deleted"


@dataclass(frozen=True)
class Naming:
    """Of the current tenant; read once for a report."""

    keys: Mapping[uuid.UUID, str]
    versions: Mapping[uuid.UUID, tuple[str, str, int]]
    customers: Mapping[uuid.UUID, str]

    @classmethod
    def now(cls) -> "Naming":
        names = names_of()
        return cls(names.keys, names.agents, customer_names())

    @cached_property
    def agents(self) -> Mapping[str, str]:
        """By slug."""
        return {slug: name for slug, name, _ in self.versions.values()}

    def key(self, id: uuid.UUID | None) -> str:
        return "" if id is None else self.keys.get(id, f"{DELETED}: {id}")

    def customer(self, id: uuid.UUID | None) -> str:
        return "" if id is None else self.customers.get(id, f"{DELETED}: {id}")

    def agent(self, version_id: uuid.UUID | None) -> tuple[str, int | None]:
        """Its name, and the number of the version."""
        if version_id is None:
            return "", None
        found = self.versions.get(version_id)
        return (found[1], found[2]) if found else (f"{DELETED}: {version_id}", None)

    def told(self, only: UsageFilter) -> str:
        """What a report is narrowed to, in words; empty if it is not."""
        told = []
        if only.kind is not None:
            told.append(f"kind {Kind(only.kind).label}")
        if only.model is not None:
            told.append(f"model {only.model}")
        if only.agent is not None:
            told.append(
                "no agent" if only.agent == NONE else f"agent {self.agents.get(only.agent, only.agent)}"
            )
        if only.api_key_id is not None:
            told.append("no API key" if only.api_key_id == NONE else f"API key {self.key(only.api_key_id)}")
        if only.customer_id is not None:
            told.append(
                "no customer" if only.customer_id == NONE else f"customer {self.customer(only.customer_id)}"
            )
        return ", ".join(told)


def period_told(period: Period) -> str:
    if period.first == period.last:
        return f"{period.first}, a day of UTC"
    return f"{period.first} to {period.last}, {period.days} days of UTC"
