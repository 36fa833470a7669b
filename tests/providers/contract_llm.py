"""What every language model must do. Each provider's tests subclass `LlmContract` and give the fixtures."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import (
    LanguageModel,
    LlmRequest,
    LlmUsage,
    Message,
    Stop,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStarted,
    ToolChoice,
)

WEATHER = Tool(
    "weather", "The weather in a city", {"type": "object", "properties": {"city": {"type": "string"}}}
)
HELLO = LlmRequest("Be brief.", [Message("user", "Hello, Zoë! 你好 👋")])


@dataclass
class Stalled:
    """A model that says a little and then nothing more; `released` waits until its upstream is let go."""

    model: LanguageModel
    released: Callable[[], Awaitable[None]]


async def answer_of(model, request):
    async with aclosing(model.stream(request)) as events:
        return [event async for event in events]


class LlmContract:
    @pytest.fixture
    def model(self) -> LanguageModel:
        """Answers anything with some text."""
        raise NotImplementedError

    @pytest.fixture
    def tool_caller(self) -> LanguageModel:
        """Calls the tool `weather`, at least twice at once if it can."""
        raise NotImplementedError

    @pytest.fixture
    def stalled(self) -> Stalled:
        raise NotImplementedError

    @pytest.fixture
    def broken(self) -> LanguageModel:
        """Fails before it says anything."""
        raise NotImplementedError

    @pytest.fixture
    def broken_midway(self) -> LanguageModel:
        """Fails after it has said something."""
        raise NotImplementedError

    async def test_it_works(self, model):
        events = await answer_of(model, HELLO)
        assert "".join(e.text for e in events if isinstance(e, TextDelta)).strip()
        assert all(e.text for e in events if isinstance(e, TextDelta))
        assert "/" in model.name

    async def test_an_answer_ends_with_one_usage_and_one_stop(self, model):
        events = await answer_of(model, HELLO)
        assert [type(e) for e in events[-2:]] == [LlmUsage, Stop]
        assert not any(isinstance(e, LlmUsage | Stop) for e in events[:-2])
        usage = events[-2]
        assert usage.input_tokens > 0
        assert usage.output_tokens > 0
        assert usage.cached_tokens <= usage.input_tokens
        assert usage.reasoning_tokens <= usage.output_tokens

    async def test_it_answers_an_empty_conversation(self, model):
        events = await answer_of(model, LlmRequest("", []))
        assert isinstance(events[-1], Stop)

    async def test_it_takes_a_history_with_tool_results(self, model):
        history = [
            Message("user", "Is it raining in Malmö?"),
            Message("assistant", "", tool_calls=(ToolCall("call_1", "weather", '{"city":"Malmö"}'),)),
            Message("tool", '{"rain":true}', call_id="call_1"),
        ]
        events = await answer_of(model, LlmRequest("Be brief.", history, tools=[WEATHER]))
        assert isinstance(events[-1], Stop)

    async def test_answers_at_the_same_time_do_not_mix(self, model):
        answers = await asyncio.gather(*(answer_of(model, HELLO) for _ in range(3)))
        assert all(isinstance(answer[-1], Stop) for answer in answers)

    async def test_each_tool_call_starts_once_and_its_pieces_make_json(self, tool_caller):
        request = LlmRequest("", HELLO.messages, tools=[WEATHER], tool_choice=ToolChoice("named", "weather"))
        events = await answer_of(tool_caller, request)
        started = [e.call_id for e in events if isinstance(e, ToolCallStarted)]
        assert started
        assert len(set(started)) == len(started)
        seen = set()
        for event in events:
            if isinstance(event, ToolCallStarted):
                seen.add(event.call_id)
                assert event.name == "weather"
            elif isinstance(event, ToolCallDelta):
                assert event.call_id in seen
        for call_id in started:
            pieces = [e.arguments for e in events if isinstance(e, ToolCallDelta) and e.call_id == call_id]
            assert isinstance(json.loads("".join(pieces)), dict)
        assert events[-1] == Stop("tool_calls")

    async def test_closing_the_iterator_releases_upstream(self, stalled):
        async with aclosing(stalled.model.stream(HELLO)) as events:
            assert isinstance(await anext(events), TextDelta)
        await stalled.released()

    async def test_cancelling_the_task_releases_upstream(self, stalled):
        speaking = asyncio.Event()

        async def consume():
            async for _ in stalled.model.stream(HELLO):
                speaking.set()

        task = asyncio.create_task(consume())
        await speaking.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await stalled.released()

    async def test_a_failure_before_the_answer_is_typed(self, broken):
        with pytest.raises(ProviderError) as failure:
            await answer_of(broken, HELLO)
        assert not failure.value.started
        assert failure.value.message

    async def test_a_failure_within_the_answer_says_that_it_had_started(self, broken_midway):
        with pytest.raises(ProviderError) as failure:
            await answer_of(broken_midway, HELLO)
        assert failure.value.started
