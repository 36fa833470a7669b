"""The tenant's tools, by their slugs."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError

from antiphon.protocol.session import ToolConfig


def session_tools(slugs: Sequence[str]) -> list[ToolConfig]:
    """These tools as a session declares them. Raises ValidationError for those there are not."""
    if slugs:
        missing = [f"There is no tool called {slug!r}: make it first, or leave it out." for slug in slugs]
        raise ValidationError({"tools": missing})
    return []
