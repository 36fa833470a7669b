from dataclasses import replace

import pytest
from anthropic import APIStatusError, AsyncAnthropic, RateLimitError

from antiphon.providers.anthropic.llm import AnthropicLlm
from antiphon.providers.base.endpoint import Endpoint, KeyHeader
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import (
    LlmRequest,
    LlmUsage,
    Message,
    Stop,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStarted,
    ToolChoice,
)
from antiphon.providers.scripted.server import Canned
from tests.providers.contract_llm import CALLS, HELLO, KEY, USAGE, WEATHER, LlmWireContract, answer_of, whole
from tests.providers.vendors.anthropic import AnthropicServer, AnthropicSpelling
from tests.providers.vendors.streaming import event


@pytest.fixture
async def vendor():
    async with AnthropicServer() as server:
        yield server


@pytest.fixture
def spelling():
    return AnthropicSpelling()


@pytest.fixture
def make(wire):
    def make(base_url, model="claude-sonnet-4-5"):
        endpoint = Endpoint(base_url, KEY, KeyHeader("x-api-key", ""))
        return AnthropicLlm(wire, endpoint, model, name=f"anthropic/{model}")

    return make


class TestContract(LlmWireContract):
    @pytest.fixture
    def vendor(self, vendor):
        return vendor

    @pytest.fixture
    def spelling(self, spelling):
        return spelling

    @pytest.fixture
    def at(self, make):
        return make


SILENT = {"type": "text", "text": "(The user has said nothing.)"}
CACHED = {"cache_control": {"type": "ephemeral"}}


@pytest.fixture
def body_of(make, vendor):
    async def body_of(request, model="claude-sonnet-4-5"):
        await answer_of(make(vendor.base_url, model), request)
        return vendor.requests[-1].body

    return body_of


@pytest.fixture
def answer(make, vendor):
    async def answer(*chunks, request=HELLO):
        vendor.next_answer(Canned(chunks))
        return await answer_of(make(vendor.base_url), request)

    return answer


async def test_the_plainest_request(body_of):
    assert await body_of(LlmRequest("Be brief.", [Message("user", "Hi")])) == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 8192,
        "system": [{"type": "text", "text": "Be brief.", **CACHED}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", **CACHED}]}],
        "stream": True,
    }


async def test_key_and_version_are_in_headers(make, vendor):
    await answer_of(make(vendor.base_url), HELLO)
    headers = vendor.requests[-1].headers
    assert (headers["x-api-key"], headers["anthropic-version"]) == (KEY, "2023-06-01")


async def test_roles_alternate_and_results_of_tools_are_one_message_of_the_user(body_of):
    history = [
        Message("assistant", "Welcome!"),
        Message("user", "Rain?", images=("data:image/png;base64,AAAA",)),
        Message("assistant", "Let me see."),
        Message("assistant", "", tool_calls=CALLS),
        Message("tool", "rain", call_id="call_1"),
        Message("tool", "sun", call_id="call_2"),
        Message("system", "It is late."),
        Message("user", "And?"),
    ]
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    assert (await body_of(LlmRequest("", history, tools=[WEATHER])))["messages"] == [
        {"role": "user", "content": [SILENT]},
        {"role": "assistant", "content": [{"type": "text", "text": "Welcome!"}]},
        {"role": "user", "content": [picture, {"type": "text", "text": "Rain?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Malmö"}},
                {"type": "tool_use", "id": "call_2", "name": "weather", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "rain"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "sun"},
                {"type": "text", "text": "<system>It is late.</system>"},
                {"type": "text", "text": "And?", **CACHED},
            ],
        },
    ]


async def test_system_messages_before_the_conversation_are_instructions(body_of):
    body = await body_of(LlmRequest("Be brief.", [Message("system", "Be kind."), Message("user", "Hi")]))
    assert body["system"][0]["text"] == "Be brief.\n\nBe kind."
    assert len(body["messages"]) == 1


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (ToolChoice(), True, None),
        (ToolChoice(), False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), True, {"type": "any"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("named", "weather"), True, {"type": "tool", "name": "weather"}),
    ],
)
async def test_tools_and_their_choice(body_of, choice, parallel, sent):
    request = LlmRequest(
        "", HELLO.messages, tools=[WEATHER], tool_choice=choice, parallel_tool_calls=parallel
    )
    body = await body_of(request)
    assert body.get("tool_choice") == sent
    assert body["tools"] == [
        {
            "name": "weather",
            "description": WEATHER.description,
            "input_schema": WEATHER.parameters,
            **CACHED,
        }
    ]


async def test_tools_that_were_called_are_named_though_none_is_offered(body_of):
    history = [Message("assistant", "", tool_calls=CALLS), *HELLO.messages]
    body = await body_of(LlmRequest("", history))
    assert [tool["name"] for tool in body["tools"]] == ["weather"]
    assert body["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("claude-sonnet-4-5", None, {}),
        ("claude-sonnet-4-5", "minimal", {}),
        ("claude-sonnet-4-5", "medium", {"thinking": {"type": "enabled", "budget_tokens": 4096}}),
        ("claude-sonnet-4-5", "xhigh", {"thinking": {"type": "enabled", "budget_tokens": 16_384}}),
        ("claude-opus-4-6", None, {}),
        ("claude-opus-4-6", "low", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("claude-sonnet-5", None, {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-5-5", "none", {"thinking": {"type": "between_tools"}}),
        ("claude-opus-5-5", None, {"output_config": {"effort": "low"}}),
        ("claude-of-the-future", None, {"output_config": {"effort": "low"}}),
        ("claude-opus-5", "high", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ("somebody-elses", None, {}),
    ],
)
async def test_thinking_is_as_little_as_the_model_can_unless_it_is_wanted(body_of, model, effort, sent):
    request = LlmRequest("", HELLO.messages, reasoning_effort=effort, max_output_tokens=100)
    body = await body_of(request, model)
    assert {key: body[key] for key in ("thinking", "output_config") if key in body} == sent
    budget = body.get("thinking", {}).get("budget_tokens", 0)
    assert body["max_tokens"] == 100 + budget


@pytest.mark.parametrize(
    "excludes",
    [
        {"tool_choice": ToolChoice("required")},
        {
            "messages": [
                Message("user", "Rain?"),
                Message("assistant", "", tool_calls=(CALLS[0],)),
                Message("tool", "rain", call_id="call_1"),
            ]
        },
    ],
)
async def test_a_budget_to_think_is_not_given_where_it_is_refused(body_of, excludes):
    request = replace(LlmRequest("", HELLO.messages, tools=[WEATHER], reasoning_effort="high"), **excludes)
    assert "thinking" not in await body_of(request)


@pytest.mark.parametrize(("model", "taken"), [("claude-sonnet-4-5", True), ("claude-opus-4-7", False)])
async def test_the_temperature_is_sent_to_models_that_take_it(body_of, model, taken):
    request = LlmRequest("", HELLO.messages, temperature=0.3)
    assert (await body_of(request, model)).get("temperature") == (0.3 if taken else None)


async def test_a_temperature_above_one_is_one(body_of):
    assert (await body_of(LlmRequest("", HELLO.messages, temperature=1.7)))["temperature"] == 1.0


async def test_ids_of_other_models_calls_are_made_acceptable(body_of):
    call = ToolCall("functions.weather:0", "weather", "{}")
    history = [Message("assistant", "", tool_calls=(call,)), Message("tool", "rain", call_id=call.call_id)]
    body = await body_of(LlmRequest("", history, tools=[WEATHER]))
    assert body["messages"][1]["content"][0]["id"] == "functions_weather_0"
    assert body["messages"][2]["content"][0]["tool_use_id"] == "functions_weather_0"


async def test_an_image_that_is_none_is_refused(make, vendor):
    request = LlmRequest("", [Message("user", "", images=("data:text/plain,hello",))])
    with pytest.raises(ProviderError, match=r"send it as data:image/png;base64") as refused:
        await answer_of(make(vendor.base_url), request)
    assert refused.value.kind == "invalid"
    assert not vendor.requests


async def test_usage_adds_up_what_was_read_from_the_cache_and_written_to_it(answer, spelling):
    usage = LlmUsage(1000, 30, cached_tokens=600, cache_write_tokens=300)
    assert (await answer(*whole(spelling, spelling.text("Hi"), usage=usage)))[-2] == usage


async def test_the_last_word_about_usage_counts(answer, spelling):
    last = {"input_tokens": 50, "cache_read_input_tokens": 7, "output_tokens": 9}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last}
    stop = {"type": "message_stop"}
    events = await answer(*spelling.opening(USAGE), spelling.text("Hi"), event(delta), event(stop))
    assert events[-2] == LlmUsage(57, 9, cached_tokens=7)


async def test_a_broken_stream_says_what_is_to_be_paid(answer, spelling):
    with pytest.raises(ProviderError) as failure:
        await answer(*spelling.opening(USAGE), spelling.text("x" * 400), spelling.overloaded())
    assert failure.value.usage == LlmUsage(1000, 100, cached_tokens=896, estimated=True)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("stop_sequence", "end"),
        ("pause_turn", "end"),
        ("model_context_window_exceeded", "length"),
        ("of_the_future", "end"),
    ],
)
async def test_other_reasons_to_stop(answer, spelling, given, reason):
    delta = {"type": "message_delta", "delta": {"stop_reason": given}, "usage": {"output_tokens": 1}}
    events = await answer(*spelling.opening(USAGE), event(delta), event({"type": "message_stop"}))
    assert events[-1] == Stop(reason)


async def test_events_and_blocks_of_the_future_say_nothing(answer, spelling):
    future = event({"type": "content_block_start", "index": 0, "content_block": {"type": "dream"}})
    future += event({"type": "content_block_delta", "index": 0, "delta": {"type": "dream_delta"}})
    future += event({"type": "dreamt", "of": ["sheep"]}) + spelling.ping()
    assert (await answer(*whole(spelling, future, spelling.text("Hi"))))[:-2] == [TextDelta("Hi")]


async def test_arguments_may_come_whole(answer, spelling):
    block = {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Lund"}}
    start = event({"type": "content_block_start", "index": 0, "content_block": block})
    events = await answer(*whole(spelling, start, reason="tool_calls"))
    assert events[:-2] == [ToolCallStarted("a", "weather"), ToolCallDelta("a", '{"city":"Lund"}')]


async def test_anthropics_own_client_understands_the_fake_server(vendor, spelling):
    """So what our adapter is tested against speaks the vendor's wire."""
    usage = LlmUsage(1000, 30, cached_tokens=600, cache_write_tokens=300)
    middle = (spelling.thought("Hm."), spelling.text("Hi"), *spelling.calls(*CALLS))
    vendor.next_answer(Canned(whole(spelling, *middle, reason="tool_calls", usage=usage)))
    root = vendor.base_url.removesuffix("/v1")
    async with (
        AsyncAnthropic(base_url=root, api_key=KEY, max_retries=0) as client,
        client.messages.stream(
            model="m",
            max_tokens=100,
            messages=[{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        ) as stream,
    ):
        message = await stream.get_final_message()
    thought, text, *calls = message.content
    assert (thought.type, text.text) == ("thinking", "Hi")
    assert [(call.id, call.name, call.input) for call in calls] == [
        ("call_1", "weather", {"city": "Malmö"}),
        ("call_2", "weather", {}),
    ]
    assert message.stop_reason == "tool_use"
    counted = message.usage
    assert (counted.input_tokens, counted.cache_read_input_tokens) == (100, 600)
    assert (counted.cache_creation_input_tokens, counted.output_tokens) == (300, 30)


async def test_anthropics_own_client_understands_the_fake_servers_errors(vendor, spelling):
    vendor.next_answer(Canned([spelling.refusal("Slow down")], status=429))
    root = vendor.base_url.removesuffix("/v1")
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    async with AsyncAnthropic(base_url=root, api_key=KEY, max_retries=0) as client:
        with pytest.raises(RateLimitError, match="Slow down"):
            await client.messages.create(model="m", max_tokens=1, messages=messages, stream=True)
        vendor.next_answer(Canned([*spelling.opening(USAGE), spelling.overloaded()]))
        stream = await client.messages.create(model="m", max_tokens=1, messages=messages, stream=True)
        with pytest.raises(APIStatusError, match="overloaded_error"):
            [event async for event in stream]
