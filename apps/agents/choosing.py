"""Which version of an agent a new session gets."""

import hashlib
import random
import re
import uuid
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from django.core.exceptions import ValidationError

from antiphon.protocol.session import ToolConfig
from apps.agents.models import SLUG, Agent, AgentVersion, TrafficShare
from apps.agents.spec import AgentSpec, read_spec
from apps.core.tenancy import tenant_context
from apps.tools.selectors import session_tools

PREFIX = "agent/"
_NAME = re.compile(rf"agent/(?P<slug>{SLUG})(?:@(?P<version>[1-9]\d{{0,8}}|draft))?")
_POINTS = 2**32


class AgentRefused(Exception):
    """No session gets this agent; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ChosenAgent:
    """`name` is what its session is called by, with the version; `version_id` is None for a draft."""

    name: str
    version_id: uuid.UUID | None
    spec: AgentSpec
    tools: Sequence[ToolConfig]


def agent_choose(*, tenant_id: uuid.UUID, name: str, identity: str = "") -> ChosenAgent:
    """The version that `agent/<slug>`, `agent/<slug>@<number>` or `agent/<slug>@draft` stands for now.

    Where several share an agent's sessions, whoever has an `identity` gets the same one each time while the shares
    stay as they are. Raises AgentRefused.
    """
    asked = _NAME.fullmatch(name)
    if asked is None:
        raise AgentRefused(f"{name!r} is no agent: agents are named agent/<slug> or agent/<slug>@<version>.")
    with tenant_context(tenant_id):
        agent = Agent.objects.filter(slug=asked["slug"]).first()
        if agent is None:
            raise AgentRefused(
                f"There is no agent {asked['slug']!r}: the dashboard lists the agents there are."
            )
        if agent.archived_at is not None:
            raise AgentRefused(f"{agent} is archived: take it back from the archive, or use another agent.")
        if asked["version"] == "draft":
            spec, version = read_spec(agent.draft), None
        else:
            version = _version(agent, asked["version"], identity)
            spec = read_spec(version.spec)
        try:
            tools = session_tools(spec.tools)
        except ValidationError as error:
            raise AgentRefused(f"{agent} can't be used now. {' '.join(error.messages)}") from None
    called = f"{agent}@{version.number if version else 'draft'}"
    return ChosenAgent(called, version.id if version else None, spec, tools)


def _version(agent: Agent, number: str | None, identity: str) -> AgentVersion:
    if number is not None:
        version = AgentVersion.objects.filter(agent=agent, number=int(number)).first()
        if version is None:
            raise AgentRefused(f"{agent} has no version {number}: its page lists those it has.")
        return version
    shares = list(TrafficShare.objects.filter(agent=agent).select_related("version"))
    if not shares:
        raise AgentRefused(f"{agent} was never published: publish it, or talk to {agent}@draft.")
    weights = {share.version: share.weight for share in shares}
    return _weighted(weights, _point(agent.id, identity))


def _weighted(weights: Mapping[AgentVersion, int], point: float) -> AgentVersion:
    """`point` is from 0 to below 1. In the order of their numbers: a changed weight moves few."""
    bounds = list(accumulate(weights.values()))
    return list(weights)[bisect_right(bounds, point * bounds[-1])]


def _point(agent_id: uuid.UUID, identity: str) -> float:
    """The same for the same identity: from 0 to below 1."""
    if not identity:
        return random.random()
    digest = hashlib.sha256(agent_id.bytes + identity.encode()).digest()
    return int.from_bytes(digest[:4], "big") / _POINTS
