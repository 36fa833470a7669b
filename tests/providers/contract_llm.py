"""What every language model must do. Each provider's tests subclass `LlmContract` and give the fixtures.

Those that reach a vendor subclass `LlmWireContract`, which injects the vendor's faults.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

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
from antiphon.providers.scripted.server import Canned, Received

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


KEY = "sk-very-secret"
PICTURE = "data:image/png;base64,iVBORw0KGgo="
USAGE = LlmUsage(1000, 30, cached_tokens=896, reasoning_tokens=12)
CALLS = (ToolCall("call_1", "weather", '{"city":"Malmö"}'), ToolCall("call_2", "weather", "{}"))


class VendorServer(Protocol):
    """A fake vendor on loopback."""

    base_url: str
    requests: Sequence[Received]
    asked: asyncio.Event

    def next_answer(self, canned: Canned) -> None: ...


class Spelling(Protocol):
    """How a vendor writes an answer: what is sent for each thing that a model can say."""

    def opening(self, usage: LlmUsage) -> list[bytes]: ...

    def text(self, text: str) -> bytes: ...

    def thought(self, text: str) -> bytes: ...

    def calls(self, *calls: ToolCall) -> list[bytes]: ...

    def closing(self, reason: str, usage: LlmUsage) -> list[bytes]: ...

    def overloaded(self) -> bytes:
        """The error that comes in mid-stream."""

    def refusal(self, message: str) -> bytes:
        """The body of a status 400."""

    def images(self, body: dict[str, Any]) -> list[str]:
        """Those of a request, as data URIs or addresses."""


def whole(spelling: Spelling, *middle: bytes, reason: str = "end", usage: LlmUsage = USAGE) -> list[bytes]:
    return [*spelling.opening(usage), *middle, *spelling.closing(reason, usage)]


async def rest_of(events):
    return [event async for event in events]


def pass_time(seconds: float) -> None:
    """Moves the virtual clock, which otherwise waits for sockets."""
    asyncio.get_running_loop().now += seconds


class LlmWireContract(LlmContract):
    @pytest.fixture
    def vendor(self) -> VendorServer:
        raise NotImplementedError

    @pytest.fixture
    def spelling(self) -> Spelling:
        raise NotImplementedError

    @pytest.fixture
    def at(self) -> Callable[[str], LanguageModel]:
        """The model behind a base URL, with `KEY`."""
        raise NotImplementedError

    @pytest.fixture
    def model(self, at, vendor):
        return at(vendor.base_url)

    @pytest.fixture
    def tool_caller(self, model, vendor, spelling):
        vendor.next_answer(Canned(whole(spelling, *spelling.calls(*CALLS), reason="tool_calls")))
        return model

    @pytest.fixture
    def stalled(self, model, vendor, spelling):
        vendor.next_answer(Canned([*spelling.opening(USAGE), spelling.text("Well, ")], then="stall"))

        async def released():
            await vendor.requests[-1].ended.wait()
            assert vendor.requests[-1].state == "cancelled"

        return Stalled(model, released)

    @pytest.fixture
    def broken(self, model, vendor, spelling):
        vendor.next_answer(Canned([spelling.refusal("No such field.")], status=400))
        return model

    @pytest.fixture
    def broken_midway(self, model, vendor, spelling):
        vendor.next_answer(Canned([*spelling.opening(USAGE), spelling.text("Well, ")], then="reset"))
        return model

    @pytest.fixture
    def answer(self, model, vendor):
        """What the model makes of these bytes."""

        async def answer(*chunks, request=HELLO, **canned):
            vendor.next_answer(Canned(chunks, **canned))
            return await answer_of(model, request)

        return answer

    @pytest.fixture
    def failure(self, answer):
        async def failure(*chunks, **canned):
            with pytest.raises(ProviderError) as raised:
                await answer(*chunks, **canned)
            assert KEY not in raised.value.message
            return raised.value

        return failure

    async def test_text_comes_as_it_was_sent(self, answer, spelling):
        said = ["Grüezi ", "你好 ", "👋\n", '"quoted"']
        events = await answer(*whole(spelling, *map(spelling.text, said)))
        assert events[:-2] == [TextDelta(text) for text in said]

    async def test_the_stream_may_be_cut_anywhere(self, answer, spelling):
        stream = b"".join(
            whole(spelling, spelling.text("Grüezi "), spelling.text("👋"), *spelling.calls(*CALLS))
        )
        events = await answer(*(stream[i : i + 7] for i in range(0, len(stream), 7)))
        assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "Grüezi 👋"
        assert len([e for e in events if isinstance(e, ToolCallStarted)]) == 2

    async def test_calls_made_at_once_stay_apart(self, answer, spelling):
        events = await answer(*whole(spelling, *spelling.calls(*CALLS), reason="tool_calls"))
        started = [e for e in events if isinstance(e, ToolCallStarted)]
        assert started == [ToolCallStarted(call.call_id, call.name) for call in CALLS]
        for call in CALLS:
            pieces = [
                e.arguments for e in events if isinstance(e, ToolCallDelta) and e.call_id == call.call_id
            ]
            assert json.loads("".join(pieces)) == json.loads(call.arguments)

    async def test_words_and_calls_can_come_together(self, answer, spelling):
        events = await answer(
            *whole(spelling, spelling.text("Let me see."), *spelling.calls(CALLS[0]), reason="tool_calls")
        )
        assert events[:2] == [TextDelta("Let me see."), ToolCallStarted("call_1", "weather")]
        assert events[-1] == Stop("tool_calls")

    async def test_thoughts_are_not_spoken(self, answer, spelling):
        events = await answer(*whole(spelling, spelling.thought("Hm, hm."), spelling.text("Hi")))
        assert events[:-2] == [TextDelta("Hi")]

    async def test_usage_includes_what_came_from_a_cache(self, answer, spelling):
        assert (await answer(*whole(spelling, spelling.text("Hi"))))[-2] == USAGE

    @pytest.mark.parametrize("reason", ["end", "length", "content_filter"])
    async def test_it_says_why_the_answer_ended(self, answer, spelling, reason):
        assert (await answer(*whole(spelling, spelling.text("Hi"), reason=reason)))[-1] == Stop(reason)

    @pytest.mark.parametrize("image", [PICTURE, "https://pictures.example/cat.png"])
    async def test_images_are_sent(self, model, vendor, spelling, image):
        await answer_of(model, LlmRequest("", [Message("user", "What is this?", images=(image,))]))
        assert spelling.images(vendor.requests[-1].body) == [image]

    async def test_calls_made_at_once_are_sent_with_their_results(self, model):
        """The fake vendor refuses calls without results right after them."""
        history = [
            Message("user", "Is it raining in Malmö, or in Lund?"),
            Message("assistant", "", tool_calls=(CALLS[0],)),
            Message("assistant", "", tool_calls=(CALLS[1],)),
            Message("user", "Hello?"),
            Message("tool", "rain", call_id="call_2"),
            Message("assistant", "One moment."),
            Message("tool", "sun", call_id="call_1"),
        ]
        assert isinstance((await answer_of(model, LlmRequest("", history, tools=[WEATHER])))[-1], Stop)

    @pytest.mark.parametrize(
        "history",
        [
            [Message("assistant", "Welcome!")],
            [Message("user", "Hi"), Message("assistant", "Hi!"), Message("assistant", "How are you?")],
            [Message("user", "Hi"), Message("assistant", "", tool_calls=CALLS)],
            [Message("tool", "rain", call_id="call_forgotten"), Message("user", "Hi")],
            [Message("system", "Be kind."), Message("user", " "), Message("system", "It is late.")],
            [
                Message("user", "Hi"),
                Message("assistant", "", tool_calls=(ToolCall("a:b.c", "f", "no JSON"),)),
            ],
        ],
    )
    async def test_any_history_can_be_sent(self, model, history):
        assert isinstance((await answer_of(model, LlmRequest("Be brief.", history)))[-1], Stop)

    @pytest.mark.parametrize("mode", ["auto", "none", "required", "named"])
    @pytest.mark.parametrize("parallel", [True, False])
    @pytest.mark.parametrize("effort", [None, "none", "low", "xhigh"])
    async def test_any_request_can_be_sent(self, model, mode, parallel, effort):
        request = LlmRequest(
            "Be brief.",
            HELLO.messages,
            tools=[WEATHER, Tool("clock", "The time", {})],
            tool_choice=ToolChoice(mode, "weather" if mode == "named" else None),
            parallel_tool_calls=parallel,
            max_output_tokens=100,
            temperature=0.8,
            reasoning_effort=effort,
            cache_key="agent_1",
        )
        assert isinstance((await answer_of(model, request))[-1], Stop)

    async def test_the_key_is_in_a_header_alone(self, model, vendor):
        await answer_of(model, HELLO)
        request = vendor.requests[-1]
        assert [value for value in request.headers.values() if KEY in value]
        assert KEY not in request.path

    async def test_the_next_answer_comes_over_the_same_connection(self, answer, vendor, spelling):
        for _ in range(3):
            await answer(*whole(spelling, spelling.text("Hi")))
        assert len({request.peer for request in vendor.requests}) == 1

    async def test_a_limit_of_the_rate_says_when_to_try_again(self, failure, spelling):
        error = await failure(spelling.refusal("Slow down"), status=429, headers={"Retry-After": "7"})
        assert (error.kind, error.retry_after, error.started) == ("rate_limit", 7.0, False)

    @pytest.mark.parametrize(
        ("status", "message", "kind"),
        [
            (400, "No such field.", "invalid"),
            (400, "prompt is too long: 210000 tokens > 200000 maximum", "context_length"),
            (401, f"Wrong key {KEY}", "auth"),
            (404, "No such model.", "not_found"),
            (500, "Oops", "upstream"),
            (503, "Later", "overloaded"),
            (529, "Later", "overloaded"),
        ],
    )
    async def test_a_refusal_has_a_kind(self, failure, spelling, status, message, kind):
        error = await failure(spelling.refusal(message), status=status)
        assert (error.kind, error.started, error.usage) == (kind, False, None)

    async def test_an_error_in_mid_stream(self, failure, spelling):
        error = await failure(*spelling.opening(USAGE), spelling.text("Well, "), spelling.overloaded())
        assert (error.kind, error.started) == ("overloaded", True)

    async def test_an_error_instead_of_an_answer(self, failure, spelling):
        error = await failure(spelling.overloaded())
        assert (error.kind, error.started) == ("overloaded", False)

    @pytest.mark.parametrize(
        "garbage",
        [
            b"data: {nonsense\n\n",
            b"data: []\n\n",
            b'data: "text"\n\n',
            b"data: \xff\xfe\n\n",
            b"data: " + b"x" * (1 << 21),
        ],
    )
    async def test_garbage(self, failure, spelling, garbage):
        error = await failure(garbage)
        assert (error.kind, error.started) == ("upstream", False)
        error = await failure(*spelling.opening(USAGE), spelling.text("Well, "), garbage)
        assert (error.kind, error.started) == ("upstream", True)

    async def test_a_page_instead_of_an_answer(self, failure):
        error = await failure(b"<html>Please log in.</html>")
        assert (error.kind, error.started) == ("upstream", False)

    async def test_an_answer_that_just_ends(self, failure, spelling):
        error = await failure(*spelling.opening(USAGE), spelling.text("Well, "))
        assert (error.kind, error.started) == ("upstream", True)
        assert "before it was complete" in error.message

    async def test_no_answer_at_all(self, failure):
        error = await failure()
        assert (error.kind, error.started) == ("upstream", False)

    async def test_a_connection_that_breaks(self, failure, spelling):
        error = await failure(*spelling.opening(USAGE), spelling.text("Well, "), then="reset")
        assert (error.kind, error.started) == ("network", True)

    async def test_a_stall_before_the_answer(self, model, vendor):
        vendor.next_answer(Canned(then="stall"))
        task = asyncio.create_task(answer_of(model, HELLO))
        await vendor.asked.wait()
        pass_time(31)
        with pytest.raises(ProviderError) as raised:
            await task
        assert (raised.value.kind, raised.value.started) == ("timeout", False)
        await vendor.requests[-1].ended.wait()

    async def test_a_stall_within_the_answer(self, stalled):
        async with aclosing(stalled.model.stream(HELLO)) as events:
            assert await anext(events) == TextDelta("Well, ")
            waiting = asyncio.create_task(rest_of(events))
            await asyncio.sleep(0)
            pass_time(31)
            with pytest.raises(ProviderError) as raised:
                await waiting
        assert (raised.value.kind, raised.value.started) == ("timeout", True)
        await stalled.released()

    async def test_a_half_open_socket(self, at):
        """Nobody takes the connection at the other end: nothing is ever heard of it."""
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            host, port = deaf.getsockname()
            task = asyncio.create_task(answer_of(at(f"http://{host}:{port}/v1"), HELLO))
            await asyncio.sleep(0.05)
            pass_time(31)
            with pytest.raises(ProviderError) as raised:
                await task
        assert (raised.value.kind, raised.value.started) == ("timeout", False)

    async def test_an_end_that_is_not_the_connections_holds_nobody_up(self, answer, vendor, spelling):
        """Nor is that connection used again."""
        events = await answer(*whole(spelling, spelling.text("Hi")), then="stall")
        assert events[-1] == Stop("end")
        await vendor.requests[-1].ended.wait()
