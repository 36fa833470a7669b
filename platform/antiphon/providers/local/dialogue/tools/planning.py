"""Decides whether an utterance is for a tool, and with which arguments.

Nothing is remembered between requests: a question about a missing value is recognised in the conversation by
its words, and the request that it belongs to is the user's turn before it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import LlmRequest, Message, Tool
from antiphon.providers.local.dialogue import router
from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.skills import again, repeat
from antiphon.providers.local.dialogue.tools.filling import Filled, fill, forced
from antiphon.providers.local.dialogue.tools.matching import ToolMatcher
from antiphon.providers.local.dialogue.tools.schema import slots_of

_JOINTS = re.compile(r"((?:,\s*)?\b(?:and then|and also|and|then|also)\b|[.?!;]\s+)", re.IGNORECASE)
_CAPITALISED = r"[A-ZÀ-ÝŒ][\w'-]*(?: [A-ZÀ-ÝŒ][\w'-]*)*"
_TWO_PLACES = re.compile(
    rf"^(?P<head>.*\b(?:in|at|for|of)) (?P<one>{_CAPITALISED}) and (?:in |at |for "
    rf"|of )?(?P<two>{_CAPITALISED})\b(?P<tail>.*)$"
)
_MOST_REQUESTS = 4  # of one utterance
_LONGEST_REQUEST = 2000  # characters: some two minutes of speech
_GIVES_UP = re.compile(r"(?:never ?mind|forget (?:it|about it|that)|cancel(?: that| it)?|stop|nothing)")
_OTHER_REQUEST = re.compile(
    r"(?:what|who|how|when|where|why|tell|say|repeat|count|spell|sing|hello|hi|goodbye|bye)\b"
)


@dataclass(frozen=True, slots=True)
class Calls:
    calls: tuple[Filled, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Asks for a required value that the user has not given."""

    text: str


@dataclass(frozen=True, slots=True)
class _Pending:
    """A request whose missing values were asked for. `answers` are the replies, by question."""

    request: Utterance
    tools: tuple[Tool, ...]
    answers: dict[str, Utterance]


@dataclass(frozen=True, slots=True)
class _Match:
    """The tool that fits a part of the utterance best."""

    text: str
    tool: Tool
    score: float


class Planner:
    def __init__(self, matcher: ToolMatcher) -> None:
        self._matcher = matcher

    async def plan(self, request: LlmRequest, context: Context, said: Utterance) -> Calls | Question | None:
        """None means: talk. Raises ProviderError if the tool that must be called is not declared."""
        choice = request.tool_choice
        said = context.utterance(said.text[:_LONGEST_REQUEST])
        if choice.mode == "named":
            tool = next((tool for tool in request.tools if tool.name == choice.name), None)
            if tool is None:
                raise ProviderError(
                    "invalid", f"tool_choice names {choice.name!r}, which is not among the tools."
                )
            return Calls((forced(fill(tool, said, context.now, {}), said),))
        if not request.tools or choice.mode == "none":
            return None
        filled = await self._filled(request, context, said, required=choice.mode == "required")
        if choice.mode == "required":
            filled = tuple(forced(one, said) for one in filled)
        complete = tuple(one for one in filled if not one.missing)
        if complete:
            return Calls(complete if request.parallel_tool_calls else complete[:1])
        return Question(filled[0].missing[0].question()) if filled else None

    async def question_left(self, request: LlmRequest, context: Context, said: Utterance) -> str | None:
        """The question for what the user also asked for, after the calls that could be made at once."""
        if request.tool_choice.mode != "auto" or not request.tools:
            return None
        called = {call.name for message in request.messages for call in message.tool_calls}
        filled = await self._filled(request, context, said, required=False)
        left = [one for one in filled if one.missing and one.tool.name not in called]
        return left[0].missing[0].question() if left else None

    async def _filled(
        self, request: LlmRequest, context: Context, said: Utterance, *, required: bool
    ) -> tuple[Filled, ...]:
        pending = _pending(request, context, said)
        if pending is not None and not await self._changes_subject(said, request.tools, pending):
            tool = (await self._best(pending.request.text, pending.tools)).tool
            answers = {
                slot.path: pending.answers[slot.question()]
                for slot in slots_of(tool)
                if slot.question() in pending.answers
            }
            return (fill(tool, pending.request, context.now, answers),)
        if required:
            best = await self._best(said.text, request.tools)
            return (fill(best.tool, said, context.now, {}),)
        if repeat.match(said, context) is not None or again.match(said, context) is not None:
            return ()
        filled: list[Filled] = []
        for part in await self._requests(said.text, request.tools):
            known = router.understood(context.utterance(part.text), context) is not None
            if part.score >= (self._matcher.certain if known else self._matcher.possible):
                for text in _places_apart(part.text, part.tool):
                    filled.append(fill(part.tool, context.utterance(text), context.now, {}))
        return tuple(one for index, one in enumerate(filled) if one not in filled[:index])

    async def _changes_subject(self, said: Utterance, tools: Sequence[Tool], pending: _Pending) -> bool:
        """Whether a reply is no answer but a request for some other tool."""
        best = await self._best(said.text, tools)
        return best.score >= self._matcher.certain and best.tool not in pending.tools

    async def _best(self, text: str, tools: Sequence[Tool]) -> _Match:
        scores = await self._matcher.scores(text, tools)
        score, index = max((score, -index) for index, score in enumerate(scores))
        return _Match(text, tools[-index], score)

    async def _requests(self, text: str, tools: Sequence[Tool]) -> list[_Match]:
        """The requests of an utterance: it is cut where both sides by themselves fit a tool, not the same."""
        first, *rest = _JOINTS.split(text, maxsplit=_MOST_REQUESTS - 1)
        matches = [await self._best(first, tools)]
        for joint, piece in zip(rest[::2], rest[1::2], strict=True):
            last = matches[-1]
            match = await self._best(piece.strip(), tools)
            if min(match.score, last.score) >= self._matcher.possible and match.tool is not last.tool:
                matches.append(match)
            else:
                matches[-1] = await self._best(f"{last.text}{joint}{piece}", tools)
        return matches


def _pending(request: LlmRequest, context: Context, said: Utterance) -> _Pending | None:
    """Walks back over questions and answers to the request that they are about."""
    if _GIVES_UP.fullmatch(said.core):
        return None
    if _OTHER_REQUEST.match(said.core) and router.understood(said, context) is not None:
        return None
    tools, answers, answer = tuple(request.tools), dict[str, Utterance](), said
    spoken = [m for m in context.earlier if m.role in ("user", "assistant") and m.text.strip()]
    while spoken and spoken[-1].role == "assistant":
        asked = _asked(spoken.pop().text, tools)
        before = _last_user_turn(spoken)
        if asked is None or before is None:
            break
        question, tools = asked
        answers.setdefault(question, answer)
        answer = context.utterance(before)
    return _Pending(answer, tools, answers) if answers else None


def _last_user_turn(spoken: list[Message]) -> str | None:
    """Takes the user's turn from the end of the list; a turn may have come in several messages."""
    texts: list[str] = []
    while spoken and spoken[-1].role == "user":
        texts.append(spoken.pop().text)
    return " ".join(reversed(texts)) or None


def _asked(text: str, tools: Sequence[Tool]) -> tuple[str, tuple[Tool, ...]] | None:
    """The question that ends an assistant's turn, and the tools it may be about.

    An interrupted turn ends early, so that half of the question has to do.
    """
    tail = re.split(r"(?<=[.!?])\s+", text.strip())[-1]
    asking: dict[str, list[Tool]] = {}
    for tool in tools:
        for slot in slots_of(tool):
            question = slot.question()
            if slot.required and question.startswith(tail) and 2 * len(tail) >= len(question):
                asking.setdefault(question, []).append(tool)
    return next(((question, tuple(found)) for question, found in asking.items()), None)


def _places_apart(text: str, tool: Tool) -> list[str]:
    """ "the weather in Paris and London" as two requests, if the tool takes one place."""
    found = _TWO_PLACES.match(text)
    if found is None or sum(slot.kind == "place" for slot in slots_of(tool)) != 1:
        return [text]
    return [f"{found['head']} {found[place]}{found['tail']}" for place in ("one", "two")]
