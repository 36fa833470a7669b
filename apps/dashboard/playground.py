"""Talking to an agent in the browser. The page lends the browser a client secret; no API key ever gets there."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from antiphon.providers.catalogue import loader as catalogue
from apps.agents.selectors import agent_list
from apps.credentials.selectors import credential_list
from apps.dashboard.forms.playground import PlaygroundSettings
from apps.keys.services import client_secret_for_person
from apps.routers.selectors import router_list
from apps.tenants.access import tenant_page
from apps.tenants.endpoints import endpoint_urls
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership
from apps.tenants.slugs import PREFIX

SECRET_LIFE = timedelta(minutes=1)  # to connect in; a session outlives it
EVENT_GROUPS = (
    "session",
    "input",
    "conversation",
    "response",
    "error",
    "other",
)  # as event_store.js has them


@require_safe
@tenant_page(May.TALK)
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    models, voices = _suggestions()
    form = PlaygroundSettings(models=models, voices=voices)
    context = {
        "form": form,
        "groups": EVENT_GROUPS,
        # On this host, whatever others the endpoint has: no policy of browsers stands between.
        "endpoint": f"/{PREFIX}/{membership.tenant_slug}/v1/realtime",
        "base_url": endpoint_urls(membership.tenant_slug, request).base,
        "secret_url": reverse("playground-secret", args=[membership.tenant_slug]),
    }
    return render(request, "dashboard/playground/page.html", context)


@require_POST
@never_cache
@tenant_page(May.TALK)
def secret(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """The settings come with the session's first update, where the page shows them and what was wrong with them."""
    created = client_secret_for_person(
        membership=membership, session_preset='{"type":"realtime"}', expires_after=SECRET_LIFE
    )
    return JsonResponse({"value": created.text, "expires_at": int(created.secret.expires_at.timestamp())})


def _suggestions() -> tuple[list[str], list[str]]:
    """Models and voices to choose from; others can be typed."""
    vendors = {"local", *credential_list().values_list("provider", flat=True)}
    known = [entry for entry in catalogue.entries() if entry.provider in vendors]
    agents = agent_list()
    models = [name for agent in agents for name in (str(agent), f"{agent}@draft")]
    models += [f"router/{name}" for name in router_list().values_list("name", flat=True)]
    models += [entry.name for entry in known if entry.kind in ("language", "realtime")]
    return models, sorted({voice for entry in known for voice in entry.voices})
