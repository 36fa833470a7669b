"""Whole sessions on upstreams: what the engine says of a conversation is what the vendor's model then knows."""

import asyncio

import pytest

from antiphon.engine.ports import UnknownModel
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.gemini.realtime import GeminiRealtime
from antiphon.providers.openai_realtime.realtime import OpenAiRealtime
from antiphon.providers.registry import Defaults, Engines, ModelRegistry
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.realtime import ScriptedRealtime, speak
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts
from tests.engine.session_harness import Client, Stage
from tests.providers.contract_realtime import KEY, Break, Call, Speak
from tests.providers.vendors.gemini_live import GeminiVendor
from tests.providers.vendors.openai_realtime import OpenAiVendor

NAME = "vendor/model"


@pytest.fixture(params=["openai", "xai", "gemini"])
async def vendor(request):
    vendors = {
        "openai": OpenAiVendor,
        "xai": lambda: OpenAiVendor(xai=True),
        "gemini": GeminiVendor,
    }
    async with vendors[request.param]() as vendor:
        vendor.sound = False  # what is said here is loud, and tells no place
        yield vendor


@pytest.fixture
def stage(wire, vendor):
    kind = GeminiRealtime if isinstance(vendor, GeminiVendor) else OpenAiRealtime
    capabilities = RealtimeCapabilities(images=True)
    model = kind(wire, Endpoint(vendor.base_url, KEY), "model", name=NAME, capabilities=capabilities)
    return Stage(
        model=NAME,
        native=[model],
        stt=ScriptedStt(Heard("hello"), Heard("stop")),
        llm=ScriptedLlm(say("I am the cascade.")),
        tts=ScriptedTts(ms_per_character=10),
    )


async def turn(client: Client) -> None:
    await client.turn(0.4)


async def test_a_conversation_with_an_interruption_and_a_swap_is_the_same_everywhere(stage, vendor):
    long = "One two three four five six seven eight nine ten."
    vendor.answers = [[Speak("Hi there.", 300)], [Speak(long, 8000), Break("stall")], [Speak("Yes?", 200)]]
    async with stage.session() as client:
        await turn(client)
        await client.wait_for("response.done")
        await asyncio.sleep(0.4)
        client.say("count")
        await client.wait_for("response.output_audio.delta", 8)
        await asyncio.sleep(0.6)
        await turn(client)
        await client.wait_for("response.done", 3)
        await asyncio.sleep(0.3)
        client.send("session.update", session={"modelId": "scripted/llm"})
        client.say("and the cascade?")
        await client.wait_for("response.done", 4)
        await asyncio.sleep(0.3)
        client.send("session.update", session={"modelId": NAME})
        client.say("and native again?")
        await client.wait_for("response.done", 5)

    def shape(known):
        return [line.split(" ")[1][0] if line.startswith("user: <") else line for line in known]

    first, second, third, back = (shape(asked.known) for asked in vendor.asked)
    assert first == ["<"]
    assert second == ["<", "assistant: Hi there.", "user: count"]
    assert third[:3] == second
    assert third[3].startswith("assistant: One")
    assert third[3] != f"assistant: {long}"
    assert third[4:] == ["<"]
    told = [(message.role, message.text) for message in stage.llm.calls[0].request.messages]
    assert [text for role, text in told if role == "user"] == [
        "hello",
        "count",
        "stop",
        "and the cascade?",
    ]
    assert back == [f"{role}: {text}" for role, text in told] + [
        "assistant: I am the cascade.",
        "user: and native again?",
    ]


async def test_a_tool_is_used(stage, vendor):
    vendor.answers = [[Speak("Wait.", 200), Call("weather", '{"city":"Oslo"}')], [Speak("Sunny.", 200)]]
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
    async with stage.session() as client:
        client.send("session.update", session={"tools": [tool]})
        client.say("How is Oslo?")
        done = await client.wait_for("response.done")
        spoken, call = done["response"]["output"]
        assert spoken["content"][0]["transcript"] == "Wait."
        await asyncio.sleep(0.3)
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        client.send("conversation.item.create", item=output)
        client.send("response.create")
        await client.wait_for("response.done", 2)
    assert vendor.asked[1].known == [
        "user: How is Oslo?",
        "assistant: Wait.",
        'call weather {"city":"Oslo"}',
        "result sunny",
    ]
    assert len(vendor.sockets) == 1


async def test_a_registry_tells_models_that_speak_from_others(wire):
    native, llm = ScriptedRealtime(speak("Hi.")), ScriptedLlm(say("Hi."))
    defaults = Defaults("scripted/llm", "scripted/stt", "scripted/tts")
    registry = ModelRegistry(wire, defaults, engines=Engines([llm], realtime_models=[native]))
    assert registry.capabilities("scripted/native") is native.capabilities
    assert registry.capabilities("scripted/llm") is llm.capabilities
    assert registry.capabilities("gpt-realtime") is llm.capabilities
    assert registry.realtime_model("scripted/native") is native
    with pytest.raises(UnknownModel):
        registry.realtime_model("scripted/llm")
    with pytest.raises(UnknownModel):
        registry.capabilities("no/such")
