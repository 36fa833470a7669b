import asyncio
import json
from contextlib import aclosing
from itertools import chain

import msgspec
import pytest
from openai.types.chat import completion_create_params
from pydantic import TypeAdapter

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import (
    LlmCapabilities,
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
from antiphon.providers.openai_compatible.chat import Quirks
from antiphon.providers.openai_compatible.llm import OpenAiLlm
from antiphon.providers.openai_compatible.quirks import QUIRKS
from antiphon.providers.scripted import ScriptedLlm, say
from antiphon.providers.scripted.server import Canned
from tests.providers.contract_llm import HELLO, KEY, WEATHER, LlmWireContract, answer_of
from tests.providers.vendors.streaming import without_iterators

_REQUEST = TypeAdapter(completion_create_params.CompletionCreateParamsStreaming)
_REASONS = {"end": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter"}


@pytest.fixture
def make(wire, server):
    def make(base_url=None, **options):
        return OpenAiLlm(wire, Endpoint(base_url or server.base_url, KEY), "m", name="custom/m", **options)

    return make


@pytest.fixture
def model(make):
    return make()


class OpenAiSpelling:
    def opening(self, usage):
        return [b": a comment\n\n", chunk({"role": "assistant", "content": ""})]

    def text(self, text):
        return chunk({"content": text})

    def thought(self, text):
        return chunk({"reasoning_content": text, "content": None}) + chunk({"reasoning": text, "content": ""})

    def calls(self, *calls):
        began = [tool_part(i, call.call_id, call.name, "") for i, call in enumerate(calls)]
        pieces = [[tool_part(i, arguments=a) for a in call.arguments] for i, call in enumerate(calls)]
        return [*began, *chain.from_iterable(pieces)]

    def closing(self, reason, usage):
        counted = {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        }
        return [chunk({}, _REASONS[reason]), chunk(usage=counted), DONE]

    def overloaded(self):
        return b'data: {"error":{"code":503,"message":"Overloaded"}}\n\n'

    def refusal(self, message):
        return json.dumps(
            {"error": {"message": message, "type": "invalid_request_error", "code": None}}
        ).encode()

    def images(self, body):
        contents = [m["content"] for m in body["messages"] if isinstance(m["content"], list)]
        return [p["image_url"]["url"] for content in contents for p in content if p["type"] == "image_url"]


def check_body(body):
    """Unknown fields are left out of what is validated."""
    assert without_iterators(_REQUEST.validate_python(body)) == body
    waiting = []
    for message in body["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0), "the results of calls come next, in their order"
        else:
            assert not waiting, "every call has a result"
        waiting += [call["id"] for call in message.get("tool_calls", ())]


class TestContract(LlmWireContract):
    @pytest.fixture(params=[Quirks(), QUIRKS["openai"]], ids=["usual", "openai"])
    def at(self, make, request):
        reasons = LlmCapabilities(reasoning=request.param != Quirks())
        return lambda base_url: make(base_url, capabilities=reasons, quirks=request.param)

    @pytest.fixture
    def vendor(self, server):
        yield server
        for request in server.requests:
            check_body(request.body)

    @pytest.fixture
    def spelling(self):
        return OpenAiSpelling()


def chunk(delta=None, finish_reason=None, **fields):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return b"data: " + json.dumps({"choices": choices, **fields}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
HI = chunk({"content": "Hi"})
END = chunk({}, "stop")
USAGE = chunk(usage={"prompt_tokens": 7, "completion_tokens": 2})


def tool_part(index=None, call_id=None, name=None, arguments=None):
    part = {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}
    return chunk({"tool_calls": [part]})


async def answer(server, model, *chunks, request=HELLO, **canned):
    server.next_answer(Canned(chunks, **canned))
    return await answer_of(model, request)


async def body_of(server, model, request):
    await answer(server, model, HI, END, DONE, request=request)
    return server.requests[-1].body


async def test_usage_keeps_its_details(server, model):
    details = {
        "prompt_tokens": 1000,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 896, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 12},
    }
    events = await answer(server, model, HI, END, chunk(usage=details), DONE)
    assert events == [
        TextDelta("Hi"),
        LlmUsage(1000, 20, cached_tokens=896, reasoning_tokens=12),
        Stop("end"),
    ]


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": None}])
async def test_usage_details_may_be_absent(server, model, details):
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": details}
    assert (await answer(server, model, HI, END, chunk(usage=usage), DONE))[-2] == LlmUsage(7, 2)


async def test_usage_may_come_with_the_last_text(server, model):
    last = chunk({"content": "!"}, "stop", usage={"prompt_tokens": 7, "completion_tokens": 2})
    assert (await answer(server, model, HI, last, DONE))[-2:] == [LlmUsage(7, 2), Stop("end")]


async def test_missing_usage_is_estimated(server, model):
    usage = (await answer(server, model, chunk({"content": "x" * 40}), END, DONE))[-2]
    assert usage.estimated
    assert usage.output_tokens == 10
    assert usage.input_tokens > 5


async def test_a_stream_may_end_without_done(server, model):
    assert (await answer(server, model, HI, END, USAGE))[-1] == Stop("end")


async def test_a_stream_may_end_without_a_reason(server, model):
    assert (await answer(server, model, HI, USAGE, DONE))[-1] == Stop("end")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("stop", "end"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("eos_token", "end"),
    ],
)
async def test_finish_reasons(server, model, given, reason):
    assert (await answer(server, model, HI, chunk({}, given), USAGE, DONE))[-1] == Stop(reason)


async def test_reasoning_is_not_spoken(server, model):
    events = await answer(
        server,
        model,
        chunk({"reasoning_content": "Let me think.", "content": None}),
        chunk({"reasoning": "Hm.", "content": ""}),
        chunk({"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hi"}]}),
        END,
        DONE,
    )
    assert events[:-2] == [TextDelta("Hi")]


async def test_parallel_tool_calls_are_told_apart_by_index(server, model):
    events = await answer(
        server,
        model,
        tool_part(0, "a", "weather", ""),
        tool_part(1, "b", "weather"),
        tool_part(0, arguments='{"city":'),
        tool_part(1, arguments='{"city":"Lund"}'),
        tool_part(0, arguments='"Malmö"}'),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert events[:-2] == [
        ToolCallStarted("a", "weather"),
        ToolCallStarted("b", "weather"),
        ToolCallDelta("a", '{"city":'),
        ToolCallDelta("b", '{"city":"Lund"}'),
        ToolCallDelta("a", '"Malmö"}'),
    ]


@pytest.mark.parametrize("index", [0, None])
async def test_calls_that_share_an_index_are_told_apart_by_id(server, model, index):
    events = await answer(
        server,
        model,
        tool_part(index, "a", "weather", "{}"),
        tool_part(index, "b", "clock", '{"x":'),
        tool_part(index, "b", None, "1}"),
        chunk({}, "stop"),
        DONE,
    )
    assert events[:-2] == [
        ToolCallStarted("a", "weather"),
        ToolCallDelta("a", "{}"),
        ToolCallStarted("b", "clock"),
        ToolCallDelta("b", '{"x":'),
        ToolCallDelta("b", "1}"),
    ]
    assert events[-1] == Stop("tool_calls")


async def test_a_call_without_an_id_gets_one(server, model):
    events = await answer(server, model, tool_part(0, "", "weather", "{}"), chunk({}, "tool_calls"), DONE)
    assert events[0].call_id.startswith("call_")
    assert events[1] == ToolCallDelta(events[0].call_id, "{}")


async def test_a_call_without_arguments_has_an_empty_object(server, model):
    events = await answer(server, model, tool_part(0, "a", "weather", ""), chunk({}, "tool_calls"), DONE)
    assert events[:2] == [ToolCallStarted("a", "weather"), ToolCallDelta("a", "{}")]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "Rate limited", "code": 429}, "rate_limit"),
        ({"message": "Overloaded", "type": "overloaded_error"}, "overloaded"),
        ({"message": "maximum context length is 8192", "code": 400}, "context_length"),
        ("out of memory", "upstream"),
    ],
)
@pytest.mark.parametrize("started", [False, True])
async def test_an_error_inside_the_stream(server, model, error, kind, started):
    chunks = [HI] if started else []
    with pytest.raises(ProviderError) as failure:
        await answer(server, model, *chunks, b"data: " + json.dumps({"error": error}).encode() + b"\n\n")
    assert (failure.value.kind, failure.value.started) == (kind, started)


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {half\n\n",
        b'data: {"choices":[{"delta":{"content":7}}]}\n\n',
        b"data: []\n\n",
        b"data: \xff\n\n",
        tool_part(0, arguments="{}"),
        b"data: " + b"x" * (2 << 20),
    ],
)
async def test_garbage_is_an_error(server, model, garbage):
    with pytest.raises(ProviderError) as failure:
        await answer(server, model, HI, garbage, DONE)
    assert (failure.value.kind, failure.value.started) == ("upstream", True)


async def test_bytes_may_be_cut_anywhere(server, model):
    stream = chunk({"content": "Grüße 👋"}).replace(b"\n", b"\r\n") + END + USAGE + DONE
    events = await answer(server, model, *(stream[i : i + 1] for i in range(len(stream))))
    assert events == [TextDelta("Grüße 👋"), LlmUsage(7, 2), Stop("end")]


async def test_a_connection_whose_answer_ends_a_little_late_is_used_again(server, model):
    late = asyncio.Event()
    server.next_answer(Canned([HI, END, DONE], until=late))
    async with aclosing(model.stream(HELLO)) as events:
        async for event in events:
            if isinstance(event, Stop):
                late.set()
    await answer_of(model, HELLO)
    assert len({request.peer for request in server.requests}) == 1


async def test_a_break_before_the_first_word_can_be_tried_again(server, model):
    with pytest.raises(ProviderError) as failure:
        await answer(server, model, b": hello\n\n", chunk({"role": "assistant", "content": ""}), then="reset")
    assert (failure.value.kind, failure.value.started) == ("network", False)


async def test_the_plainest_request_has_the_fewest_fields(server, model):
    assert await body_of(server, model, LlmRequest("", [Message("user", "Hi")])) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_an_empty_conversation_is_not_sent_empty(server, model):
    assert (await body_of(server, model, LlmRequest("", [])))["messages"] == [
        {"role": "system", "content": ""}
    ]


async def test_instructions_images_and_tool_results_are_sent(server, model):
    image = "data:image/png;base64,AAAA"
    messages = [
        Message("user", "What is this?", images=(image,)),
        Message("user", "", images=(image,)),
        Message("assistant", "", tool_calls=(ToolCall("a", "weather", "{}"),)),
        Message("tool", "rain", call_id="a"),
    ]
    picture = {"type": "image_url", "image_url": {"url": image}}
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    assert (await body_of(server, model, LlmRequest("Be brief.", messages)))["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]},
        {"role": "user", "content": [picture]},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "rain"},
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(), None),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "weather"), {"type": "function", "function": {"name": "weather"}}),
    ],
)
async def test_tools_and_their_choice_are_sent(server, model, choice, sent):
    request = LlmRequest("", HELLO.messages, tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False)
    body = await body_of(server, model, request)
    assert body["tools"][0]["function"] == {
        "name": "weather",
        "description": WEATHER.description,
        "parameters": WEATHER.parameters,
    }
    assert body.get("tool_choice") == sent
    assert body["parallel_tool_calls"] is False


async def test_a_choice_without_tools_is_not_sent(server, model):
    request = LlmRequest("", HELLO.messages, tool_choice=ToolChoice("required"), parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(await body_of(server, model, request))


@pytest.mark.parametrize(
    ("quirks", "field"),
    [(Quirks(), "max_tokens"), (Quirks(max_completion_tokens=True), "max_completion_tokens")],
)
async def test_the_limit_has_the_name_that_the_server_knows(server, make, quirks, field):
    request = LlmRequest("", HELLO.messages, max_output_tokens=50)
    assert (await body_of(server, make(quirks=quirks), request))[field] == 50


async def test_a_server_that_refuses_stream_options_is_not_sent_any(server, make):
    assert "stream_options" not in await body_of(server, make(quirks=Quirks(stream_options=False)), HELLO)


async def test_the_temperature_is_sent_to_models_that_do_not_reason(server, make):
    request = LlmRequest("", HELLO.messages, temperature=0.3)
    assert (await body_of(server, make(), request))["temperature"] == 0.3
    assert "temperature" not in await body_of(server, make(), HELLO)
    reasoner = make(capabilities=LlmCapabilities(reasoning=True))
    assert "temperature" not in await body_of(server, reasoner, request)


async def test_reasoning_effort_is_sent_to_models_that_reason(server, make):
    request = LlmRequest("", HELLO.messages, reasoning_effort="low")
    reasoner = make(capabilities=LlmCapabilities(reasoning=True))
    assert (await body_of(server, reasoner, request))["reasoning_effort"] == "low"
    assert "reasoning_effort" not in await body_of(server, make(), request)


async def test_a_consumer_that_leaves_early_closes_the_connection(server, model):
    server.next_answer(Canned([HI] * 1000, then="stall"))
    async with aclosing(model.stream(HELLO)) as events:
        await anext(events)
    await server.requests[0].ended.wait()
    assert server.requests[0].state == "cancelled"


async def test_a_tool_schema_of_any_mapping_can_be_sent(server, model):
    schema = msgspec.json.decode(b'{"type":"object","properties":{}}')
    request = LlmRequest("", HELLO.messages, tools=[Tool("clock", "The time", schema)])
    assert (await body_of(server, model, request))["tools"][0]["function"]["parameters"] == schema


async def test_many_answers_at_once_stay_apart(server, model):
    server.llm = ScriptedLlm(lambda request: say(request.messages[-1].text))
    requests = [LlmRequest("", [Message("user", f"number {i}")]) for i in range(20)]
    for i, request in enumerate(requests):
        events = await answer_of(model, request)
        assert "".join(e.text for e in events[:-2]) == f"number {i}"


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4, "cached_tokens": 5}, LlmUsage(9, 4, cached_tokens=5)),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 5},
            LlmUsage(9, 4, cached_tokens=5),
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 20,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            LlmUsage(9, 11, reasoning_tokens=7),
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 8,
                "total_tokens": 17,
                "prompt_tokens_details": {"audio_tokens": 6, "image_tokens": 1, "cache_write_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 4},
            },
            LlmUsage(
                9,
                8,
                reasoning_tokens=3,
                cache_write_tokens=2,
                input_audio_tokens=6,
                input_image_tokens=1,
                output_audio_tokens=4,
            ),
        ),
    ],
)
async def test_usage_in_the_forms_of_other_servers(server, model, said, counted):
    assert (await answer(server, model, HI, END, chunk(usage=said), DONE))[-2] == counted


async def test_of_usage_said_again_and_again_the_last_counts(server, model):
    first = chunk({"content": "Hi"}, usage={"prompt_tokens": 7, "completion_tokens": 1})
    events = await answer(server, model, first, END, USAGE, DONE)
    assert events[-2] == LlmUsage(7, 2)


async def test_a_broken_stream_says_what_is_to_be_paid_if_it_was_told(server, model):
    first = chunk({"content": "x" * 40}, usage={"prompt_tokens": 7, "completion_tokens": 1})
    with pytest.raises(ProviderError) as failure:
        await answer(server, model, first)
    assert failure.value.usage == LlmUsage(7, 10, estimated=True)


@pytest.mark.parametrize(
    "pieces",
    [
        ["<think>Hm.</think>Hi"],
        ["\n<thi", "nk>", "Hm", ".</th", "ink>\n\n", "Hi"],
        ["<think></think>", "\n", "Hi"],
    ],
)
async def test_thoughts_in_the_text_are_not_spoken(server, model, pieces):
    events = await answer(server, model, *(chunk({"content": piece}) for piece in pieces), END, DONE)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "Hi"


@pytest.mark.parametrize(
    "pieces", [["<", "3 you"], ["Say ", "<think>"], ["<thing>"], [" ", "Hi"], ["<th"], ["\n"]]
)
async def test_text_that_is_like_a_thought_is_spoken(server, model, pieces):
    events = await answer(server, model, *(chunk({"content": piece}) for piece in pieces), END, DONE)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "".join(pieces)


async def test_a_cache_key_is_sent_to_servers_that_know_it(server, make):
    request = LlmRequest("", HELLO.messages, cache_key="agent_1")
    assert (await body_of(server, make(quirks=QUIRKS["openai"]), request))["prompt_cache_key"] == "agent_1"
    assert "prompt_cache_key" not in await body_of(server, make(), request)
    assert "prompt_cache_key" not in await body_of(server, make(quirks=QUIRKS["openai"]), HELLO)


@pytest.mark.parametrize(
    ("slug", "name", "wanted", "sent"),
    [
        ("openai", "gpt-4.1-mini", None, {}),
        ("openai", "gpt-5-mini", None, {"reasoning_effort": "minimal"}),
        ("openai", "gpt-5-chat-latest", "high", {}),
        ("openai", "gpt-5.2", None, {"reasoning_effort": "none"}),
        ("openai", "gpt-5.2", "minimal", {"reasoning_effort": "low"}),
        ("openai", "gpt-5.2", "max", {"reasoning_effort": "high"}),
        ("openai", "o3", "none", {"reasoning_effort": "low"}),
        ("groq", "openai/gpt-oss-120b", None, {"reasoning_effort": "low"}),
        ("groq", "llama-3.3-70b", None, {}),
        ("xai", "grok-4.3", None, {"reasoning_effort": "none"}),
        ("deepseek", "deepseek-chat", None, {"thinking": {"type": "disabled"}}),
        ("zai", "glm-5", "high", {"thinking": {"type": "enabled"}}),
        ("qwen", "qwen3-max", None, {"enable_thinking": False}),
        ("minimax", "MiniMax-M3", None, {"reasoning_split": True}),
    ],
)
async def test_reasoning_is_as_little_as_the_model_can_unless_it_is_wanted(
    server, wire, slug, name, wanted, sent
):
    model = OpenAiLlm(wire, Endpoint(server.base_url, KEY), name, name=f"{slug}/{name}", quirks=QUIRKS[slug])
    request = LlmRequest("", HELLO.messages, reasoning_effort=wanted)
    body = await body_of(server, model, request)
    fields = ("reasoning_effort", "reasoning", "thinking", "enable_thinking", "reasoning_split")
    assert {field: body[field] for field in fields if field in body} == sent


async def test_openrouter_is_told_in_its_own_words_how_much_to_reason(server, make):
    request = LlmRequest("", HELLO.messages, reasoning_effort="low")
    reasoner = make(capabilities=LlmCapabilities(reasoning=True), quirks=QUIRKS["openrouter"])
    assert (await body_of(server, reasoner, request))["reasoning"] == {"effort": "low"}


async def test_ids_of_calls_are_short_where_they_have_to_be(server, make):
    call = ToolCall("call_of_another_model", "weather", "{}")
    history = [Message("assistant", "", tool_calls=(call,)), Message("tool", "rain", call_id=call.call_id)]
    called, result = (await body_of(server, make(quirks=QUIRKS["mistral"]), LlmRequest("", history)))[
        "messages"
    ]
    assert called["tool_calls"][0]["id"] == result["tool_call_id"]
    assert len(result["tool_call_id"]) == 9
    assert result["tool_call_id"].isalnum()
