"""Which sessions and turns are measured."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from apps.agents.models import AgentVersion
from apps.usage.filtering import NONE


@dataclass(frozen=True, slots=True)
class Version:
    agent_id: uuid.UUID
    agent_slug: str
    agent_name: str
    number: int
    model: str

    @property
    def label(self) -> str:
        return f"{self.agent_name} v{self.number}"


@dataclass(frozen=True, slots=True)
class VersionNames:
    """All versions of the current tenant's agents, by their ids."""

    of: Mapping[uuid.UUID, Version]

    def of_agent(self, agent: str) -> list[uuid.UUID]:
        """By its slug, or one version by its id."""
        return [id for id, version in self.of.items() if agent in (version.agent_slug, str(id))]

    def with_model(self, model: str) -> list[uuid.UUID]:
        return [id for id, version in self.of.items() if version.model == model]

    def agents(self) -> dict[str, str]:
        """Names by slug."""
        return {version.agent_slug: version.agent_name for version in self.of.values()}

    def columns(self, field: str) -> tuple[Sequence[uuid.UUID], Sequence[str]]:
        return list(self.of), [getattr(version, field) for version in self.of.values()]


def version_names() -> VersionNames:
    rows = AgentVersion.objects.order_by("agent__name", "number").values_list(
        "id", "agent_id", "agent__slug", "agent__name", "number", "spec__model__name"
    )
    return VersionNames({id: Version(*version) for id, *version in rows})


@dataclass(frozen=True, slots=True)
class Filters:
    """What is None is not asked for. `agent` is a slug or the id of a version; `model` is the one that the agent's
    version names, or else what was asked for. NONE: what has no agent, no language that is known, no
    outcome yet."""

    agent: str | None = None
    model: str | None = None
    language: str | None = None
    outcome: str | None = None

    @property
    def is_empty(self) -> bool:
        return self == Filters()

    def of_sessions(self, names: VersionNames) -> Q:
        asked = self._of_both(names)
        if self.language is not None:
            spoken = None if self.language == NONE else self.language
            asked &= (
                Q(transcript__languages__0__isnull=True)
                if spoken is None
                else Q(transcript__languages__0=spoken)
            )
        return asked & self._of_outcome("insights__outcome")

    def of_turns(self, names: VersionNames) -> Q:
        asked = self._of_both(names)
        if self.language is not None:
            asked &= Q(language="" if self.language == NONE else self.language)
        return asked & self._of_outcome("session__insights__outcome")

    def _of_both(self, names: VersionNames) -> Q:
        asked = Q()
        if self.agent == NONE:
            asked &= Q(agent_version=None)
        elif self.agent is not None:
            asked &= Q(agent_version_id__in=names.of_agent(self.agent))
        if self.model is not None:
            unnamed = Q(agent_version=None) | Q(agent_version_id__in=names.with_model(""))
            asked &= Q(agent_version_id__in=names.with_model(self.model)) | unnamed & Q(model=self.model)
        return asked

    def _of_outcome(self, field: str) -> Q:
        if self.outcome is None:
            return Q()
        return Q(**{f"{field}__isnull": True} if self.outcome == NONE else {field: self.outcome})


EVERYTHING = Filters()
