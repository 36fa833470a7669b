"""What every page needs besides its own context."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.dashboard.navigation import navigation_for

THEMES = ("light", "dark")


def shell(request: HttpRequest) -> dict[str, Any]:
    """`theme` is empty where the person's system decides; `navigation` is made only for pages that show it."""
    theme = request.COOKIES.get("theme")
    return {
        "theme": theme if theme in THEMES else "",
        "navigation": SimpleLazyObject(lambda: navigation_for(request)),
    }
