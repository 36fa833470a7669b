"""What the sidebar and the command palette lead to: one row per area that works."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from django.http import HttpRequest
from django.urls import reverse

from apps.tenants.roles import May

START, BUILD, OBSERVE, CONNECT, MANAGE = "Start", "Build", "Observe", "Connect", "Manage"


@dataclass(frozen=True, slots=True)
class Entry:
    """An area of a tenant. Its URL takes the tenant's slug; `permission` is what its page demands."""

    label: str
    url_name: str
    icon: str  # a name at lucide.dev
    group: str
    permission: May = May.VIEW
    guide: str = ""  # the document that explains it


# In the order of the sidebar; rows of one group stand together.
NAVIGATION = (
    Entry("Overview", "tenant", "house", START),
    Entry("Agents", "agents", "bot", BUILD, guide="agents"),
    Entry("Tools", "tools", "wrench", BUILD, guide="tools"),
    Entry("Playground", "playground", "mic", BUILD, May.TALK),
    Entry("Routers", "routers", "split", BUILD, guide="routers"),
    Entry("Voices", "voices", "audio-lines", BUILD),
    Entry("Sessions", "sessions", "messages-square", OBSERVE, guide="transcripts"),
    Entry("Live", "live", "radio", OBSERVE),
    Entry("Logs", "logs", "triangle-alert", OBSERVE),
    Entry("Analytics", "analytics", "chart-line", OBSERVE, guide="analytics"),
    Entry("Usage", "usage", "chart-column", OBSERVE, guide="usage-pages"),
    Entry("Reports", "reports", "file-text", OBSERVE, guide="reports"),
    Entry("API keys", "keys", "key-round", CONNECT, guide="management-api"),
    Entry("Customers", "customers", "handshake", CONNECT, guide="customers"),
    Entry("Providers", "providers", "plug", CONNECT, guide="providers"),
    Entry("Webhooks", "webhooks", "webhook", CONNECT, May.CONNECT, guide="webhooks"),
    Entry("Budgets", "budgets", "wallet", MANAGE, guide="billing"),
    Entry("Team", "team", "users", MANAGE),
    Entry("Limits", "limits", "gauge", MANAGE, guide="limits"),
    Entry("Billing", "billing", "credit-card", MANAGE, guide="billing"),
    Entry("Privacy", "privacy", "shield-check", MANAGE, May.DELETE_SESSIONS, guide="privacy"),
    Entry("Audit log", "audit", "scroll-text", MANAGE, May.READ_AUDIT),
    Entry("Settings", "settings", "settings", MANAGE, May.MANAGE_SETTINGS),
)


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str
    icon: str
    current: bool
    guide: str


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    links: tuple[Link, ...]


def navigation_for(request: HttpRequest) -> list[Group]:
    """The areas that the person may see, none outside a tenant."""
    membership = getattr(request, "membership", None)
    if membership is None:
        return []
    shown = [entry for entry in NAVIGATION if membership.may.get(entry.permission)]
    urls = {entry: reverse(entry.url_name, args=[membership.tenant_slug]) for entry in shown}
    # A page below an area belongs to it, but not every page to the tenant's first one, which all are below.
    current = next(
        (
            url
            for entry, url in urls.items()
            if request.path == url or (entry.url_name != "tenant" and request.path.startswith(url))
        ),
        None,
    )
    return list(_groups(shown, urls, current))


def _groups(shown: list[Entry], urls: dict[Entry, str], current: str | None) -> Iterator[Group]:
    for label, entries in groupby(shown, key=lambda entry: entry.group):
        yield Group(
            label,
            tuple(
                Link(entry.label, urls[entry], entry.icon, urls[entry] == current, entry.guide)
                for entry in entries
            ),
        )
