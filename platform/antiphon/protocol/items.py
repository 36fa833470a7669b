"""Conversation items and their content, as clients send and receive them."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, structs

from antiphon.protocol.errors import invalid_value, missing_parameter, too_long

ItemStatus = Literal["in_progress", "completed", "incomplete"]
MAX_ITEM_ID = 64  # characters; OpenAI stops at 32, which some clients fill exactly


class InputText(Struct, frozen=True, kw_only=True, tag="input_text"):
    """Of a user or a system message."""

    text: str


class InputAudio(Struct, frozen=True, kw_only=True, tag="input_audio"):
    """What the user says."""

    transcript: str | None = None
    """Always on the wire, null while unknown: agents-js throws without the key."""
    audio: str | UnsetType = UNSET
    """Base64, in the session's input format. Sent back in `conversation.item.retrieved` only."""


class InputImage(Struct, frozen=True, kw_only=True, tag="input_image"):
    """A model that cannot see is told that an image was shared."""

    image_url: str
    """A data URI of a PNG or JPEG image."""
    detail: Literal["auto", "low", "high"] = "auto"


class OutputText(Struct, frozen=True, kw_only=True, tag="output_text"):
    """Of an assistant message."""

    text: str


class OutputAudio(Struct, frozen=True, kw_only=True, tag="output_audio"):
    """What the assistant says; only a response makes it."""

    transcript: str | None = None
    """What of it was heard, once it was cut short."""
    audio: str | UnsetType = UNSET
    """Base64, in the format it was sent in. In `conversation.item.retrieved` only."""


class LegacyText(Struct, frozen=True, kw_only=True, tag="text"):
    """What clients of the beta call `output_text`; sent only to them."""

    text: str


class LegacyAudio(Struct, frozen=True, kw_only=True, tag="audio"):
    """What they call `output_audio`."""

    transcript: str | None = None
    audio: str | UnsetType = UNSET


Content = InputText | InputAudio | InputImage | OutputText | OutputAudio | LegacyText | LegacyAudio


class Message(Struct, frozen=True, kw_only=True, tag="message"):
    """Somebody's words."""

    id: str = ""
    """Up to 64 characters; the server makes one if there is none, as for every item."""
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus = "completed"
    role: Literal["system", "user", "assistant"]
    content: list[Content]
    """System: `input_text`. User: `input_text`, `input_audio`, `input_image`. Assistant: `output_text`; the
    server's own also `output_audio`."""


class FunctionCall(Struct, frozen=True, kw_only=True, tag="function_call"):
    """The model wants a function of the client to be run."""

    id: str = ""
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus = "completed"
    call_id: str = ""
    name: str
    arguments: str
    """JSON, as the model wrote it."""


class FunctionCallOutput(Struct, frozen=True, kw_only=True, tag="function_call_output"):
    """The result of a function call, however long after it."""

    id: str = ""
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus = "completed"
    call_id: str
    """Of a call that there was in this session."""
    output: str
    """Any text; usually JSON."""


class RemoteTool(Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    annotations: dict[str, Any] | None = None


class RemoteToolError(Struct, frozen=True, kw_only=True, omit_defaults=True):
    type: Literal["protocol_error", "tool_execution_error", "http_error"]
    code: int | None = None
    message: str


class McpListTools(Struct, frozen=True, kw_only=True, tag="mcp_list_tools"):
    """The tools of an MCP server; none while they are being asked for."""

    id: str = ""
    server_label: str
    tools: list[RemoteTool] = []
    error: RemoteToolError | UnsetType = UNSET
    """Why there are no tools. The protocol's own type has no place for it."""


class McpCall(Struct, frozen=True, kw_only=True, tag="mcp_call"):
    """A tool that the platform runs itself."""

    id: str = ""
    server_label: str
    name: str
    arguments: str
    approval_request_id: str | None = None
    output: str | None = None
    error: RemoteToolError | None = None


class McpApprovalRequest(Struct, frozen=True, kw_only=True, tag="mcp_approval_request"):
    """The model wants a tool that needs the client's approval."""

    id: str = ""
    server_label: str
    name: str
    arguments: str


class McpApprovalResponse(Struct, frozen=True, kw_only=True, tag="mcp_approval_response"):
    """The client's decision. An approved tool runs at once; no response follows by itself."""

    id: str = ""
    approval_request_id: str
    approve: bool
    reason: str | None = None


Item = (
    Message
    | FunctionCall
    | FunctionCallOutput
    | McpListTools
    | McpCall
    | McpApprovalRequest
    | McpApprovalResponse
)

_ALLOWED: dict[str, tuple[type[Struct], ...]] = {
    "system": (InputText,),
    "user": (InputText, InputAudio, InputImage),
    "assistant": (OutputText,),
}


def accept_item(item: Item, param: str = "item") -> Item:
    """The item as it enters a conversation: completed, legacy names replaced.

    Raises Refused for content that its role cannot have (protocol reference 1.5).
    """
    if len(item.id) > MAX_ITEM_ID:
        raise too_long(f"{param}.id", MAX_ITEM_ID, len(item.id))
    if isinstance(item, FunctionCall | FunctionCallOutput):
        return structs.replace(item, status="completed")
    if not isinstance(item, Message):
        return item
    content: list[Content] = []
    for index, part in enumerate(item.content):
        if isinstance(part, LegacyText):
            part = OutputText(text=part.text) if item.role == "assistant" else InputText(text=part.text)
        if not isinstance(part, _ALLOWED[item.role]):
            names = ", ".join(f"'{_tag(kind)}'" for kind in _ALLOWED[item.role])
            raise invalid_value(
                f"Invalid value: '{_tag(type(part))}'. Content of a {item.role} message can be {names}.",
                f"{param}.content[{index}].type",
            )
        if isinstance(part, InputAudio) and not part.audio:
            raise missing_parameter(f"{param}.content[{index}].audio")
        content.append(part)
    return structs.replace(item, status="completed", content=content)


def with_transcript(item: Item, transcript: str) -> Item:
    """The item with these words for its audio."""
    if not isinstance(item, Message):
        return item
    content: list[Content] = [
        structs.replace(part, transcript=transcript) if isinstance(part, InputAudio | OutputAudio) else part
        for part in item.content
    ]
    return structs.replace(item, content=content)


def with_audio(item: Item, audio: str) -> Item:
    """The item with this audio, in base64, in the part that has sound."""
    if not isinstance(item, Message):
        return item
    content: list[Content] = [
        structs.replace(part, audio=audio) if isinstance(part, InputAudio | OutputAudio) else part
        for part in item.content
    ]
    if not content and item.role == "assistant":  # one that is still being said
        content = [OutputAudio(audio=audio)]
    return structs.replace(item, content=content)


def _tag(kind: type[Struct]) -> str:
    return str(kind.__struct_config__.tag)
