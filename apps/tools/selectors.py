from collections.abc import Mapping, Sequence

import msgspec
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone

from antiphon.protocol.session import FunctionTool, McpTool, ToolConfig
from antiphon.providers.http_tools.calls import HttpTool
from apps.credentials.sealing import Unsealable
from apps.tools.models import SigningSecret, Tool, ToolKind


def tool_list() -> QuerySet[Tool]:
    """The current tenant's tools that are not archived, by name."""
    return Tool.objects.filter(archived_at=None)


def tool_find(slug: str) -> Tool | None:
    return tool_list().filter(slug=slug).first()


def archived_tool_list() -> QuerySet[Tool]:
    """The current tenant's archived tools, the latest first."""
    return Tool.objects.exclude(archived_at=None).order_by("-archived_at")


def session_tools(slugs: Sequence[str]) -> list[ToolConfig]:
    """These tools as a session declares them, in this order. Raises ValidationError for those that are unknown or
    archived, or whose headers can't be decrypted."""
    return [_config(tool) for tool in _usable(slugs)]


def runners_of(names: Sequence[str]) -> dict[str, HttpTool]:
    """Those among these functions that the platform runs itself, with their secrets. The others are the app's.
    Raises ValidationError for one whose secrets can't be decrypted."""
    tools = tool_list().filter(kind=ToolKind.HTTP, slug__in=names)
    return {tool.slug: http_tool(tool) for tool in tools.prefetch_related("headers", "signing_secrets")}


def http_tool(tool: Tool) -> HttpTool:
    """All that it takes to call the tool. Raises ValidationError if its secrets can't be decrypted."""
    try:
        secrets = tuple(secret.unseal_key() or "" for secret in active_secrets(tool))
    except Unsealable as error:
        message = f"The signing secret of {tool} can't be decrypted: rotate it. {error}"
        raise ValidationError({"signing_secret": message}) from None
    return HttpTool(
        name=tool.slug,
        url=tool.url,
        headers=tuple(headers_of(tool).items()),
        signing_secrets=secrets,
        timeout=tool.timeout_ms / 1000,
        max_body=tool.max_response_bytes,
    )


def active_secrets(tool: Tool) -> list[SigningSecret]:
    """What calls of the tool are signed with now, the newest first."""
    now = timezone.now()
    return [row for row in tool.signing_secrets.all() if row.expires_at is None or row.expires_at > now]


def headers_of(tool: Tool) -> Mapping[str, str]:
    """Raises ValidationError if one can't be decrypted."""
    try:
        return {header.name: header.unseal_key() or "" for header in tool.headers.all()}
    except Unsealable as error:
        message = f"The headers of {tool} can't be decrypted: enter them again. {error}"
        raise ValidationError({"headers": message}) from None


def _usable(slugs: Sequence[str]) -> list[Tool]:
    wanted = list(dict.fromkeys(slugs))
    if not wanted:
        return []
    found = {
        tool.slug: tool
        for tool in tool_list().filter(slug__in=wanted).prefetch_related("headers", "signing_secrets")
    }
    missing = [slug for slug in wanted if slug not in found]
    if missing:
        archived = set(archived_tool_list().filter(slug__in=missing).values_list("slug", flat=True))
        raise ValidationError({"tools": [_missing(slug, slug in archived) for slug in missing]})
    return [found[slug] for slug in wanted]


def _missing(slug: str, archived: bool) -> str:
    if archived:
        return f"The tool {slug!r} is archived: restore it, or leave it out."
    return f"There is no tool called {slug!r}: make it first, or leave it out."


def _config(tool: Tool) -> ToolConfig:
    if tool.kind == ToolKind.MCP:
        return McpTool(
            server_label=tool.slug,
            server_url=tool.url,
            server_description=tool.description or None,
            headers=dict(headers_of(tool)) or None,
            allowed_tools=tool.allowed_tools or None,
            require_approval=tool.require_approval,  # type: ignore[arg-type]
        )
    return FunctionTool(
        name=tool.slug, description=_told(tool) or None, parameters=msgspec.json.decode(tool.parameters)
    )


def _told(tool: Tool) -> str:
    """What models read of it. They say the phrase themselves, so it is spoken in every voice and language."""
    if not tool.speak_while_running:
        return tool.description
    phrase = f'Before you call this function, say this to the user: "{tool.speak_while_running}"'
    return f"{tool.description}\n{phrase}".strip()
