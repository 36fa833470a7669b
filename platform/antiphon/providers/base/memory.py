"""What a speech to speech model knows of a conversation, and which messages of the session that is."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from antiphon.providers.base.llm import Message, ToolCall

_EXACT_MS = 1  # below this a speech was heard to its end


@dataclass(eq=False, slots=True)
class Known:
    """A message as the model has it; `ref` is what the provider calls it.

    What the model `made` itself has no `item_id` until a message turns up that stands for it. `by_ear` is what the
    user said if the model heard it. `spoken_ms` is the length of the model's own speech, as far as it has it.
    """

    role: str
    item_id: str = ""
    ref: str = ""
    text: str = ""
    images: tuple[str, ...] = ()
    call: ToolCall | None = None
    call_id: str | None = None
    made: bool = False
    by_ear: bool = False
    spoken_ms: float = 0.0

    def stands_for(self, message: Message) -> bool:
        if self.item_id:
            if (self.item_id, self.role) != (message.item_id, message.role):
                return False
        elif not self.made or message.role != "assistant":
            return False
        if self.by_ear:
            return True
        if self.call is not None or message.tool_calls:
            calls = [(call.name, call.arguments) for call in message.tool_calls]
            return self.call is not None and calls == [(self.call.name, self.call.arguments)]
        if self.spoken_ms:
            return self.text.strip().startswith(message.text)
        return (self.text.strip(), self.images, self.call_id) == (
            message.text.strip(),
            message.images,
            message.call_id,
        )

    def is_cut_by(self, message: Message) -> bool:
        """Whether less of this was heard than the model takes for said."""
        return message.heard_ms is not None and message.heard_ms < self.spoken_ms - _EXACT_MS


@dataclass(slots=True)
class Memory:
    """`items` are in the order of the conversation. `calls` are the provider's ids of calls, by the session's."""

    items: list[Known] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)

    def match(self, messages: Iterable[Message]) -> list[Known | None]:
        """What the model has for each message, in order; None for what is new to it."""
        found: list[Known | None] = []
        start = 0
        for message in messages:
            for at in range(start, len(self.items)):
                known = self.items[at]
                if known.stands_for(message):
                    known.item_id = message.item_id
                    if known.call is not None and known.made:
                        self.calls[message.tool_calls[0].call_id] = known.call.call_id
                    found.append(known)
                    start = at + 1
                    break
            else:
                found.append(None)
        return found


def single(messages: Sequence[Message]) -> Iterator[Message]:
    """The same messages, each with words or with one call, as providers have items."""
    for message in messages:
        if message.tool_calls and (message.text or len(message.tool_calls) > 1):
            if message.text:
                yield replace(message, tool_calls=())
            for call in message.tool_calls:
                yield replace(message, text="", tool_calls=(call,))
        else:
            yield message


def given(message: Message, ref: str = "", *, by_ear: bool = False) -> Known:
    """What the model knows once it was told `message`."""
    return Known(
        message.role,
        message.item_id,
        ref,
        message.text,
        message.images,
        message.tool_calls[0] if message.tool_calls else None,
        message.call_id,
        by_ear=by_ear,
    )
