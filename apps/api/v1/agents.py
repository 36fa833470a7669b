import uuid
from datetime import datetime
from typing import Annotated, Any

from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.agents.models import Agent, AgentVersion, TrafficShare
from apps.agents.selectors import agent_find, agent_list, version_find, version_list
from apps.agents.services import (
    agent_archive,
    agent_create,
    agent_duplicate,
    agent_publish,
    agent_restore,
    agent_save_draft,
    agent_split_traffic,
    agent_unarchive,
    agent_update,
)
from apps.agents.spec import read_spec
from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import not_found
from apps.api.v1.types import Name
from apps.keys.models import Scope

area = Area("Agents")

Spec = Annotated[
    dict[str, Any],
    Field(
        description="What the agent is: an AgentSpec, of which every part may be left out.",
        json_schema_extra={"x-schema": "AgentSpec"},
    ),
]
Tags = Annotated[list[Annotated[str, Field(min_length=1, max_length=40)]], Field(max_length=20)]
Revision = Annotated[int, Field(ge=0, lt=2**31, description="The draft's, of which the changes start.")]


class AgentOut(Schema):
    """An agent and its draft. Sessions name it `agent/<slug>`, and get what is published."""

    id: uuid.UUID
    slug: str = Field(examples=["front-desk"])
    name: str = Field(examples=["Front desk"])
    tags: list[str]
    draft: Spec
    draft_revision: int = Field(description="Counts the changes of the draft.")
    draft_saved_at: datetime
    draft_saved_by: str
    traffic: dict[str, int] = Field(
        description="The weight of each version that new sessions get, by its number.", examples=[{"3": 1}]
    )
    created_at: datetime
    archived_at: datetime | None

    @staticmethod
    def resolve_traffic(agent: Agent) -> dict[str, int]:
        shares = TrafficShare.objects.filter(agent=agent).select_related("version")
        return {str(share.version.number): share.weight for share in shares}


class AgentPage(Page[AgentOut]):
    pass


class VersionOut(Schema):
    """What an agent was when it was published: it never changes."""

    number: int
    notes: str
    published_at: datetime
    published_by: str
    spec: Spec


class VersionPage(Page[VersionOut]):
    pass


class NewAgent(BaseModel):
    model_config = ConfigDict(extra="forbid")

    slug: str = Field(min_length=1, max_length=63, description="In the model's name, for good.")
    name: Name
    tags: Tags = []
    template: str = Field("", max_length=40, description="A draft to start from; empty: an empty one.")


class AgentChanges(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    tags: Tags


class Draft(BaseModel):
    model_config = ConfigDict(extra="forbid")

    spec: Spec
    revision: Revision


class Publication(BaseModel):
    model_config = ConfigDict(extra="forbid")

    notes: str = Field("", max_length=1000, description="What is new.")
    revision: Revision | None = Field(None, description="Null: whatever the draft is now.")


class Traffic(BaseModel):
    model_config = ConfigDict(extra="forbid")

    weights: dict[Annotated[int, Field(ge=1, lt=2**31)], Annotated[int, Field(ge=0, le=1000)]] = Field(
        min_length=1, max_length=20, description="By the number of a version.", examples=[{"3": 9, "4": 1}]
    )


class AgentQuery(PageQuery):
    archived: bool = False
    tag: str = Field("", max_length=40)


@area.operation("GET", "/agents", "agents_list", scope=Scope.AGENTS_READ, response=AgentPage)
def list_agents(request: ApiRequest, query: Query[AgentQuery]) -> Any:
    """List agents."""
    agents = agent_list(archived=query.archived, tag=query.tag)
    return page_of(agents, query, by="slug", newest_first=False)


@area.operation("POST", "/agents", "agents_create", scope=Scope.AGENTS_WRITE, response=AgentOut, status=201)
def create(request: ApiRequest, body: NewAgent) -> Agent:
    """Make an agent."""
    return agent_create(**body.model_dump())


@area.operation("GET", "/agents/{slug}", "agents_get", scope=Scope.AGENTS_READ, response=AgentOut)
def get(request: ApiRequest, slug: str) -> Agent:
    """Show an agent and its draft."""
    return _find(slug)


@area.operation("PATCH", "/agents/{slug}", "agents_update", scope=Scope.AGENTS_WRITE, response=AgentOut)
def update(request: ApiRequest, slug: str, body: AgentChanges) -> Agent:
    """Change an agent's name and tags."""
    return agent_update(agent=_find(slug), **body.model_dump())


@area.operation(
    "PUT", "/agents/{slug}/draft", "agents_save_draft", scope=Scope.AGENTS_WRITE, response=AgentOut
)
def save_draft(request: ApiRequest, slug: str, body: Draft) -> Agent:
    """Save an agent's draft.

    If somebody else saved it since the revision that the changes start from, nothing is saved: 409.
    """
    return agent_save_draft(agent=_find(slug), spec=read_spec(body.spec), revision=body.revision)


@area.operation(
    "POST",
    "/agents/{slug}/publish",
    "agents_publish",
    scope=Scope.AGENTS_WRITE,
    response=VersionOut,
    status=201,
)
def publish(request: ApiRequest, slug: str, body: Publication) -> AgentVersion:
    """Publish an agent's draft.

    It becomes the next version, which gets all new sessions. `errors` names every field that keeps it from that.
    """
    return agent_publish(agent=_find(slug), notes=body.notes, revision=body.revision)


@area.operation(
    "GET", "/agents/{slug}/versions", "agents_versions", scope=Scope.AGENTS_READ, response=VersionPage
)
def list_versions(request: ApiRequest, slug: str, query: Query[PageQuery]) -> Any:
    """List an agent's versions, the newest first."""
    return page_of(version_list(_find(slug)), query, by="number")


@area.operation(
    "GET",
    "/agents/{slug}/versions/{int:number}",
    "agents_version",
    scope=Scope.AGENTS_READ,
    response=VersionOut,
)
def get_version(request: ApiRequest, slug: str, number: int) -> AgentVersion:
    """Show a version of an agent."""
    return _version(_find(slug), number)


@area.operation(
    "POST",
    "/agents/{slug}/versions/{int:number}/restore",
    "agents_restore",
    scope=Scope.AGENTS_WRITE,
    response=AgentOut,
)
def restore(request: ApiRequest, slug: str, number: int) -> Agent:
    """Make a version the draft again.

    What sessions get does not change.
    """
    agent = _find(slug)
    return agent_restore(agent=agent, version=_version(agent, number))


@area.operation(
    "PUT", "/agents/{slug}/traffic", "agents_split_traffic", scope=Scope.AGENTS_WRITE, response=AgentOut
)
def split_traffic(request: ApiRequest, slug: str, body: Traffic) -> Agent:
    """Share new sessions out among an agent's versions, by weight."""
    return agent_split_traffic(agent=_find(slug), weights=body.weights)


@area.operation(
    "POST",
    "/agents/{slug}/duplicate",
    "agents_duplicate",
    scope=Scope.AGENTS_WRITE,
    response=AgentOut,
    status=201,
)
def duplicate(request: ApiRequest, slug: str) -> Agent:
    """Make another agent with the same draft."""
    return agent_duplicate(agent=_find(slug))


@area.operation(
    "POST", "/agents/{slug}/archive", "agents_archive", scope=Scope.AGENTS_WRITE, response=AgentOut
)
def archive(request: ApiRequest, slug: str) -> Agent:
    """Archive an agent: no new session gets it."""
    return agent_archive(agent=_find(slug))


@area.operation(
    "POST", "/agents/{slug}/unarchive", "agents_unarchive", scope=Scope.AGENTS_WRITE, response=AgentOut
)
def unarchive(request: ApiRequest, slug: str) -> Agent:
    """Take an agent back from the archive."""
    return agent_unarchive(agent=_find(slug))


def _find(slug: str) -> Agent:
    """Raises Problem."""
    agent = agent_find(slug)
    if agent is None:
        raise not_found("agent")
    return agent


def _version(agent: Agent, number: int) -> AgentVersion:
    """Raises Problem."""
    version = version_find(agent, number)
    if version is None:
        raise not_found("version")
    return version
