import uuid
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import not_found
from apps.keys.models import Scope
from apps.tools.models import Approval, Tool, ToolKind
from apps.tools.selectors import archived_tool_list, tool_find, tool_list
from apps.tools.services import (
    CreatedTool,
    signing_secret_rotate,
    tool_archive,
    tool_create,
    tool_update,
)

area = Area("Tools")

Description = Annotated[str, Field(max_length=2000, description="What it is for: models read it.")]
Parameters = Annotated[
    dict[str, Any],
    Field(
        description="JSON schema of its arguments.",
        examples=[{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}],
    ),
]
Words = Annotated[str, Field(max_length=200, description="Said while the tool runs.")]
Address = Annotated[str, Field(max_length=500, examples=["https://tools.example.com/weather"])]
Timeout = Annotated[int, Field(ge=100, le=60_000)]
Size = Annotated[int, Field(ge=256, le=1024 * 1024)]
Headers = Annotated[
    dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=4096)] | None],
    Field(
        max_length=16,
        description="Go to the tool's server; values are never shown again. Null: the value that is kept already.",
        examples=[{"Authorization": "Bearer ..."}],
    ),
]
Allowed = Annotated[
    list[Annotated[str, Field(max_length=128)]],
    Field(max_length=200, description="Which tools of an MCP server; empty: all."),
]


class ToolOut(Schema):
    """A function that models can call."""

    id: uuid.UUID
    slug: str = Field(examples=["get_weather"])
    kind: ToolKind
    description: str
    parameters: Parameters
    speak_while_running: str
    url: str
    header_names: list[str]
    timeout_ms: int
    max_response_bytes: int
    allowed_tools: list[str]
    require_approval: Approval
    calls: int
    failures: int
    timeouts: int
    last_error: str
    last_called_at: datetime | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None

    @staticmethod
    def resolve_parameters(tool: Tool) -> Any:
        return msgspec.json.decode(tool.parameters)

    @staticmethod
    def resolve_header_names(tool: Tool) -> list[str]:
        return [header.name for header in tool.headers.all()]


class ToolPage(Page[ToolOut]):
    pass


class CreatedToolOut(Schema):
    tool: ToolOut
    signing_secret: str = Field(
        description="With which calls are signed, shown only now; empty for kinds that we don't call.",
        examples=["whsec_..."],
    )


class RotatedSecret(Schema):
    signing_secret: str = Field(description="Shown only now.", examples=["whsec_..."])


class NewTool(BaseModel):
    model_config = ConfigDict(extra="forbid")

    slug: str = Field(min_length=1, max_length=64, description="Its name, for good.")
    kind: ToolKind
    description: Description = ""
    parameters: Parameters = {"type": "object", "properties": {}}
    speak_while_running: Words = ""
    url: Address = ""
    headers: Headers = {}
    timeout_ms: Timeout = 10_000
    max_response_bytes: Size = 64 * 1024
    allowed_tools: Allowed = []
    require_approval: Approval = Approval.NEVER


class ToolChanges(BaseModel):
    """What is absent stays as it is. `headers` are all that the tool has from then on."""

    model_config = ConfigDict(extra="forbid")

    description: Description = ""
    parameters: Parameters = {}
    speak_while_running: Words = ""
    url: Address = ""
    headers: Headers = {}
    timeout_ms: Timeout = 10_000
    max_response_bytes: Size = 64 * 1024
    allowed_tools: Allowed = []
    require_approval: Approval = Approval.NEVER


class SecretRotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    overlap_hours: int = Field(24, ge=0, le=720, description="How long the old secret signs too.")


class ToolQuery(PageQuery):
    archived: bool = False


@area.operation("GET", "/tools", "tools_list", scope=Scope.TOOLS_READ, response=ToolPage)
def list_tools(request: ApiRequest, query: Query[ToolQuery]) -> Any:
    """List tools."""
    tools = archived_tool_list() if query.archived else tool_list()
    return page_of(tools.prefetch_related("headers"), query, by="slug", newest_first=False)


@area.operation(
    "POST", "/tools", "tools_create", scope=Scope.TOOLS_WRITE, response=CreatedToolOut, status=201
)
def create(request: ApiRequest, body: NewTool) -> CreatedTool:
    """Make a tool."""
    return tool_create(**_fields(body))


@area.operation("GET", "/tools/{slug}", "tools_get", scope=Scope.TOOLS_READ, response=ToolOut)
def get(request: ApiRequest, slug: str) -> Tool:
    """Show a tool."""
    return _find(slug)


@area.operation("PATCH", "/tools/{slug}", "tools_update", scope=Scope.TOOLS_WRITE, response=ToolOut)
def update(request: ApiRequest, slug: str, body: ToolChanges) -> Tool:
    """Change a tool.

    Sessions that run keep it as it was.
    """
    return tool_update(tool=_find(slug), **_fields(body))


@area.operation(
    "POST",
    "/tools/{slug}/rotate-secret",
    "tools_rotate_secret",
    scope=Scope.TOOLS_WRITE,
    response=RotatedSecret,
)
def rotate_secret(request: ApiRequest, slug: str, body: SecretRotation) -> Any:
    """Replace the secret with which calls of a tool are signed."""
    overlap = timedelta(hours=body.overlap_hours)
    return {"signing_secret": signing_secret_rotate(tool=_find(slug), overlap=overlap)}


@area.operation("POST", "/tools/{slug}/archive", "tools_archive", scope=Scope.TOOLS_WRITE, response=ToolOut)
def archive(request: ApiRequest, slug: str) -> Tool:
    """Archive a tool: agents that use it can't begin a session."""
    tool = _find(slug)
    tool_archive(tool=tool)
    return tool


def _fields(body: BaseModel) -> dict[str, Any]:
    """What was given, as services take it."""
    fields = body.model_dump(exclude_unset=True)
    if "parameters" in fields:
        fields["parameters"] = msgspec.json.encode(fields["parameters"]).decode()
    return fields


def _find(slug: str) -> Tool:
    """Raises Problem."""
    tool = tool_find(slug)
    if tool is None:
        raise not_found("tool")
    return tool
