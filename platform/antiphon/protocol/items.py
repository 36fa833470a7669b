"""Conversation items and their content, as clients send and receive them."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, structs

from antiphon.protocol.errors import invalid_value, missing_parameter, too_long

ItemStatus = Literal["in_progress", "completed", "incomplete"]
MAX_ITEM_ID = 64  # characters; OpenAI stops at 32, which some clients fill exactly


class InputText(Struct, frozen=True, kw_only=True, tag="input_text"):
    text: str


class InputAudio(Struct, frozen=True, kw_only=True, tag="input_audio"):
    """`transcript` is always on the wire, null while unknown: agents-js throws without the key."""

    transcript: str | None = None
    audio: str | UnsetType = UNSET  # base64 in the session's input format


class InputImage(Struct, frozen=True, kw_only=True, tag="input_image"):
    image_url: str
    detail: Literal["auto", "low", "high"] = "auto"


class OutputText(Struct, frozen=True, kw_only=True, tag="output_text"):
    text: str


class OutputAudio(Struct, frozen=True, kw_only=True, tag="output_audio"):
    transcript: str | None = None
    audio: str | UnsetType = UNSET


class LegacyText(Struct, frozen=True, kw_only=True, tag="text"):
    """What clients of the beta call `output_text`; sent only to them."""

    text: str


class LegacyAudio(Struct, frozen=True, kw_only=True, tag="audio"):
    """What they call `output_audio`."""

    transcript: str | None = None
    audio: str | UnsetType = UNSET


Content = InputText | InputAudio | InputImage | OutputText | OutputAudio | LegacyText | LegacyAudio


class Message(Struct, frozen=True, kw_only=True, tag="message"):
    id: str = ""
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus = "completed"
    role: Literal["system", "user", "assistant"]
    content: list[Content]


class FunctionCall(Struct, frozen=True, kw_only=True, tag="function_call"):
    id: str = ""
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus = "completed"
    call_id: str = ""
    name: str
    arguments: str


class FunctionCallOutput(Struct, frozen=True, kw_only=True, tag="function_call_output"):
    id: str = ""
    object: Literal["realtime.item"] = "realtime.item"
    status: ItemStatus = "completed"
    call_id: str
    output: str


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
    """The tools of an MCP server; none while they are being asked for. `error` is why there are none: the protocol
    has no place for it in this type, and a developer needs it."""

    id: str = ""
    server_label: str
    tools: list[RemoteTool] = []
    error: RemoteToolError | UnsetType = UNSET


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
    id: str = ""
    server_label: str
    name: str
    arguments: str


class McpApprovalResponse(Struct, frozen=True, kw_only=True, tag="mcp_approval_response"):
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
