"""The conversation as a language model sees it: what was said, and of the assistant only what was heard."""

from collections.abc import Iterable

from antiphon.engine.conversation import Entry
from antiphon.protocol import items
from antiphon.protocol.session import FunctionChoice, FunctionTool, MaxTokens, ToolConfig
from antiphon.protocol.session import ToolChoice as ToolChoiceSetting
from antiphon.providers.base.llm import Message, Tool, ToolCall, ToolChoice


def messages(entries: Iterable[Entry]) -> list[Message]:
    """Items to messages. Items without words (a cough, an unheard answer) are left out."""
    result = []
    for entry in entries:
        message = _message(entry)
        if message is not None:
            result.append(message)
    return result


def _message(entry: Entry) -> Message | None:
    item = entry.item
    match item:
        case items.FunctionCall(call_id=call_id, name=name, arguments=arguments):
            return Message("assistant", "", tool_calls=(ToolCall(call_id, name, arguments),))
        case items.FunctionCallOutput(call_id=call_id, output=output):
            return Message("tool", output, call_id=call_id)
    if not isinstance(item, items.Message):
        return None
    texts: list[str] = []
    images: list[str] = []
    for part in item.content:
        match part:
            case items.InputText(text=text) | items.OutputText(text=text):
                texts.append(text)
            case items.InputAudio():
                texts.append(entry.transcript or "")
            case items.OutputAudio():
                pass
            case items.InputImage(image_url=url):
                images.append(url)
    if entry.speech is not None:
        texts.append(entry.speech.heard_text)
    text = "\n".join(t for t in texts if t.strip()).strip()
    if not text and not images:
        return None
    return Message(item.role, text, images=tuple(images))


def tools(settings: Iterable[ToolConfig]) -> list[Tool]:
    return [
        Tool(tool.name, tool.description or "", tool.parameters or {})
        for tool in settings
        if isinstance(tool, FunctionTool)
    ]


def tool_choice(setting: ToolChoiceSetting) -> ToolChoice:
    if isinstance(setting, FunctionChoice):
        return ToolChoice("named", setting.name)
    return ToolChoice(setting) if isinstance(setting, str) else ToolChoice()


def max_tokens(setting: MaxTokens) -> int | None:
    return None if setting == "inf" else int(setting)
