"""The stand-in as a `LanguageModel`: decides what to say or to call, and streams it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from itertools import chain, islice, takewhile
from typing import Any, Literal

from antiphon.providers.base.llm import (
    LlmCapabilities,
    LlmEvent,
    LlmRequest,
    LlmUsage,
    Message,
    Stop,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.local.dialogue import router
from antiphon.providers.local.dialogue.context import Answer, Context
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.persona import dictation
from antiphon.providers.local.dialogue.tools import results
from antiphon.providers.local.dialogue.tools.matching import KeywordMatcher, ToolMatcher
from antiphon.providers.local.dialogue.tools.planning import Calls, Planner, Question

StopReason = Literal["end", "length", "tool_calls", "content_filter"]

MOST_OUTPUT_TOKENS = 32_768
"""The longest answer when a request sets no limit: more than two hours of speech."""

_CHARACTERS_PER_TOKEN = 4
_WORDS_PER_DELTA = 4
_ARGUMENTS_PER_DELTA = 24  # characters


def estimated_tokens(characters: int) -> int:
    """One token for every four characters begun: the usual rule of thumb for English."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


def local_time() -> datetime:
    """The time in the time zone of this machine."""
    return datetime.now().astimezone()


class DialogueModel:
    """Talks, reckons, tells stories and calls tools by rules.

    The same request at the same time always has the same answer.
    clock: the time in the user's time zone (aware).
    matcher: finds the tool for an utterance; `MiniLmMatcher` understands paraphrases, which keywords don't.
    """

    def __init__(
        self, *, clock: Callable[[], datetime] = local_time, matcher: ToolMatcher | None = None
    ) -> None:
        self._clock = clock
        self._planner = Planner(matcher or KeywordMatcher())

    @property
    def name(self) -> str:
        return "local/dialogue"

    @property
    def capabilities(self) -> LlmCapabilities:
        return LlmCapabilities()

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        """Streams the answer, which is made while it is read: closing the iterator stops the work.

        Tokens are estimated. Raises ProviderError if `tool_choice` names a tool that is not declared.
        """
        limit = (request.max_output_tokens or MOST_OUTPUT_TOKENS) * _CHARACTERS_PER_TOKEN
        decided = await self._decide(request)
        reason: StopReason = "tool_calls" if isinstance(decided, Calls) else "end"
        written = 0
        for event in _call_events(decided, request) if isinstance(decided, Calls) else _text_events(decided):
            length = _length(event)
            if length > limit - written:
                if (cut := _cut(event, limit - written)) is not None:
                    yield cut
                written, reason = limit, "length"
                break
            written += length
            yield event
            await asyncio.sleep(0)
        yield LlmUsage(_input_tokens(request), estimated_tokens(written), estimated=True)
        yield Stop(reason)

    async def _decide(self, request: LlmRequest) -> Answer | Calls:
        context = Context.of(request, self._clock())
        directions = [request.instructions]
        messages = list(request.messages)
        while messages and messages[-1].role == "system":
            directions.append(messages.pop().text)
        if (dictated := next((words for text in directions if (words := dictation(text))), None)) is not None:
            return iter(dictated.split())
        said = context.utterance(_last_user_text(messages))
        if messages and messages[-1].role == "tool":
            return await self._read_results(request, context, said, messages)
        spoken_to = bool(messages) and messages[-1].role == "user"
        if spoken_to or request.tool_choice.mode in ("required", "named"):
            plan = await self._planner.plan(request, context, said)
            if isinstance(plan, Calls):
                return plan
            if isinstance(plan, Question):
                return plan.text
        if not spoken_to:
            whole = replace(context, earlier=tuple(messages))
            return _shortened(router.unprompted("\n".join(directions), whole), context)
        if messages[-1].images and not said.text:
            return "I can't look at pictures. A model with eyes can, once a provider key is set."
        return _shortened(router.answer(said, context), context)

    async def _read_results(
        self, request: LlmRequest, context: Context, said: Utterance, messages: list[Message]
    ) -> str:
        """What the calls brought. They satisfy a forced tool choice, which does not force a second round."""
        arguments = {call.call_id: call.arguments for message in messages for call in message.tool_calls}
        trailing = list(takewhile(lambda message: message.role == "tool", reversed(messages)))
        sentences = [
            results.speak(result.text, _loaded(arguments.get(result.call_id or "", "")), context.now)
            for result in reversed(trailing)
        ]
        question = await self._planner.question_left(request, context, said)
        return " ".join([*sentences, question] if question else sentences)


def _last_user_text(messages: Sequence[Message]) -> str:
    return next((message.text for message in reversed(messages) if message.role == "user"), "")


def _shortened(answer: Answer, context: Context) -> Answer:
    return router.one_sentence(answer) if context.persona.brief and isinstance(answer, str) else answer


def _loaded(arguments: str) -> dict[str, Any]:
    """A call's arguments; none if the client sent something that is not a JSON object."""
    try:
        loaded = json.loads(arguments)
    except ValueError:
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _text_events(answer: Answer) -> Iterator[LlmEvent]:
    """Deltas of a few words, which join to the text."""
    pieces = iter((answer,)) if isinstance(answer, str) else answer
    words = chain.from_iterable(piece.split() for piece in pieces)
    space = ""
    while some := list(islice(words, _WORDS_PER_DELTA)):
        yield TextDelta(space + " ".join(some))
        space = " "


def _call_events(plan: Calls, request: LlmRequest) -> Iterator[LlmEvent]:
    for index, filled in enumerate(plan.calls):
        call_id = _call_id(request, index)
        arguments = json.dumps(filled.arguments, ensure_ascii=False)
        yield ToolCallStarted(call_id, filled.tool.name)
        for start in range(0, len(arguments), _ARGUMENTS_PER_DELTA):
            yield ToolCallDelta(call_id, arguments[start : start + _ARGUMENTS_PER_DELTA])


def _call_id(request: LlmRequest, index: int) -> str:
    """Unique within a conversation, because every call of it has other messages before it."""
    before = json.dumps([[m.role, m.text, m.call_id] for m in request.messages])
    return f"call_{blake2b(f'{index} {before}'.encode(), digest_size=12).hexdigest()}"


def _length(event: LlmEvent) -> int:
    if isinstance(event, TextDelta):
        return len(event.text)
    return len(event.arguments) if isinstance(event, ToolCallDelta) else 0


def _cut(event: LlmEvent, length: int) -> LlmEvent | None:
    """The beginning of a delta, or None if nothing of it fits."""
    if isinstance(event, TextDelta) and length:
        return TextDelta(event.text[:length])
    if isinstance(event, ToolCallDelta) and length:
        return ToolCallDelta(event.call_id, event.arguments[:length])
    return None


def _input_tokens(request: LlmRequest) -> int:
    characters = len(request.instructions)
    for message in request.messages:
        characters += len(message.text) + sum(len(call.arguments) for call in message.tool_calls)
    for tool in request.tools:
        characters += len(tool.name) + len(tool.description) + len(json.dumps(dict(tool.parameters)))
    return estimated_tokens(characters)
