"""What every page needs besides its own context."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.billing.banners import Banner, banners
from apps.core.tenancy import tenant_context
from apps.dashboard.navigation import navigation_for
from apps.tenants.roles import May

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
    """For who looks after the workspace's money; none on the page that says it at length."""
    membership = getattr(request, "membership", None)
    if membership is None or not membership.may.get(May.MANAGE_BILLING):
        return []
    here = request.resolver_match.url_name if request.resolver_match else None
    with tenant_context(membership.tenant_id):  # errors are shown outside the view
        return [banner for banner in banners() if banner.page != here]
