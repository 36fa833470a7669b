from django.db.models import Func, Max, QuerySet, Sum

from apps.agents.models import Agent, AgentVersion, TrafficShare
from apps.agents.spec import AgentSpec, read_spec


def agent_list(*, archived: bool = False, tag: str = "") -> QuerySet[Agent]:
    """The current tenant's agents with `latest`, the number of their newest version, and the versions that they
    share out; by name."""
    agents = Agent.objects.filter(archived_at__isnull=not archived).annotate(latest=Max("versions__number"))
    agents = agents.prefetch_related("shares__version")
    return agents.filter(tags__contains=[tag]) if tag else agents


def tag_list() -> list[str]:
    """All tags of the current tenant's agents."""
    tags = Agent.objects.filter(archived_at=None).values_list(Func("tags", function="unnest"), flat=True)
    return sorted(set(tags))


def agent_find(slug: str) -> Agent | None:
    """Of the current tenant, archived or not."""
    return Agent.objects.filter(slug=slug).first()


def live_agents() -> QuerySet[Agent]:
    """Those that sessions can name."""
    return Agent.objects.filter(archived_at=None, shares__isnull=False).distinct()


def version_list(agent: Agent) -> QuerySet[AgentVersion]:
    """The newest first, each with its share of traffic, if it has one."""
    return AgentVersion.objects.filter(agent=agent).select_related("share")


def version_find(agent: Agent, number: int) -> AgentVersion | None:
    return AgentVersion.objects.filter(agent=agent, number=number).first()


def total_weight(agent: Agent) -> int:
    """Of all shares of its traffic."""
    return TrafficShare.objects.filter(agent=agent).aggregate(total=Sum("weight"))["total"] or 0


def spec_of(agent: Agent, version: str) -> AgentSpec | None:
    """Of `draft` or a version's number; None for a version that is not there."""
    if version == "draft":
        return read_spec(agent.draft)
    found = version_find(agent, int(version)) if version.isdigit() else None
    return read_spec(found.spec) if found else None


def is_published(agent: Agent) -> bool:
    """Whether the draft is what all sessions get."""
    shares = list(TrafficShare.objects.filter(agent=agent).select_related("version"))
    return len(shares) == 1 and shares[0].version.spec == agent.draft
