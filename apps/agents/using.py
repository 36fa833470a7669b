"""Which agents use a provider, or a tool."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence

from antiphon.providers.routing.format import PREFIX
from apps.agents.models import Agent, TrafficShare
from apps.agents.spec import AgentSpec, read_spec
from apps.routers.selectors import routers_of


def agents_by_provider(tenant_id: uuid.UUID) -> Mapping[str, Sequence[Agent]]:
    """By a provider's slug: the current tenant's agents of which a version that sessions get names one of its
    models, by itself or through a router. Two queries."""
    routers = routers_of(tenant_id)
    found: defaultdict[str, dict[uuid.UUID, Agent]] = defaultdict(dict)
    for share in TrafficShare.objects.select_related("agent", "version").order_by("agent__name"):
        for name in _named(read_spec(share.version.spec)):
            router = routers.get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
            for model in router.models if router else (name,):
                found[model.partition("/")[0]][share.agent_id] = share.agent
    return {provider: list(agents.values()) for provider, agents in found.items()}


def agents_by_tool() -> Mapping[str, Sequence[Agent]]:
    """By a tool's slug: the current tenant's agents whose draft, or a version that sessions get, has it."""
    found: defaultdict[str, dict[uuid.UUID, Agent]] = defaultdict(dict)
    agents = Agent.objects.filter(archived_at=None).order_by("name").prefetch_related("shares__version")
    for agent in agents:
        for spec in (agent.draft, *(share.version.spec for share in agent.shares.all())):
            for slug in read_spec(spec).tools:
                found[slug][agent.id] = agent
    return {slug: list(users.values()) for slug, users in found.items()}


def _named(spec: AgentSpec) -> list[str]:
    return [name for name in (spec.model.name, spec.hearing.model, spec.voice.model) if name]
