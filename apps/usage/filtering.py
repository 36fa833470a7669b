"""Which part of a tenant's usage is asked for. Lines and their sums differ in the same ways, so they share it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from apps.agents.models import AgentVersion

NONE: Literal["-"] = "-"
"""What was used without a key, without an agent, or for no customer. No agent can be called so."""

Asked = uuid.UUID | Literal["-"] | None


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """What is None is not asked for; `agent` is a slug, or the id of a version, which outlives a deleted agent."""

    kind: str | None = None
    model: str | None = None
    agent: str | None = None
    api_key_id: Asked = None
    customer_id: Asked = None

    @property
    def conditions(self) -> Mapping[str, Any]:
        """For `filter` on lines and on sums."""
        found: dict[str, Any] = {}
        if self.kind is not None:
            found["kind"] = self.kind
        if self.model is not None:
            found["model"] = self.model
        if self.agent == NONE:
            found["agent_version_id"] = None
        elif self.agent is not None and (version_id := _uuid(self.agent)):
            found["agent_version_id"] = version_id
        elif self.agent is not None:
            found["agent_version_id__in"] = AgentVersion.objects.filter(agent__slug=self.agent).values("id")
        for name in ("api_key_id", "customer_id"):
            asked = getattr(self, name)
            if asked is not None:
                found[name] = None if asked == NONE else asked
        return found

    @property
    def is_empty(self) -> bool:
        return self == UsageFilter()

    @property
    def is_of_sessions(self) -> bool:
        """Whether it is sessions as a whole that it tells apart, and not parts of them."""
        return self.kind is None and self.model is None and self.customer_id is None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
