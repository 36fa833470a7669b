"""The conversation in the order that language models insist on.

Items come in the order in which they happened: calls that were made at once are several messages, a result may come
long after its call, or never, or stay when its call was forgotten. Servers refuse all of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from antiphon.providers.base.llm import LlmRequest, Message

NO_RESULT = "(There is no result yet.)"
SILENCE = "(The user has said nothing.)"


def paired(messages: Sequence[Message]) -> list[Message]:
    """Calls made at once are one message, and the results of a message's calls follow it, in their order."""
    results = {message.call_id: message for message in messages if message.role == "tool"}
    called = {call.call_id for message in messages for call in message.tool_calls}
    arranged: list[Message] = []
    before: Message | None = None
    for message in messages:
        if message.role == "tool":
            if message.call_id not in called:
                arranged.append(Message("user", f"(A tool returned: {message.text})"))
        elif message.tool_calls and not message.text and before is not None and before.tool_calls:
            together = arranged[-1].tool_calls + message.tool_calls
            arranged[-1] = replace(arranged[-1], tool_calls=together)
        else:
            arranged.append(message)
        before = message
    complete: list[Message] = []
    for message in arranged:
        complete.append(message)
        for call in message.tool_calls:
            missing = Message("tool", NO_RESULT, call_id=call.call_id)
            complete.append(results.get(call.call_id, missing))
    return complete


@dataclass(slots=True)
class Turn:
    """What one side says before it is the other's turn; `user` has tool results and system messages, too."""

    role: Literal["user", "assistant"]
    messages: list[Message] = field(default_factory=list)


def instructions_and_turns(request: LlmRequest) -> tuple[str, list[Turn]]:
    """For models that know two sides, of which the user begins and ends.

    System messages at the beginning join the instructions, later ones keep their place.
    """
    messages = paired(request.messages)
    leading = 0
    while leading < len(messages) and messages[leading].role == "system":
        leading += 1
    instructions = [request.instructions, *(message.text for message in messages[:leading])]
    turns: list[Turn] = []
    for message in messages[leading:]:
        role: Literal["user", "assistant"] = "assistant" if message.role == "assistant" else "user"
        if not (message.text.strip() or message.images or message.tool_calls or message.role == "tool"):
            continue
        if not turns or turns[-1].role != role:
            turns.append(Turn(role))
        turns[-1].messages.append(message)
    silence = Turn("user", [Message("user", SILENCE)])
    if turns and turns[0].role == "assistant":
        turns.insert(0, silence)
    if not turns or turns[-1].role == "assistant":
        turns.append(silence)
    return "\n\n".join(text for text in instructions if text.strip()), turns
