"""What every page needs besides its own context."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.billing.banners import Banner, banners
from apps.core.tenancy import tenant_context
from apps.dashboard.navigation import navigation_for
from apps.tenants.roles import May
from apps.webhooks.selectors import disabled_endpoints

THEMES = ("light", "dark")


def shell(request: HttpRequest) -> dict[str, Any]:
    """`theme` is empty where the person's system decides; `navigation` and `banners` are made only for pages
    that show them."""
    theme = request.COOKIES.get("theme")
    return {
        "theme": theme if theme in THEMES else "",
        "navigation": SimpleLazyObject(lambda: navigation_for(request)),
        "banners": SimpleLazyObject(lambda: _banners_for(request)),
    }


def _banners_for(request: HttpRequest) -> list[Banner]:
    """For who may do something about it; none on the page that says it at length."""
    membership = getattr(request, "membership", None)
    if membership is None or not (membership.may.get(May.MANAGE_BILLING) or membership.may.get(May.CONNECT)):
        return []
    here = request.resolver_match.url_name if request.resolver_match else None
    found: list[Banner] = []
    with tenant_context(membership.tenant_id):  # errors are shown outside the view
        if membership.may.get(May.MANAGE_BILLING):
            found += banners()
        if membership.may.get(May.CONNECT):
            found += _of_webhooks()
    return [banner for banner in found if banner.page != here]


def _of_webhooks() -> list[Banner]:
    disabled = disabled_endpoints()
    if not disabled:
        return []
    title = "A webhook was disabled" if len(disabled) == 1 else f"{len(disabled)} webhooks were disabled"
    return [Banner("warning", title, "Your server is not told of what happens here.", "webhooks")]
