"""Agents: the list, the editor, versions, and how clients use them."""

import json
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.agents import selectors, services
from apps.agents.diffing import spec_diff
from apps.agents.models import Agent
from apps.agents.spec import AgentSpec, document_of, read_spec
from apps.agents.starters import starters
from apps.conversations.selectors import AgentActivity, agent_activity
from apps.dashboard.agent_code import snippets
from apps.dashboard.agent_editing import DraftForms, editing_context, faults_of
from apps.dashboard.forms.agents import DetailsForm, NewAgentForm, PublishForm
from apps.tenants.access import require, tenant_page
from apps.tenants.endpoints import endpoint_urls
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership

_PAGES = "dashboard/agents/"


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent in the list; `activity` is None before its first session."""

    agent: Agent
    activity: AgentActivity | None

    @property
    def status(self) -> tuple[str, str]:
        """In words, and as a kind of badge."""
        specs = [share.version.spec for share in self.agent.shares.all()]
        if self.agent.archived_at:
            return "Archived", "neutral"
        if not specs:
            return "Draft", "neutral"
        return ("Live", "success") if self.agent.draft in specs else ("Live, draft ahead", "info")


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def index(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """The list; posting to it makes an agent."""
    form = NewAgentForm(request.POST or None, initial={"template": request.GET.get("template")})
    if request.method == "POST":
        require(membership, May.BUILD)
        if form.is_valid() and (agent := _made(form)):
            return redirect("agent", membership.tenant_slug, agent.slug)
    archived, tag = "archived" in request.GET, request.GET.get("tag", "")
    activity = agent_activity()
    context = {
        "rows": [
            AgentRow(agent, activity.get(agent.id))
            for agent in selectors.agent_list(archived=archived, tag=tag)
        ],
        "tags": selectors.tag_list(),
        "archived": archived,
        "tag": tag,
        "starters": starters(),
        "form": form,
        "dialog_open": form.is_bound or "template" in request.GET,
    }
    return render(request, f"{_PAGES}index.html", context)


def _made(form: NewAgentForm) -> Agent | None:
    """None if that was refused, which the form then says."""
    given = form.cleaned_data
    try:
        return services.agent_create(
            slug=given["slug"] or slugify(given["name"]), name=given["name"], template=given["template"]
        )
    except ValidationError as refused:
        for name, texts in refused.message_dict.items():
            form.add_error(name if name in form.fields else None, texts)
    return None


@require_GET
@tenant_page()
def editor(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    agent = _agent(agent_slug)
    spec = read_spec(agent.draft)
    context = editing_context(agent, spec, DraftForms.showing(spec), membership)
    more = {"details": DetailsForm.of(agent), "part": "editor"}
    return render(request, f"{_PAGES}editor.html", context | more)


@require_POST
@tenant_page(May.BUILD)
def save_draft(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    """Takes what can be read of the fields; the answer tells the page how it stands now."""
    agent = _agent(agent_slug)
    forms = DraftForms.entered(request.POST, read_spec(agent.draft))
    conflict = None
    try:
        agent = services.agent_save_draft(agent=agent, spec=forms.spec, revision=forms.revision)
    except services.DraftConflict as error:
        conflict = error
    if not request.htmx:  # type: ignore[attr-defined]
        messages.add_message(request, *_outcome(conflict))
        return redirect("agent", membership.tenant_slug, agent.slug)
    context = editing_context(agent, forms.spec, forms, membership)
    return render(request, f"{_PAGES}saved.html", context | {"conflict": conflict})


@require_POST
@tenant_page(May.BUILD)
def save_details(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    agent = _agent(agent_slug)
    form = DetailsForm(request.POST)
    try:
        if form.is_valid():
            services.agent_update(agent=agent, **form.cleaned_data)
    except ValidationError as refused:
        form.add_error(None, refused.messages)
    _toast_errors(request, form)
    return redirect("agent", membership.tenant_slug, agent.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(May.BUILD)
def publish(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    """What would change; posting publishes it."""
    agent = _agent(agent_slug)
    form = PublishForm(request.POST or None, initial={"revision": agent.draft_revision})
    if request.method == "POST" and form.is_valid() and (number := _published(agent, form)):
        messages.success(request, f"{agent}@{number} is live: new sessions get it.")
        return redirect("agent-versions", membership.tenant_slug, agent.slug)
    spec = read_spec(agent.draft)
    latest = selectors.version_list(agent).first()
    context = {
        "agent": agent,
        "form": form,
        "faults": faults_of(spec),
        "latest": latest,
        "changes": spec_diff(read_spec(latest.spec) if latest else AgentSpec(), spec),
    }
    return render(request, f"{_PAGES}publish.html", context)


def _published(agent: Agent, form: PublishForm) -> int | None:
    """The new version's number; None if that was refused, which the form then says."""
    try:
        return services.agent_publish(agent=agent, **form.cleaned_data).number
    except services.DraftConflict as conflict:
        form.add_error(
            None, f"{conflict.agent.draft_saved_by} changed this draft meanwhile: look at it again."
        )
    except ValidationError as refused:
        form.add_error(None, refused.messages)
    return None


@require_GET
@tenant_page()
def versions(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    agent = _agent(agent_slug)
    found = selectors.version_list(agent)
    total = selectors.total_weight(agent)
    context = {"agent": agent, "versions": found, "total": total, "part": "versions"}
    return render(request, f"{_PAGES}versions.html", context)


@require_POST
@tenant_page(May.BUILD)
def split_traffic(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    agent = _agent(agent_slug)
    given = {name: value for name, value in request.POST.items() if name.isdigit()}
    try:
        weights = {int(number): int(str(value) or 0) for number, value in given.items()}
        services.agent_split_traffic(agent=agent, weights=weights)
        messages.success(request, "New sessions are shared out like this from now on.")
    except ValueError:
        messages.error(request, "Weights are whole numbers from 0 to 1000.")
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("agent-versions", membership.tenant_slug, agent.slug)


@require_POST
@tenant_page(May.BUILD)
def restore(
    request: HttpRequest, membership: PersonalMembership, agent_slug: str, number: int
) -> HttpResponse:
    agent = _agent(agent_slug)
    version = selectors.version_find(agent, number)
    if version is None:
        raise Http404(f"{agent} has no version {number}.")
    services.agent_restore(agent=agent, version=version)
    messages.success(request, f"The draft is version {number} now. Publish it to give it to sessions.")
    return redirect("agent", membership.tenant_slug, agent.slug)


@require_GET
@tenant_page()
def compare(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    """`before` and `after` are numbers of versions, or `draft`: unless said, the newest version and the draft."""
    agent = _agent(agent_slug)
    versions = list(selectors.version_list(agent))
    newest = str(versions[0].number) if versions else "draft"
    before, after = request.GET.get("before", newest), request.GET.get("after", "draft")
    old, new = selectors.spec_of(agent, before), selectors.spec_of(agent, after)
    if old is None or new is None:
        raise Http404(f"{agent} has no such version.")
    context = {
        "agent": agent,
        "part": "versions",
        "before": before,
        "after": after,
        "changes": spec_diff(old, new),
        "versions": versions,
    }
    return render(request, f"{_PAGES}compare.html", context)


@require_GET
@tenant_page()
def code(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    agent = _agent(agent_slug)
    spec = read_spec(agent.draft)
    urls = endpoint_urls(membership.tenant_slug, request)
    context = {
        "agent": agent,
        "part": "code",
        "snippets": snippets(agent, spec, urls),
        "json": json.dumps(document_of(spec), indent=2, ensure_ascii=False),
    }
    return render(request, f"{_PAGES}code.html", context)


@require_POST
@tenant_page(May.BUILD)
def duplicate(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    copy = services.agent_duplicate(agent=_agent(agent_slug))
    messages.success(request, f"This is the copy: {copy}.")
    return redirect("agent", membership.tenant_slug, copy.slug)


@require_POST
@tenant_page(May.BUILD)
def archive(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    agent = services.agent_archive(agent=_agent(agent_slug))
    messages.success(request, f"{agent.name} is archived: no new session gets it. Find it under Archived.")
    return redirect("agents", membership.tenant_slug)


@require_POST
@tenant_page(May.BUILD)
def unarchive(request: HttpRequest, membership: PersonalMembership, agent_slug: str) -> HttpResponse:
    agent = services.agent_unarchive(agent=_agent(agent_slug))
    messages.success(request, f"{agent.name} is back.")
    return redirect("agent", membership.tenant_slug, agent.slug)


def _agent(slug: str) -> Agent:
    agent = selectors.agent_find(slug)
    if agent is None:
        raise Http404("No such agent.")
    return agent


def _outcome(conflict: services.DraftConflict | None) -> tuple[int, str]:
    return (messages.ERROR, str(conflict)) if conflict else (messages.SUCCESS, "The draft is saved.")


def _toast_errors(request: HttpRequest, form: forms.Form) -> None:
    for texts in form.errors.values():
        messages.error(request, " ".join(map(str, texts)))
