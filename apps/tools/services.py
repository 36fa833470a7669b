import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone

from antiphon.outbound.policy import OutboundRefused, check_headers
from apps.audit import services as audit
from apps.core.outbound import require_address
from apps.core.tenancy import atomic
from apps.credentials.sealing import Unsealable
from apps.tenants.models import Membership
from apps.tools.models import NO_PARAMETERS, Approval, SigningSecret, Tool, ToolHeader, ToolKind
from apps.tools.parameters import BadParameters, parse
from apps.tools.selectors import active_secrets, tool_list

OVERLAP = timedelta(hours=24)  # in which a rotated secret still signs
LONGEST_VALUE = 4096  # characters of a header
MOST_HEADERS = 16
_SECRET_BYTES = 32
_AUDITED = (
    "slug",
    "kind",
    "description",
    "parameters",
    "speak_while_running",
    "url",
    "timeout_ms",
    "max_response_bytes",
    "allowed_tools",
    "require_approval",
)
_RESERVED = frozenset(
    {"content-type", "idempotency-key", "webhook-id", "webhook-timestamp", "webhook-signature"}
)

Headers = Mapping[str, str | None]
"""By name. None: the value that is kept already."""


@dataclass(frozen=True, slots=True)
class CreatedTool:
    """`signing_secret` is shown once; empty for kinds that the platform does not call."""

    tool: Tool
    signing_secret: str


@dataclass(slots=True)
class CallsMade:
    """Calls of one tool in one session."""

    calls: int = 0
    failures: int = 0
    timeouts: int = 0
    last_error: str = ""
    last_at: datetime | None = None


@atomic()
def tool_create(
    *,
    slug: str,
    kind: str,
    description: str = "",
    parameters: str = NO_PARAMETERS,
    speak_while_running: str = "",
    url: str = "",
    headers: Headers | None = None,
    timeout_ms: int = 10_000,
    max_response_bytes: int = 64 * 1024,
    allowed_tools: Sequence[str] = (),
    require_approval: str = Approval.NEVER,
    created_by: Membership | None = None,
) -> CreatedTool:
    """Makes a tool of the current tenant. Raises ValidationError."""
    tool = Tool(
        slug=slug,
        kind=kind,
        description=description,
        parameters=parameters,
        speak_while_running=speak_while_running,
        url=url,
        timeout_ms=timeout_ms,
        max_response_bytes=max_response_bytes,
        allowed_tools=list(allowed_tools),
        require_approval=require_approval,
        created_by=created_by,
    )
    _save(tool)
    _put_headers(tool, headers or {})
    secret = _new_secret(tool) if tool.kind == ToolKind.HTTP else ""
    audit.record(action="tool.created", target=tool, after=_state(tool))
    return CreatedTool(tool, secret)


@atomic()
def tool_update(*, tool: Tool, headers: Headers | None = None, **fields: Any) -> Tool:
    """Changes these fields of a tool, never its name or kind, which agents rely on. `headers`, if given, are all it
    has from now on. Sessions that run keep the tool as it was. Raises ValidationError."""
    tool = Tool.objects.select_for_update().get(id=tool.id)
    before, server = _state(tool), _server(tool)
    for name, value in fields.items():
        if name not in _AUDITED or name in ("slug", "kind"):
            raise TypeError(f"tool_update takes no {name!r}.")
        setattr(tool, name, value)
    _save(tool)
    if headers is None:
        headers = dict.fromkeys(tool.headers.values_list("name", flat=True))
    if _server(tool) != server and any(value is None for value in headers.values()):
        raise ValidationError(
            {"headers": "The tool is on another server now: enter the values of its headers again."}
        )
    _put_headers(tool, headers)
    audit.record(action="tool.updated", target=tool, before=before, after=_state(tool))
    return tool


@atomic()
def tool_archive(*, tool: Tool) -> None:
    """Takes it off the list. Agents that use it can't begin a session until it is restored or taken off them.
    Archiving again changes nothing."""
    if tool.archived_at is None:
        tool.archived_at = timezone.now()
        tool.save(update_fields=["archived_at"])
        audit.record(action="tool.archived", target=tool)


@atomic()
def tool_restore(*, tool: Tool) -> None:
    """Raises ValidationError if another tool has its name by now."""
    if tool.archived_at is not None:
        tool.archived_at = None
        tool.full_clean()
        tool.save(update_fields=["archived_at"])
        audit.record(action="tool.restored", target=tool)


@atomic()
def signing_secret_rotate(*, tool: Tool, overlap: timedelta = OVERLAP) -> str:
    """A new signing secret, and the only time it is shown. The one before signs too for as long as `overlap`; those
    before that end now. Raises ValidationError."""
    if tool.kind != ToolKind.HTTP:
        raise ValidationError("Only tools on your own server are called with a signature.")
    tool = Tool.objects.select_for_update().get(id=tool.id)
    end = timezone.now() + overlap
    for index, old in enumerate(active_secrets(tool)):
        if index == 0:
            old.expires_at = end
            old.save(update_fields=["expires_at"])
        else:
            old.delete()
    secret = _new_secret(tool)
    audit.record(action="tool.secret_rotated", target=tool)
    return secret


@atomic()
def tool_calls_count(*, made: Mapping[str, CallsMade]) -> None:
    """Adds the calls of a session, by tool, to what was counted before."""
    for slug, calls in made.items():
        tool_list().filter(slug=slug).update(
            calls=F("calls") + calls.calls,
            failures=F("failures") + calls.failures,
            timeouts=F("timeouts") + calls.timeouts,
            last_called_at=calls.last_at,
            **({"last_error": calls.last_error[:500]} if calls.last_error else {}),
        )


def _save(tool: Tool) -> None:
    """Raises ValidationError."""
    _check_kind(tool)
    try:
        parse(tool.parameters)
    except BadParameters as bad:
        raise ValidationError({"parameters": bad.problems}) from None
    tool.parameters = msgspec.json.format(tool.parameters, indent=0)
    tool.claim()
    tool.full_clean()
    if tool.url:
        require_address(tool.url, "url")
    tool.save()


def _check_kind(tool: Tool) -> None:
    if tool.kind == ToolKind.CLIENT:
        if tool.url:
            raise ValidationError({"url": "The app runs this tool itself: leave the address out."})
    elif not tool.url:
        raise ValidationError(
            {"url": "Say where the tool is: give an address such as https://tools.example.com/weather."}
        )


def _put_headers(tool: Tool, headers: Headers) -> None:
    kept = {row.name: row for row in tool.headers.all()}
    _check_headers(tool, headers, kept)
    for name, row in kept.items():
        if name not in headers:
            row.delete()
    for name, value in headers.items():
        if value is None:
            continue
        row = kept.get(name) or ToolHeader(tool=tool, name=name)
        row.claim()
        try:
            row.seal_key(value)
        except Unsealable as error:
            raise ValidationError({"headers": f"Secrets can't be kept here. {error}"}) from None
        row.full_clean(exclude=["tool"])
        row.save()


def _check_headers(tool: Tool, headers: Headers, kept: Mapping[str, ToolHeader]) -> None:
    if headers and tool.kind == ToolKind.CLIENT:
        raise ValidationError({"headers": "The app runs this tool itself: leave the headers out."})
    if len(headers) > MOST_HEADERS:
        raise ValidationError({"headers": f"A tool can have at most {MOST_HEADERS} headers."})
    lower = [name.lower() for name in headers]
    for name, value in headers.items():
        if lower.count(name.lower()) > 1:
            raise ValidationError({"headers": f"The header {name!r} is there twice."})
        if tool.kind == ToolKind.HTTP and name.lower() in _RESERVED:
            raise ValidationError({"headers": f"The header {name!r} can't be set: every call has its own."})
        if value is None and name not in kept:
            raise ValidationError({"headers": f"The header {name!r} needs a value."})
        if value is not None and not 0 < len(value) <= LONGEST_VALUE:
            raise ValidationError(
                {"headers": f"The header {name!r} needs a value of 1 to {LONGEST_VALUE} characters."}
            )
    try:
        check_headers({name: value or "" for name, value in headers.items()})
    except OutboundRefused as refused:
        raise ValidationError({"headers": str(refused)}) from None


def _new_secret(tool: Tool) -> str:
    """In the form of Standard Webhooks."""
    text = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    row = SigningSecret(tool=tool)
    row.claim()
    try:
        row.seal_key(text)
    except Unsealable as error:
        raise ValidationError(f"Secrets can't be kept here. {error}") from None
    row.save()
    return text


def _state(tool: Tool) -> dict[str, Any]:
    """What the audit log keeps of it: of headers their names."""
    names = sorted(tool.headers.values_list("name", flat=True))
    return {**audit.fields_of(tool, *_AUDITED), "headers": names}


def _server(tool: Tool) -> tuple[str, str]:
    parts = urlsplit(tool.url)
    return parts.scheme, parts.netloc.lower()
