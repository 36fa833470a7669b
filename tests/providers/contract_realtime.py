"""What every speech to speech model must do. Each provider's tests subclass `RealtimeContract`, with a fake vendor.

A fake vendor keeps the conversation as its model knows it, so that tests can say what that must be.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Timeouts, Wire
from antiphon.providers.base.llm import (
    LlmRequest,
    LlmUsage,
    Message,
    Stop,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.base.realtime import RealtimeModel, RealtimeRequest, SpokenText
from antiphon.providers.base.tts import Audio

KEY = "sk-secret-1234"
CUT_MS = 1474  # after "One two" of "One two three four." in 4 s
WEATHER = Tool(
    "weather", "The weather in a city", {"type": "object", "properties": {"city": {"type": "string"}}}
)


# What a fake vendor's model does in one answer


@dataclass(frozen=True)
class Speak:
    """Words, then audio that says them."""

    text: str
    ms: int = 1000


@dataclass(frozen=True)
class Write:
    text: str


@dataclass(frozen=True)
class Call:
    name: str
    arguments: str
    call_id: str = "call_1"


@dataclass(frozen=True)
class Break:
    """`close`: the proper way, but too early. `reset`: without a word. `garbage`: no JSON. `fail`: an error that
    quotes the key. `stall`: nothing more, but the connection stays."""

    how: Literal["close", "reset", "garbage", "fail", "stall"]


Move = Speak | Write | Call | Break


@dataclass
class Asked:
    """What the model knew when it was to answer, oldest first: `user: hello`, `user: <1000 ms>` for what it heard,
    `assistant: hello`, `call weather {...}`, `result sunny`."""

    known: list[str]
    instructions: str
    voice: str
    tools: list[str]
    socket: int  # over which connection, from 0
    raw: Any = None


class Vendor(Protocol):
    """`answers` are given in turn, the last one for ever. `statuses` refuse the next handshakes. `cancelled` is set
    when an answer was given up by us."""

    base_url: str
    answers: list[Sequence[Move]]
    asked: list[Asked]
    statuses: list[int]
    cancelled: asyncio.Event
    sockets: list[Any]
    headers: list[dict[str, str]]

    async def hang_up(self) -> None:
        """Closes all connections."""


def request(*messages: Message, **prompt: Any) -> RealtimeRequest:
    return RealtimeRequest(LlmRequest("Be brief.", messages, **prompt), "audio", "")


def user(text: str, item_id: str = "item_u") -> Message:
    return Message("user", text, item_id=item_id)


def spoken(ms: int = 1000, item_id: str = "item_s", text: str = "") -> Message:
    """What the user said: every sample of it tells its place."""
    pcm = b"".join(i.to_bytes(2, "little") for i in range(ms * 24))
    return Message("user", text, item_id=item_id, audio=pcm)


def said(text: str, item_id: str = "item_a", heard_ms: float | None = None) -> Message:
    return Message("assistant", text, item_id=item_id, heard_ms=heard_ms)


@dataclass
class Heard:
    events: list[Any] = field(default_factory=list)

    @property
    def words(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, SpokenText))

    @property
    def ms(self) -> float:
        return sum(len(event.pcm) for event in self.events if isinstance(event, Audio)) / 48


async def answer(upstream: Any, asked: RealtimeRequest) -> Heard:
    async with aclosing(upstream.respond(asked)) as events:
        return Heard([event async for event in events])


async def begin(upstream: Any, asked: RealtimeRequest) -> None:
    """Listens to the first audio of an answer, and then gives it up."""
    async with aclosing(upstream.respond(asked)) as events:
        async for event in events:
            if isinstance(event, Audio):
                return


def without_nudges(asked: Asked) -> list[str]:
    """Some models answer the user only, who then has to say something."""
    return [line for line in asked.known if line != "user: ."]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class RealtimeContract:
    forgets = True  # over the same connection

    @pytest.fixture
    async def vendor(self) -> Vendor:
        raise NotImplementedError

    @pytest.fixture
    def model(self, wire: Wire, vendor: Vendor) -> RealtimeModel:
        raise NotImplementedError

    @pytest.fixture
    async def wire(self):
        wire = Wire(Timeouts(idle=0.3))
        yield wire
        await wire.aclose()

    @pytest.fixture
    async def upstream(self, model):
        upstream = model.open()
        yield upstream
        await upstream.aclose()

    async def test_it_works(self, upstream, vendor):
        vendor.answers = [[Speak("Hello there.", 1500)]]
        heard = await answer(upstream, request(user("hi")))
        assert heard.words == "Hello there."
        assert heard.ms == 1500
        assert [type(event) for event in heard.events[-2:]] == [LlmUsage, Stop]
        assert heard.events[-1] == Stop("end")
        usage = heard.events[-2]
        assert (usage.input_tokens, usage.output_tokens) == (100, 50)
        assert (usage.input_audio_tokens, usage.output_audio_tokens) == (60, 40)
        assert (usage.cached_tokens, usage.cached_audio_tokens) == (30, 20)
        assert vendor.asked[0].known == ["user: hi"]
        assert vendor.asked[0].instructions == "Be brief."

    async def test_a_conversation_goes_over_one_connection_and_nothing_is_told_twice(self, upstream, vendor):
        vendor.answers = [[Speak("Hello.")], [Speak("Well.")]]
        await answer(upstream, request(user("hi")))
        await answer(
            upstream, request(user("hi"), said("Hello.", heard_ms=1000), user("how are you?", "item_2"))
        )
        assert vendor.asked[1].known == ["user: hi", "assistant: Hello.", "user: how are you?"]
        assert len(vendor.sockets) == 1

    async def test_what_the_user_says_is_heard_as_it_is_spoken_and_only_once(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        turn = spoken(1000)
        for start in range(0, 36_000, 4_800):
            upstream.hear("item_s", turn.audio[start : start + 4_800])
        await until(lambda: vendor.sockets[0].heard_ms > 700)
        await answer(upstream, request(user("hi"), said("Hi.", heard_ms=1000), turn))
        assert vendor.asked[1].known[-1] == "user: <1000 ms>"
        assert len(vendor.sockets) == 1

    async def test_the_first_words_of_a_session_can_be_spoken(self, upstream, vendor):
        turn = spoken(600)
        upstream.hear("item_s", turn.audio[:9_600])
        upstream.hear("item_s", turn.audio[9_600:19_200])
        await answer(upstream, request(turn))
        assert vendor.asked[0].known == ["user: <600 ms>"]

    async def test_what_was_not_heard_as_it_was_spoken_is_heard_at_once(self, upstream, vendor):
        await answer(upstream, request(spoken(2500)))
        assert vendor.asked[0].known == ["user: <2500 ms>"]

    async def test_a_turn_that_came_to_nothing_is_forgotten(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        upstream.hear("item_x", spoken(500).audio)
        upstream.drop("item_x")
        await answer(upstream, request(user("hi"), said("Hi.", heard_ms=1000), spoken(800)))
        assert vendor.asked[1].known == ["user: hi", "assistant: Hi.", "user: <800 ms>"]

    async def test_a_turn_that_nobody_answered_is_told_with_the_next(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        first, second = spoken(500, "item_1"), spoken(700, "item_2")
        upstream.hear("item_1", first.audio)
        upstream.hear("item_2", second.audio)
        await answer(upstream, request(user("hi"), said("Hi.", heard_ms=1000), first, second))
        assert vendor.asked[1].known[-2:] == ["user: <500 ms>", "user: <700 ms>"]

    async def test_a_tool_is_called_and_its_result_is_told(self, upstream, vendor):
        vendor.answers = [[Speak("Let me see."), Call("weather", '{"city":"Oslo"}')], [Speak("Sunny.")]]
        question = user("How is the weather in Oslo?")
        heard = await answer(upstream, request(question, tools=[WEATHER]))
        [started] = [event for event in heard.events if isinstance(event, ToolCallStarted)]
        arguments = "".join(event.arguments for event in heard.events if isinstance(event, ToolCallDelta))
        assert (started.name, arguments) == ("weather", '{"city":"Oslo"}')
        assert heard.events[-1] == Stop("tool_calls")
        assert vendor.asked[0].tools == ["weather"]
        call = Message(
            "assistant", "", tool_calls=(ToolCall("our_call", "weather", arguments),), item_id="item_c"
        )
        result = Message("tool", "sunny", call_id="our_call", item_id="item_r")
        before = said("Let me see.", heard_ms=1000)
        heard = await answer(upstream, request(question, before, call, result, tools=[WEATHER]))
        assert heard.words == "Sunny."
        assert vendor.asked[1].known[1:] == [
            "assistant: Let me see.",
            'call weather {"city":"Oslo"}',
            "result sunny",
        ]
        assert len(vendor.sockets) == 1

    async def test_an_interruption_cancels_the_answer_and_what_was_not_heard_is_forgotten(
        self, upstream, vendor
    ):
        vendor.answers = [[Speak("One two three four.", 4000), Break("stall")], [Speak("Yes?")]]
        await begin(upstream, request(user("count")))
        await asyncio.wait_for(vendor.cancelled.wait(), 5)
        upstream.hear("item_s", spoken(400).audio)
        heard = await answer(upstream, request(user("count"), said("One two", heard_ms=CUT_MS), spoken(400)))
        assert heard.words == "Yes?"
        assert vendor.asked[1].known == ["user: count", "assistant: One two", "user: <400 ms>"]

    async def test_what_was_cut_while_it_was_played_is_forgotten(self, upstream, vendor):
        vendor.answers = [[Speak("One two three four.", 4000)], [Speak("Yes?")]]
        await answer(upstream, request(user("count")))
        await answer(
            upstream, request(user("count"), said("One two", heard_ms=CUT_MS), user("stop", "item_2"))
        )
        assert vendor.asked[1].known == ["user: count", "assistant: One two", "user: stop"]
        assert len(vendor.sockets) == (1 if self.forgets else 2)

    async def test_an_answer_of_which_nothing_was_heard_is_forgotten(self, upstream, vendor):
        vendor.answers = [[Speak("One two three four.", 4000)], [Speak("Yes?")]]
        await answer(upstream, request(user("count")))
        await answer(upstream, request(user("count"), user("stop", "item_2")))
        assert vendor.asked[1].known == ["user: count", "user: stop"]

    async def test_nothing_of_a_cancelled_answer_comes_with_the_next(self, upstream, vendor):
        vendor.answers = [[Speak("One two three four.", 4000), Break("stall")], [Speak("Next.", 500)]]
        for _ in range(3):
            await begin(upstream, request(user("count")))
            heard = await answer(upstream, request(user("count"), user("next", "item_2")))
            assert (heard.words, heard.ms) == ("Next.", 500)
            vendor.answers.append(vendor.answers[0])
            vendor.answers.append([Speak("Next.", 500)])

    async def test_cancelling_the_task_cancels_the_answer(self, upstream, vendor):
        vendor.answers = [[Speak("One two."), Break("stall")]]
        task = asyncio.create_task(answer(upstream, request(user("count"))))
        await until(lambda: bool(vendor.asked))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(vendor.cancelled.wait(), 5)

    async def test_deleted_items_are_forgotten_and_new_ones_come_in_their_place(self, upstream, vendor):
        await answer(upstream, request(user("one", "item_1")))
        known = [user("one", "item_1"), said("Hi.", heard_ms=1000), user("two", "item_2")]
        await answer(upstream, request(*known))
        between = Message("system", "They are in a hurry.", item_id="item_b")
        await answer(upstream, request(known[0], between, known[2], said("Hi.", "item_a2", 1000)))
        assert without_nudges(vendor.asked[2]) == [
            "user: one",
            "system: They are in a hurry.",
            "user: two",
            "assistant: Hi.",
        ]

    async def test_new_settings_hold_from_the_next_answer_on(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        later = request(user("hi"), said("Hi.", heard_ms=1000), user("and?", "item_2"), tools=[WEATHER])
        later = replace(later, prompt=replace(later.prompt, instructions="Be kind."))
        await answer(upstream, later)
        assert (vendor.asked[1].instructions, vendor.asked[1].tools) == ("Be kind.", ["weather"])
        assert vendor.asked[1].known == ["user: hi", "assistant: Hi.", "user: and?"]

    async def test_a_new_upstream_is_told_the_whole_conversation_once(self, model, vendor):
        """As after a swap to another model and back."""
        history = [
            spoken(900, "item_1", "my name is Zoë"),
            said("Hello, Zoë.", heard_ms=800),
            Message("assistant", "", tool_calls=(ToolCall("c", "weather", "{}"),), item_id="item_c"),
            Message("tool", "rain", call_id="c", item_id="item_r"),
            spoken(500, "item_2"),
        ]
        for count in (1, 2):
            upstream = model.open()
            await answer(upstream, request(*history))
            await upstream.aclose()
            assert len(vendor.sockets) == count
            assert vendor.asked[-1].known == [
                "user: my name is Zoë",
                "assistant: Hello, Zoë.",
                "call weather {}",
                "result rain",
                "user: <500 ms>",
            ]

    async def test_an_answer_can_be_asked_for_without_a_word(self, upstream, vendor):
        heard = await answer(upstream, request())
        assert heard.words == "Hi."
        heard = await answer(upstream, request(said("Hi.", heard_ms=1000)))
        assert heard.words == "Hi."
        assert without_nudges(vendor.asked[1]) == ["assistant: Hi."]

    # Faults

    async def test_a_connection_that_was_lost_is_replaced_and_told_everything(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        await vendor.hang_up()
        heard = await answer(
            upstream, request(user("hi"), said("Hi.", heard_ms=1000), user("and?", "item_2"))
        )
        assert heard.words == "Hi."
        assert vendor.asked[1].known == ["user: hi", "assistant: Hi.", "user: and?"]
        assert len(vendor.sockets) == 2

    async def test_a_connection_that_is_lost_in_mid_turn_costs_nothing_of_it(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        turn = spoken(1000)
        upstream.hear("item_s", turn.audio[:24_000])
        await until(lambda: vendor.sockets[0].heard_ms > 400)
        await vendor.hang_up()
        upstream.hear("item_s", turn.audio[24_000:36_000])
        await answer(upstream, request(user("hi"), said("Hi.", heard_ms=1000), turn))
        assert vendor.asked[1].known[-1] == "user: <1000 ms>"

    @pytest.mark.parametrize("how", ["close", "reset", "fail", "garbage"])
    async def test_a_used_connection_that_fails_before_the_answer_is_replaced_unseen(
        self, upstream, vendor, how
    ):
        vendor.answers = [[Speak("Hi.")], [Break(how)], [Speak("Here.")]]
        await answer(upstream, request(user("hi")))
        heard = await answer(
            upstream, request(user("hi"), said("Hi.", heard_ms=1000), user("and?", "item_2"))
        )
        assert heard.words == "Here."
        assert vendor.asked[2].known == ["user: hi", "assistant: Hi.", "user: and?"]

    @pytest.mark.parametrize("how", ["close", "reset", "fail", "garbage", "stall"])
    async def test_a_failure_before_the_answer_is_typed_and_the_next_request_works(
        self, upstream, vendor, how
    ):
        vendor.answers = [[Break(how)], [Speak("Here.")]]
        with pytest.raises(ProviderError) as failure:
            await answer(upstream, request(user("hi")))
        assert not failure.value.started
        assert failure.value.kind == {"stall": "timeout", "close": "network", "reset": "network"}.get(
            how, "upstream"
        )
        assert KEY not in failure.value.message
        assert (await answer(upstream, request(user("hi")))).words == "Here."

    @pytest.mark.parametrize("how", ["close", "reset", "fail", "garbage", "stall"])
    async def test_a_failure_within_the_answer_says_that_it_had_started(self, upstream, vendor, how):
        vendor.answers = [[Speak("Well"), Break(how)], [Speak("Here.")]]
        with pytest.raises(ProviderError) as failure:
            await answer(upstream, request(user("hi")))
        assert failure.value.started
        assert KEY not in failure.value.message
        heard = await answer(upstream, request(user("hi"), said("We", heard_ms=400), user("what?", "item_2")))
        assert heard.words == "Here."
        assert vendor.asked[-1].known == ["user: hi", "assistant: We", "user: what?"]

    @pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (429, "rate_limit"), (503, "overloaded")])
    async def test_a_refused_handshake_is_typed(self, upstream, vendor, status, kind):
        vendor.statuses = [status]
        with pytest.raises(ProviderError) as failure:
            await answer(upstream, request(user("hi")))
        assert failure.value.kind == kind
        assert KEY not in failure.value.message
        assert (await answer(upstream, request(user("hi")))).words == "Hi."

    async def test_a_server_that_does_not_say_goodbye_is_left_soon(self, model, vendor):
        vendor.answers = [[Speak("Hi."), Break("stall")]]
        upstream = model.open()
        await begin(upstream, request(user("hi")))
        async with asyncio.timeout(2):
            await upstream.aclose()
            await upstream.aclose()

    async def test_an_upstream_that_was_never_used_connects_to_nothing(self, model, vendor):
        await model.open().aclose()
        assert vendor.sockets == []
