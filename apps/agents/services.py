from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.agents.checking import problems
from apps.agents.models import Agent, AgentVersion, TrafficShare
from apps.agents.spec import AgentSpec, document_of, read_spec
from apps.agents.starters import starter
from apps.audit.acting import current_actor
from apps.audit.services import fields_of, record
from apps.core.tenancy import atomic
from apps.tools.selectors import session_tools

ONE_EDIT = timedelta(minutes=10)  # saves of one person that follow each other are one entry of the audit log


class DraftConflict(Exception):
    """Somebody else saved the draft meanwhile; `agent` is as they left it."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        super().__init__(
            f"{agent.draft_saved_by or 'Somebody'} saved this draft meanwhile: load it, or save yours in its place."
        )


@atomic()
def agent_create(*, slug: str, name: str, template: str = "", tags: Sequence[str] = ()) -> Agent:
    """With the draft of a template, or with an empty one. Raises ValidationError."""
    spec = starter(template).spec if template else AgentSpec()
    agent = Agent(slug=slug, name=name, tags=list(tags), draft=document_of(spec), draft_saved_by=_actor())
    _save_new(agent)
    record(
        action="agent.created",
        target=agent,
        after=fields_of(agent, "slug", "name", "tags") | {"template": template},
    )
    return agent


@atomic()
def agent_update(*, agent: Agent, name: str, tags: Sequence[str]) -> Agent:
    """What people call it. Its slug stays, for clients use it. Raises ValidationError."""
    before = fields_of(agent, "name", "tags")
    agent.name, agent.tags = name, list(tags)
    agent.full_clean(exclude=["draft"])
    agent.save(update_fields=["name", "tags"])
    record(action="agent.updated", target=agent, before=before, after=fields_of(agent, "name", "tags"))
    return agent


@atomic()
def agent_save_draft(*, agent: Agent, spec: AgentSpec, revision: int) -> Agent:
    """`revision` is that of the draft which was changed. What is still missing keeps no draft from being saved.
    Raises DraftConflict."""
    current = _locked(agent)
    if current.draft_revision != revision:
        raise DraftConflict(current)
    if current.draft != (draft := document_of(spec)):
        goes_on = current.draft_saved_by == _actor() and timezone.now() - current.draft_saved_at < ONE_EDIT
        _keep_draft(current, draft)
        if not goes_on:
            record(action="agent.draft_edited", target=current)
    return current


@atomic()
def agent_publish(*, agent: Agent, notes: str = "", revision: int | None = None) -> AgentVersion:
    """Makes the draft the next version, which gets all new sessions from now on; those that run keep theirs.

    `revision`, if given, is that of the draft which is meant. Raises ValidationError, with every fault of the draft
    by its path, and DraftConflict.
    """
    agent = _locked(agent)
    if revision is not None and agent.draft_revision != revision:
        raise DraftConflict(agent)
    _require_unarchived(agent)
    spec = read_spec(agent.draft)
    check_spec(spec)
    latest = AgentVersion.objects.filter(agent=agent).first()
    version = AgentVersion(
        agent=agent,
        number=latest.number + 1 if latest else 1,
        spec=document_of(spec),
        notes=notes,
        published_by=_actor(),
    )
    version.claim()
    version.full_clean()
    version.save(force_insert=True)
    before = _shares(agent)
    _share_out(agent, {version: 1})
    record(
        action="agent.published",
        target=agent,
        before={"traffic": before},
        after={"version": version.number, "notes": notes, "traffic": _shares(agent)},
    )
    return version


def check_spec(spec: AgentSpec) -> None:
    """Raises ValidationError with all that keeps the spec from being published, by the paths of its fields."""
    faults: dict[str, list[str]] = {}
    for problem in problems(spec, longest_session=settings.SESSION_MAX_SECONDS):
        faults.setdefault(problem.path, []).append(problem.message)
    try:
        session_tools(spec.tools)
    except ValidationError as error:
        faults.setdefault("tools", []).extend(error.messages)
    if faults:
        raise ValidationError({path: list(messages) for path, messages in faults.items()})


@atomic()
def agent_restore(*, agent: Agent, version: AgentVersion) -> Agent:
    """Makes a version the draft. What sessions get does not change."""
    current = _locked(agent)
    before = current.draft
    _keep_draft(current, version.spec)
    record(
        action="agent.restored",
        target=current,
        before={"draft": before},
        after={"draft": version.spec, "version": version.number},
    )
    return current


@atomic()
def agent_split_traffic(*, agent: Agent, weights: Mapping[int, int]) -> Agent:
    """New sessions get each version, by its number, as often as its weight says; 0 is never. Raises
    ValidationError."""
    agent = _locked(agent)
    versions = {version.number: version for version in AgentVersion.objects.filter(agent=agent)}
    if unknown := sorted(set(weights) - set(versions)):
        raise ValidationError({"weights": f"{agent} has no version {unknown[0]}."})
    if not any(weights.values()):
        raise ValidationError({"weights": "Give at least one version a weight above 0."})
    before = _shares(agent)
    _share_out(agent, {versions[number]: weight for number, weight in weights.items() if weight})
    record(action="agent.traffic_split", target=agent, before=before, after=_shares(agent))
    return agent


@atomic()
def agent_duplicate(*, agent: Agent) -> Agent:
    """A new agent with the draft of this one, and none of its versions. Raises ValidationError."""
    taken = set(Agent.objects.filter(slug__startswith=agent.slug[:50]).values_list("slug", flat=True))
    number = next(n for n in range(2, len(taken) + 3) if f"{agent.slug[:50]}-{n}" not in taken)
    copy = Agent(
        slug=f"{agent.slug[:50]}-{number}",
        name=f"{agent.name[:90]} ({number})",
        tags=agent.tags,
        draft=agent.draft,
        draft_saved_by=_actor(),
    )
    _save_new(copy)
    record(
        action="agent.created",
        target=copy,
        after=fields_of(copy, "slug", "name", "tags") | {"copy_of": agent.slug},
    )
    return copy


@atomic()
def agent_archive(*, agent: Agent) -> Agent:
    """No new session gets it; those that run go on. Archiving again changes nothing."""
    agent = _locked(agent)
    if agent.archived_at is None:
        agent.archived_at = timezone.now()
        agent.save(update_fields=["archived_at"])
        record(action="agent.archived", target=agent)
    return agent


@atomic()
def agent_unarchive(*, agent: Agent) -> Agent:
    """As it was before it was archived."""
    agent = _locked(agent)
    if agent.archived_at is not None:
        agent.archived_at = None
        agent.save(update_fields=["archived_at"])
        record(action="agent.unarchived", target=agent)
    return agent


def draft_preset(*, agent: Agent, variables: Mapping[str, str] | None = None) -> dict[str, object]:
    """The session that a client secret for talking to the draft brings, as JSON. The draft is read when the session
    opens, so what is saved meanwhile counts."""
    preset: dict[str, object] = {"type": "realtime", "model": f"{agent}@draft"}
    if variables:
        preset["providerData"] = {"antiphon": {"variables": dict(variables)}}
    return preset


def _locked(agent: Agent) -> Agent:
    return Agent.objects.select_for_update().get(pk=agent.pk)


def _save_new(agent: Agent) -> None:
    agent.claim()
    agent.full_clean(exclude=["draft"])
    agent.save(force_insert=True)


def _keep_draft(agent: Agent, draft: Mapping[str, Any]) -> None:
    agent.draft = draft
    agent.draft_revision += 1
    agent.draft_saved_at = timezone.now()
    agent.draft_saved_by = _actor()
    agent.save(update_fields=["draft", "draft_revision", "draft_saved_at", "draft_saved_by"])


def _share_out(agent: Agent, weights: Mapping[AgentVersion, int]) -> None:
    TrafficShare.objects.filter(agent=agent).delete()
    for version, weight in weights.items():
        share = TrafficShare(agent=agent, version=version, weight=weight)
        share.claim()
        share.full_clean()
        share.save()


def _shares(agent: Agent) -> dict[str, int]:
    shares = TrafficShare.objects.filter(agent=agent).select_related("version")
    return {f"@{share.version.number}": share.weight for share in shares}


def _require_unarchived(agent: Agent) -> None:
    if agent.archived_at is not None:
        raise ValidationError(f"{agent} is archived: take it back from the archive first.")


def _actor() -> str:
    return current_actor.get().label
