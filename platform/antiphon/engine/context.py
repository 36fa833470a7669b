"""The conversation as a language model sees it: what was said, of the assistant only what was heard.

And no more of it than the model can take.
"""

import json
import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

from antiphon.engine.conversation import Entry
from antiphon.engine.input_buffer import BYTES_PER_SAMPLE, SAMPLES_PER_MS
from antiphon.protocol import items
from antiphon.protocol.session import MaxTokens
from antiphon.providers.base.llm import Message, Tool, ToolCall

_UNSEEN = "(The user shared an image, which you cannot see.)"
_SILENCE = "(The user has said nothing for a while.)"
CHARACTERS_PER_TOKEN = 4  # of English; only models themselves know better
_TOKENS_PER_MESSAGE = 4
_TOKENS_PER_IMAGE = 800
_BYTES_PER_TOKEN = 100 * SAMPLES_PER_MS * BYTES_PER_SAMPLE  # of the user's speech, as OpenAI counts it


def message(entry: Entry, *, images: bool, audio: bytes = b"") -> Message | None:
    """An item as a message; None if it has no words (a cough, an unheard answer, a list of tools) and no `audio`,
    which is what the user said in it, for a model that hears.

    `images`: whether the model can see; one that cannot is told that there is something to see.
    """
    item = entry.item
    match item:
        case items.FunctionCall(call_id=call_id, name=name, arguments=arguments):
            call = ToolCall(call_id, name, arguments)
            return Message("assistant", "", tool_calls=(call,), item_id=item.id)
        case items.FunctionCallOutput(call_id=call_id, output=output):
            return Message("tool", output, call_id=call_id, item_id=item.id)
    if not isinstance(item, items.Message):
        return None
    texts: list[str] = []
    seen: list[str] = []
    for part in item.content:
        match part:
            case items.InputText(text=text) | items.OutputText(text=text):
                texts.append(text)
            case items.InputAudio():
                texts.append(_SILENCE if entry.is_silence else entry.transcript or "")
            case items.InputImage(image_url=url) if images:
                seen.append(url)
            case items.InputImage():
                texts.append(_UNSEEN)
    heard_ms: float | None = None
    if entry.speech is not None:
        texts.append(entry.speech.heard_text)
        heard_ms = entry.speech.heard_samples / SAMPLES_PER_MS
    text = "\n".join(t for t in texts if t.strip()).strip()
    if not text and not seen and not audio:
        return None
    return Message(item.role, text, images=tuple(seen), item_id=item.id, audio=audio, heard_ms=heard_ms)


def max_tokens(setting: MaxTokens) -> int | None:
    return None if setting == "inf" else int(setting)


def tokens_of_text(text: str) -> int:
    """An estimate."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def tokens_of_message(message: Message) -> int:
    """An estimate."""
    calls = sum(tokens_of_text(call.name + call.arguments) for call in message.tool_calls)
    words = len(message.audio) // _BYTES_PER_TOKEN or tokens_of_text(message.text)
    return _TOKENS_PER_MESSAGE + words + calls + _TOKENS_PER_IMAGE * len(message.images)


def tokens_of_tools(offered: Iterable[Tool]) -> int:
    """An estimate."""
    return sum(
        tokens_of_text(tool.name + tool.description + json.dumps(dict(tool.parameters))) for tool in offered
    )


def first_kept(sizes: Sequence[int], limit: int, retention_ratio: float) -> int:
    """Which of the messages of these sizes, oldest first, is the oldest to keep.

    All stay while they fit `limit`. Once they don't, the oldest go until `retention_ratio` of the limit is left, so
    that what a provider has cached of the beginning stays valid for some turns (protocol reference 3.3). The newest
    always stays.
    """
    if not sizes or sum(sizes) <= limit:
        return 0
    room = limit * retention_ratio
    kept = sum(1 for total in accumulate(reversed(sizes)) if total <= room)
    return len(sizes) - max(kept, 1)
