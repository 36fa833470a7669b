import json

import pytest
from google.genai import Client
from google.genai.errors import ClientError

from antiphon.providers.base.endpoint import Endpoint, KeyHeader
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import (
    LlmRequest,
    LlmUsage,
    Message,
    Stop,
    Tool,
    ToolCallDelta,
    ToolCallStarted,
    ToolChoice,
)
from antiphon.providers.gemini.llm import GeminiLlm
from antiphon.providers.scripted.server import Canned
from tests.providers.contract_llm import CALLS, HELLO, KEY, USAGE, WEATHER, LlmWireContract, answer_of, whole
from tests.providers.vendors.gemini_text import GeminiServer, GeminiSpelling
from tests.providers.vendors.streaming import event


@pytest.fixture
async def vendor():
    async with GeminiServer() as server:
        yield server


@pytest.fixture
def spelling():
    return GeminiSpelling()


@pytest.fixture
def make(wire):
    def make(base_url, model="gemini-3.8-flash"):
        endpoint = Endpoint(base_url, KEY, KeyHeader("x-goog-api-key", ""))
        return GeminiLlm(wire, endpoint, model, name=f"google/{model}")

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


@pytest.fixture
def body_of(make, vendor):
    async def body_of(request, model="gemini-3.8-flash"):
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
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}},
    }


async def test_the_name_of_a_model_leads_nowhere_else(make, vendor):
    await answer_of(make(vendor.base_url, "m:generateContent?key=x&y=/../"), HELLO)
    name = "m:generateContent%3Fkey=x&y=%2F..%2F"  # one step of the path
    assert vendor.requests[-1].path == f"/v1beta/models/{name}:streamGenerateContent?alt=sse"


async def test_calls_and_their_results_are_sent(body_of):
    history = [
        Message("user", "Rain?", images=("data:image/png;base64,AAAA", "https://pictures.example/a.webp")),
        Message("assistant", "Let me see."),
        Message("assistant", "", tool_calls=CALLS),
        Message("tool", "rain", call_id="call_1"),
        Message("tool", "sun", call_id="call_2"),
        Message("system", "It is late."),
    ]
    body = await body_of(LlmRequest("", history, tools=[WEATHER]))
    assert body["contents"] == [
        {
            "role": "user",
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"fileData": {"mimeType": "image/webp", "fileUri": "https://pictures.example/a.webp"}},
                {"text": "Rain?"},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Let me see."},
                {
                    "functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Malmö"}},
                    "thoughtSignature": "skip_thought_signature_validator",
                },
                {"functionCall": {"id": "call_2", "name": "weather", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "call_1", "name": "weather", "response": {"output": "rain"}}},
                {"functionResponse": {"id": "call_2", "name": "weather", "response": {"output": "sun"}}},
                {"text": "<system>It is late.</system>"},
            ],
        },
    ]


async def test_models_that_know_no_signatures_get_none(body_of):
    history = [Message("user", "Rain?"), Message("assistant", "", tool_calls=(CALLS[0],))]
    body = await body_of(LlmRequest("", history), "gemini-2.5-flash")
    assert "thoughtSignature" not in body["contents"][1]["parts"][0]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(), None),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", "weather"), {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
async def test_tools_and_their_choice(body_of, choice, sent):
    clock = Tool("clock", "The time", {"type": "object", "properties": {}})
    body = await body_of(LlmRequest("", HELLO.messages, tools=[WEATHER, clock], tool_choice=choice))
    assert body.get("toolConfig", {}).get("functionCallingConfig") == sent
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "weather", "description": WEATHER.description, "parameters": WEATHER.parameters},
                {"name": "clock", "description": "The time"},
            ]
        }
    ]


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("gemini-2.0-flash", "high", None),
        ("gemini-2.5-flash-lite", None, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "minimal", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", None, {"thinkingBudget": 128}),
        ("gemini-2.5-pro", "medium", {"thinkingBudget": 4096}),
        ("gemini-3-flash-preview", None, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-pro-preview", "minimal", {"thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", "xhigh", {"thinkingLevel": "HIGH"}),
        ("gemini-4-argon", "none", {"thinkingLevel": "LOW"}),
        ("gemini-flash-latest", "medium", {"thinkingLevel": "MEDIUM"}),
    ],
)
async def test_thinking_is_as_little_as_the_model_can_unless_it_is_wanted(body_of, model, effort, sent):
    body = await body_of(LlmRequest("", HELLO.messages, reasoning_effort=effort), model)
    assert body.get("generationConfig", {}).get("thinkingConfig") == sent


async def test_limit_and_temperature(body_of):
    request = LlmRequest("", HELLO.messages, max_output_tokens=50, temperature=1.3)
    settings = (await body_of(request, "gemini-2.0-flash"))["generationConfig"]
    assert settings == {"maxOutputTokens": 50, "temperature": 1.3}
    assert "temperature" not in (await body_of(request, "gemini-4-argon"))["generationConfig"]


async def test_usage_is_told_apart_by_modality(answer, spelling):
    counted = {
        "promptTokenCount": 1000,
        "toolUsePromptTokenCount": 10,
        "cachedContentTokenCount": 600,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 5,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 300},
            {"modality": "AUDIO", "tokenCount": 442},
            {"modality": "IMAGE", "tokenCount": 258},
        ],
        "cacheTokensDetails": [
            {"modality": "AUDIO", "tokenCount": 400},
            {"modality": "TEXT", "tokenCount": 200},
        ],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
    }
    last = event({"candidates": [{"finishReason": "STOP"}], "usageMetadata": counted})
    assert (await answer(spelling.text("Hi"), last))[-2] == LlmUsage(
        input_tokens=1010,
        output_tokens=25,
        cached_tokens=600,
        reasoning_tokens=5,
        input_audio_tokens=442,
        cached_audio_tokens=400,
        input_image_tokens=258,
    )


async def test_without_a_word_about_usage_it_is_estimated(answer):
    candidate = {"content": {"parts": [{"text": "x" * 40}]}, "finishReason": "STOP"}
    events = await answer(event({"candidates": [candidate]}))
    assert (events[-2].output_tokens, events[-2].estimated) == (10, True)


async def test_a_broken_stream_says_what_is_to_be_paid(answer, spelling):
    with pytest.raises(ProviderError) as failure:
        await answer(*spelling.opening(USAGE), spelling.text("x" * 400), spelling.overloaded())
    assert failure.value.usage == LlmUsage(1000, 100, estimated=True)


async def test_calls_without_ids_get_some(answer):
    parts = [
        {"functionCall": {"name": "weather", "args": {"city": "Lund"}}},
        {"functionCall": {"name": "weather"}},
    ]
    events = await answer(event({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}))
    first, second = (e.call_id for e in events if isinstance(e, ToolCallStarted))
    assert first != second
    assert [e.arguments for e in events if isinstance(e, ToolCallDelta)] == ['{"city":"Lund"}', "{}"]
    assert events[-1] == Stop("tool_calls")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("OTHER", "end"),
        ("OF_THE_FUTURE", "end"),
    ],
)
async def test_other_reasons_to_stop(answer, given, reason):
    assert (await answer(event({"candidates": [{"finishReason": given}]})))[-1] == Stop(reason)


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"])
async def test_an_answer_that_came_to_nothing_is_an_error(answer, reason):
    with pytest.raises(ProviderError, match="ask again") as failure:
        await answer(
            event({"candidates": [{"finishReason": reason}], "usageMetadata": {"promptTokenCount": 9}})
        )
    assert failure.value.kind == "upstream"
    assert failure.value.usage == LlmUsage(9, 0)


async def test_a_prompt_that_is_blocked_is_filtered(answer):
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}}
    assert await answer(event(blocked)) == [LlmUsage(9, 0), Stop("content_filter")]


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}, "auth"),
        (403, {"status": "PERMISSION_DENIED"}, "auth"),
        (429, {"status": "RESOURCE_EXHAUSTED"}, "rate_limit"),
        (503, {"status": "UNAVAILABLE"}, "overloaded"),
        (504, {"status": "DEADLINE_EXCEEDED"}, "timeout"),
    ],
)
async def test_refusals(make, vendor, status, error, kind):
    body = json.dumps({"error": {"code": status, "message": "No.", **error}}).encode()
    vendor.next_answer(Canned([body], status=status))
    with pytest.raises(ProviderError) as failure:
        await answer_of(make(vendor.base_url), HELLO)
    assert failure.value.kind == kind


async def test_a_refusal_may_say_in_its_body_when_to_try_again(make, vendor):
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}]
    body = json.dumps({"error": {"code": 429, "message": "No.", "details": details}}).encode()
    vendor.next_answer(Canned([body], status=429))
    with pytest.raises(ProviderError) as failure:
        await answer_of(make(vendor.base_url), HELLO)
    assert (failure.value.kind, failure.value.retry_after) == ("rate_limit", 17.5)


async def test_googles_own_client_understands_the_fake_server(vendor, spelling):
    """So what our adapter is tested against speaks the vendor's wire."""
    middle = (spelling.thought("Hm."), spelling.text("Hi"), *spelling.calls(*CALLS))
    vendor.next_answer(Canned(whole(spelling, *middle, reason="tool_calls")))
    root = vendor.base_url.removesuffix("/v1beta")
    client = Client(api_key=KEY, http_options={"base_url": root, "api_version": "v1beta"})
    chunks = [c async for c in await client.aio.models.generate_content_stream(model="m", contents="Hi")]
    await client.aio.aclose()
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert [part.text for part in parts if part.text and not part.thought] == ["Hi"]
    assert [part.text for part in parts if part.thought] == ["Hm."]
    calls = [part.function_call for part in parts if part.function_call]
    assert [(call.id, call.args) for call in calls] == [("call_1", {"city": "Malmö"}), ("call_2", {})]
    counted = chunks[-1].usage_metadata
    assert (counted.prompt_token_count, counted.cached_content_token_count) == (1000, 896)
    assert (counted.candidates_token_count, counted.thoughts_token_count) == (18, 12)


async def test_googles_own_client_understands_the_fake_servers_errors(vendor, spelling):
    vendor.next_answer(Canned([spelling.refusal("No such field.")], status=400))
    root = vendor.base_url.removesuffix("/v1beta")
    client = Client(api_key=KEY, http_options={"base_url": root, "api_version": "v1beta"})
    with pytest.raises(ClientError, match="No such field"):
        [c async for c in await client.aio.models.generate_content_stream(model="m", contents="Hi")]
    await client.aio.aclose()
