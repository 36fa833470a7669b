"""Tool calls of the built-in stand-in: which tool, with which arguments, and how its result is read."""

import json
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import (
    LlmEvent,
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
from antiphon.providers.local.dialogue import DialogueModel
from antiphon.providers.local.dialogue.tools.embedding import MINI_LM, MiniLmMatcher
from antiphon.providers.local.dialogue.tools.matching import KeywordMatcher, ToolMatcher
from antiphon.providers.local.dialogue.tools.minilm import MiniLm
from antiphon.providers.local.weights import Weights

NOW = datetime(2026, 11, 22, 15, 5, tzinfo=timezone(timedelta(hours=1)))  # a Sunday
AUTO = ToolChoice()


def tool(name: str, description: str, /, optional: Sequence[str] = (), **properties: Any) -> Tool:
    required = [key for key in properties if key not in optional]
    return Tool(name, description, {"type": "object", "properties": properties, "required": required})


STRING = {"type": "string"}
WEATHER = tool(
    "get_weather",
    "Get the current weather for a city",
    city=STRING,
    unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
    optional=["unit"],
)
TABLE = tool(
    "book_table",
    "Book a table at a restaurant",
    party_size={"type": "integer", "description": "Number of people", "minimum": 1},
    date={"type": "string", "format": "date"},
    time=STRING,
    name=STRING,
    optional=["name"],
)
MESSAGE = tool("send_message", "Send a text message to a contact", contact=STRING, message=STRING)
LIGHT = tool(
    "set_light",
    "Turn the lights in a room on or off",
    room={"type": "string", "enum": ["kitchen", "living_room", "bedroom"]},
    on={"type": "boolean"},
)
TIMER = tool("set_timer", "Start a countdown timer", duration_seconds={"type": "integer"})
ALARM = tool("set_alarm", "Set an alarm", time=STRING)
MUSIC = tool("play_music", "Play a song or artist", song=STRING, artist=STRING, optional=["artist"])
SHOPPING = tool("add_to_list", "Add an item to the shopping list", item=STRING)
ORDER = tool("get_order_status", "Look up the status of an order", order_id=STRING)
FLIGHT = tool("book_flight", "Book a flight", origin=STRING, destination=STRING, date=STRING)
EVENT = tool(
    "create_event",
    "Schedule a calendar event or meeting",
    title=STRING,
    start={"type": "string", "format": "date-time"},
)
AGENT = tool("transfer_to_agent", "Transfer the call to a human agent")
TOOLS = (WEATHER, TABLE, MESSAGE, LIGHT, TIMER, ALARM, MUSIC, SHOPPING, ORDER, FLIGHT, EVENT, AGENT)

Called = list[tuple[str, dict[str, Any]]]


class Conversation:
    """Keeps what was said, as a session would."""

    def __init__(self, tools: Sequence[Tool] = TOOLS, matcher: ToolMatcher | None = None) -> None:
        self.model = DialogueModel(clock=lambda: NOW, matcher=matcher)
        self.tools = tools
        self.messages: list[Message] = []

    async def events(self, choice: ToolChoice = AUTO, **options: Any) -> list[LlmEvent]:
        request = LlmRequest("", tuple(self.messages), self.tools, choice, **options)
        return [event async for event in self.model.stream(request)]

    async def say(self, text: str, choice: ToolChoice = AUTO, **options: Any) -> str | Called:
        """The answer, or the calls."""
        self.messages.append(Message("user", text))
        return await self.answer(choice, **options)

    async def answer(self, choice: ToolChoice = AUTO, **options: Any) -> str | Called:
        names: dict[str, str] = {}
        arguments: dict[str, str] = {}
        text = ""
        for event in await self.events(choice, **options):
            if isinstance(event, TextDelta):
                text += event.text
            elif isinstance(event, ToolCallStarted):
                names[event.call_id], arguments[event.call_id] = event.name, ""
            elif isinstance(event, ToolCallDelta):
                arguments[event.call_id] += event.arguments
        calls = tuple(ToolCall(call_id, name, arguments[call_id]) for call_id, name in names.items())
        self.messages.append(Message("assistant", text, tool_calls=calls))
        return [(call.name, json.loads(call.arguments)) for call in calls] or text

    async def result(self, *outputs: str) -> str | Called:
        calls = self.messages[-1].tool_calls
        for call, output in zip(calls, outputs, strict=True):
            self.messages.append(Message("tool", output, call_id=call.call_id))
        return await self.answer()


async def test_it_works() -> None:
    conversation = Conversation()
    assert await conversation.say("What's the weather in Paris?") == [("get_weather", {"city": "Paris"})]
    result = '{"city": "Paris", "temperature_c": 18, "conditions": "sunny"}'
    assert (
        await conversation.result(result)
        == "The temperature is eighteen degrees Celsius and the conditions are sunny."
    )
    assert await conversation.say("thank you") == "My pleasure."


async def test_streams_a_call_in_the_order_of_the_protocol() -> None:
    conversation = Conversation()
    conversation.messages.append(Message("user", "send a message to Alice saying dinner is ready"))
    started, *deltas, usage, stop = await conversation.events()
    assert isinstance(started, ToolCallStarted)
    assert started.name == "send_message"
    assert len(deltas) > 1
    assert all(isinstance(delta, ToolCallDelta) and delta.call_id == started.call_id for delta in deltas)
    assert isinstance(usage, LlmUsage)
    assert stop == Stop("tool_calls")
    assert await conversation.events() == [started, *deltas, usage, stop]


REQUESTS: list[tuple[str, Called]] = [
    (
        "whats the weather in new york in fahrenheit",
        [("get_weather", {"city": "New York", "unit": "fahrenheit"})],
    ),
    (
        "Book a table for four people on Friday at 7 p.m.",
        [("book_table", {"party_size": 4, "date": "2026-11-27", "time": "19:00"})],
    ),
    (
        "book a table for two tomorrow at half past seven under the name Miller",
        [("book_table", {"party_size": 2, "date": "2026-11-23", "time": "19:30", "name": "Miller"})],
    ),
    (
        "I'd like to book a table for 12 on December third at noon, please.",
        [("book_table", {"party_size": 12, "date": "2026-12-03", "time": "12:00"})],
    ),
    (
        "Send a text message to mom that I'm late.",
        [("send_message", {"contact": "mom", "message": "I'm late"})],
    ),
    ("turn off the kitchen lights", [("set_light", {"room": "kitchen", "on": False})]),
    ("Turn on the living room lights, please.", [("set_light", {"room": "living_room", "on": True})]),
    ("Set a timer for ten minutes.", [("set_timer", {"duration_seconds": 600})]),
    ("start a timer for ninety seconds", [("set_timer", {"duration_seconds": 90})]),
    ("set an alarm for six thirty", [("set_alarm", {"time": "06:30"})]),
    ("Play Bohemian Rhapsody by Queen.", [("play_music", {"song": "Bohemian Rhapsody", "artist": "Queen"})]),
    ("add milk to my shopping list", [("add_to_list", {"item": "milk"})]),
    ("what's the status of order a b 1 2 3 4", [("get_order_status", {"order_id": "AB1234"})]),
    ("Check the status of my order number 48213.", [("get_order_status", {"order_id": "48213"})]),
    (
        "Book me a flight from Berlin to New York next Friday.",
        [("book_flight", {"origin": "Berlin", "destination": "New York", "date": "2026-11-27"})],
    ),
    (
        "schedule a meeting with Bob tomorrow at ten",
        [("create_event", {"title": "meeting with Bob", "start": "2026-11-23T10:00:00"})],
    ),
    ("transfer me to a human agent", [("transfer_to_agent", {})]),
]


@pytest.mark.parametrize(("heard", "called"), REQUESTS, ids=[heard for heard, _ in REQUESTS])
async def test_a_request_becomes_a_call(heard: str, called: Called) -> None:
    assert await Conversation().say(heard) == called


@pytest.mark.parametrize(
    ("heard", "called"),
    [
        (
            "What's the weather in Paris and London?",
            [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "London"})],
        ),
        (
            "turn off the bedroom lights and set a timer for five minutes",
            [("set_light", {"room": "bedroom", "on": False}), ("set_timer", {"duration_seconds": 300})],
        ),
    ],
)
async def test_two_requests_become_two_calls(heard: str, called: Called) -> None:
    assert await Conversation().say(heard) == called
    assert await Conversation().say(heard, parallel_tool_calls=False) == called[:1]


@pytest.mark.parametrize(
    "heard",
    ["hello", "how are you", "tell me a joke", "what time is it", "count to ten", "my name is Bob", "thanks",
     "what can you do", "explain quantum physics", "repeat after me: turn off the kitchen lights"],
)  # fmt: skip
async def test_talk_stays_talk(heard: str) -> None:
    with_tools = await Conversation().say(heard)
    assert with_tools == await Conversation(tools=()).say(heard)


class TestMissingValues:
    async def test_are_asked_for_one_by_one(self) -> None:
        conversation = Conversation()
        assert await conversation.say("book a table") == "How many people?"
        assert await conversation.say("There will be four of us.") == "For which date?"
        assert await conversation.say("tomorrow") == "For which time?"
        called = [("book_table", {"party_size": 4, "date": "2026-11-23", "time": "19:00"})]
        assert await conversation.say("at seven pm") == called

    @pytest.mark.parametrize(
        ("request_", "question", "reply", "called"),
        [
            ("what's the weather", "Which city?", "It's Berlin.", ("get_weather", {"city": "Berlin"})),
            (
                "what's the weather",
                "Which city?",
                "in new york please",
                ("get_weather", {"city": "New York"}),
            ),
            (
                "turn on the lights",
                "Which room: kitchen, living room or bedroom?",
                "the living room",
                ("set_light", {"room": "living_room", "on": True}),
            ),
            (
                "send a message to Bob",
                "What's the message?",
                "I'll be there in five minutes.",
                ("send_message", {"contact": "Bob", "message": "I'll be there in five minutes."}),
            ),
            ("set a timer", "How many seconds?", "two minutes", ("set_timer", {"duration_seconds": 120})),
        ],
    )
    async def test_are_taken_from_the_reply(
        self, request_: str, question: str, reply: str, called: tuple[str, Any]
    ) -> None:
        conversation = Conversation()
        assert await conversation.say(request_) == question
        assert await conversation.say(reply) == [called]

    async def test_are_asked_for_again_if_the_reply_has_none(self) -> None:
        conversation = Conversation()
        await conversation.say("set a timer")
        assert await conversation.say("I don't know yet") == "How many seconds?"
        assert await conversation.say("ten") == [("set_timer", {"duration_seconds": 10})]

    async def test_are_recognised_though_the_question_was_cut_short(self) -> None:
        conversation = Conversation()
        await conversation.say("set a timer")
        conversation.messages[-1] = Message("assistant", "How many sec")
        assert await conversation.say("ten") == [("set_timer", {"duration_seconds": 10})]

    async def test_can_be_given_up(self) -> None:
        conversation = Conversation()
        await conversation.say("book a table")
        assert await conversation.say("never mind") == "Okay."

    async def test_do_not_hold_up_another_question(self) -> None:
        conversation = Conversation()
        await conversation.say("what's the weather")
        assert await conversation.say("what time is it") == "It's three oh five in the afternoon."

    async def test_do_not_swallow_another_request(self) -> None:
        conversation = Conversation()
        await conversation.say("what's the weather")
        assert await conversation.say("set a timer for ten minutes") == [
            ("set_timer", {"duration_seconds": 600})
        ]

    async def test_are_asked_for_after_the_call_that_could_be_made(self) -> None:
        conversation = Conversation()
        called = await conversation.say("turn off the bedroom lights and book a table for two on Friday")
        assert called == [("set_light", {"room": "bedroom", "on": False})]
        assert await conversation.result('{"ok": true}') == "Done. For which time?"


class TestToolChoice:
    async def test_none_talks(self) -> None:
        said = await Conversation().say("what's the weather in Paris", ToolChoice("none"))
        assert isinstance(said, str)

    async def test_named_calls_that_tool_whatever_was_said(self) -> None:
        named = ToolChoice("named", "set_timer")
        assert await Conversation().say("ten minutes", named) == [("set_timer", {"duration_seconds": 600})]
        assert await Conversation().say("hello", named) == [("set_timer", {"duration_seconds": 0})]

    async def test_named_refuses_a_tool_that_is_not_declared(self) -> None:
        with pytest.raises(ProviderError, match="'fly', which is not among the tools"):
            await Conversation().say("hello", ToolChoice("named", "fly"))

    async def test_required_calls_the_best_tool_with_values_of_the_right_types(self) -> None:
        called = await Conversation().say("I need a table", ToolChoice("required"))
        assert called == [
            ("book_table", {"party_size": 1, "date": "I need a table", "time": "I need a table"})
        ]

    async def test_required_is_satisfied_by_a_result(self) -> None:
        conversation = Conversation()
        await conversation.say("weather in Paris", ToolChoice("required"))
        (call,) = conversation.messages[-1].tool_calls
        conversation.messages.append(Message("tool", "Sunny", call_id=call.call_id))
        assert await conversation.answer(ToolChoice("required")) == "Sunny."


async def test_a_call_that_does_not_fit_the_token_limit_ends_with_length() -> None:
    conversation = Conversation()
    conversation.messages.append(Message("user", "send a message to Alice saying dinner is ready"))
    *_, usage, stop = await conversation.events(max_output_tokens=3)
    assert isinstance(usage, LlmUsage)
    assert usage.output_tokens == 3
    assert stop == Stop("length")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ('{"ok": true}', "Done."),
        ('{"status": "success", "message_id": "m_1"}', "Done."),
        ('{"success": false}', "That didn't work."),
        ('{"error": "no such city"}', "That didn't work: no such city."),
        ('{"error": {"code": 5}}', "That didn't work."),
        ("", "Done."),
        ("null", "Done."),
        ("It is raining", "It is raining."),
        ('"Sunny all day."', "Sunny all day."),
        ("42", "The answer is forty-two."),
        ("NaN", "The answer is nan."),
        ("[]", "There are no results."),
        ('["milk", "eggs"]', "There are two results: milk, and eggs."),
        (
            '{"restaurants": [{"name": "Luigi", "rating": 4.5}, {"name": "Mario", "rating": 4}]}',
            "There are two restaurants: Luigi, rating four point five, and Mario, rating four.",
        ),
        ("[1, 2, 3, 4]", "There are four results. The first three are one, two, and three."),
        (
            '{"date": "2026-11-27", "time": "19:00", "id": "x"}',
            "The date is Friday, November twenty-seventh and the time is seven o'clock in the evening.",
        ),
        ('{"date": "2026-13-45"}', "The date is 2026-13-45."),
        ('{"available": true, "is_raining": false}', "It's available and it's not raining."),
        ('{"wind": {"speed_kmh": 12.5}}', "The wind speed is twelve point five kilometers an hour."),
        (json.dumps("word " * 5000), f"{'word ' * 157}word and so on."),
        ('{"summary": "It is sunny in Paris", "code": 3}', "It is sunny in Paris."),
    ],
)
async def test_reads_a_result(result: str, said: str) -> None:
    conversation = Conversation()
    await conversation.say("what's the weather in Paris")
    assert await conversation.result(result) == said


async def test_reads_the_results_of_two_calls() -> None:
    conversation = Conversation()
    await conversation.say("What's the weather in Paris and London?")
    said = await conversation.result('{"temperature_c": 18}', '{"temperature_c": 9}')
    assert said == "The temperature is eighteen degrees Celsius. The temperature is nine degrees Celsius."


async def test_survives_odd_schemas() -> None:
    toppings = {"type": "array", "items": {"enum": ["ham", "olives", "mushrooms"]}}
    address = {
        "properties": {"street": {"type": ["string", "null"]}},
        "required": ["street"],
        "type": "object",
    }
    slices = {"anyOf": [{"type": "null"}, {"type": "integer"}]}
    odd = tool("order_pizza", "", toppings=toppings, to=address, slices=slices, optional=["to", "slices"])
    empty = Tool("noop", "", {})
    called = await Conversation(tools=(odd, empty)).say("order a pizza with olives and ham in 8 slices")
    assert called == [("order_pizza", {"toppings": ["olives", "ham"], "slices": 8})]


@pytest.mark.parametrize("heard", ["a.b" * 20_000, "book a table and " * 5000, "Paris " * 10_000])
async def test_long_nonsense_is_answered_at_once(heard: str) -> None:
    started = time.process_time()
    assert await Conversation().say(heard)
    assert time.process_time() - started < 2


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Weights(None, tmp_path_factory.mktemp("models")).folder(MINI_LM)


@pytest.fixture(scope="module")
def encoder(weights: Path) -> MiniLm:
    return MiniLm(weights)


def test_embeddings_are_those_of_the_original_network(encoder: MiniLm) -> None:
    """The three sentences and their similarities are those on the model's page at Hugging Face."""
    weather, sunny, stadium = map(
        encoder.embed, ("The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.")
    )
    assert float(weather @ sunny) == pytest.approx(0.6660, abs=1e-3)
    assert float(weather @ stadium) == pytest.approx(0.1046, abs=1e-3)
    assert float(sunny @ stadium) == pytest.approx(0.1411, abs=1e-3)


@pytest.fixture(scope="module")
def matcher(encoder: MiniLm) -> MiniLmMatcher:
    return MiniLmMatcher(encoder)


async def test_prepared_tools_are_not_embedded_again(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded: list[str] = []
    encoder = MiniLm(weights)
    embed = encoder.embed
    monkeypatch.setattr(encoder, "embed", lambda text: embedded.append(text) or embed(text))  # type: ignore[func-returns-value]
    matcher = MiniLmMatcher(encoder)
    await matcher.prepare([ALARM])
    assert embedded == ["set alarm", "Set an alarm"]
    (score,) = await matcher.scores("wake me up", [ALARM])
    assert embedded == ["set alarm", "Set an alarm", "wake me up"]
    assert score > matcher.possible


@pytest.mark.parametrize(
    ("heard", "called"),
    [
        ("Do I need an umbrella in London today?", [("get_weather", {"city": "London"})]),
        ("wake me up at six thirty", [("set_alarm", {"time": "06:30"})]),
        ("put on some jazz", [("play_music", {"song": "jazz"})]),
    ],
)
async def test_embeddings_understand_paraphrases(matcher: MiniLmMatcher, heard: str, called: Called) -> None:
    assert await Conversation(matcher=matcher).say(heard) == called
    assert await Conversation(matcher=KeywordMatcher()).say(heard) != called


@pytest.mark.parametrize("heard", ["what time is it", "who are you", "explain quantum physics"])
async def test_embeddings_leave_talk_alone(matcher: MiniLmMatcher, heard: str) -> None:
    said = await Conversation(matcher=matcher).say(heard)
    assert said == await Conversation(tools=()).say(heard)


def test_refuses_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no model\.safetensors"):
        MiniLm(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a safetensors file"),
        (b"\xff" * 64, "is not a safetensors file"),
        ((2).to_bytes(8, "little") + b"{]", "its header is not JSON"),
        ((2).to_bytes(8, "little") + b"{}\0\0\0\0", "does not hold all-MiniLM-L6-v2"),
    ],
)
def test_refuses_a_file_that_is_something_else(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=message):
        MiniLm(tmp_path)


def test_refuses_weights_that_were_cut_off(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="the file is incomplete"):
        MiniLm(tmp_path)
