"""Any model of any provider, with the official client and the platform as a newcomer starts it.

Providers and routers are put in place by the commands, while the platform runs; the vendors are on loopback.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pybase64
import pytest
import pytest_asyncio

from antiphon.audio.pcm import read_audio
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import TextDelta, ToolCall
from antiphon.providers.scripted.llm import call_tools, say
from tests.conformance.talker import Talker
from tests.conformance.vendor_servers import (
    HEARD,
    Vendors,
    add_provider,
    ask,
    asked,
    calls,
    configure,
    hear_out,
    heard,
    says,
    spoken,
    told,
    vendors_of,
    words,
)
from tests.platform_fixture import Platform
from tests.providers.contract_realtime import Speak
from tests.providers.vendors.anthropic import AnthropicSpelling
from tests.providers.vendors.gemini_text import GeminiSpelling
from tests.recordings import sentence

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACME_SPEAKS: dict[str, Any] = {"input": {"turn_detection": None}, "output": {"model": "acme/mouth"}}
WRITTEN = ["text"]
TOLD_ALL = {"antiphon": {"events": ["attempts", "decisions"]}}
PARIS = "The capital of France is Paris."
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
ROUTERS: dict[str, dict[str, Any]] = {
    "hedged": {
        "default": {"variants": [{"models": ["acme/stalls", "second/answers"]}]},
        "hedge": {"after_ms": 400, "budget": 1},
    },
    "dying": {"default": {"variants": [{"models": ["acme/dies", "second/goes-on"]}]}},
    "filling": {
        "default": {"variants": [{"models": ["acme/slow"]}]},
        "latency_budget_ms": 500,
        "voice_ms": 100,
        "filler": {"phrases": ["One moment."]},
    },
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def vendors(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Vendors]:
    async with vendors_of(platform, tmp_path_factory.mktemp("routers"), ROUTERS) as running:
        yield running


async def test_a_server_that_was_just_added_writes_hears_and_speaks(vendors: Vendors) -> None:
    printed = await add_provider(vendors.platform, "acme", vendors.acme.base_url)
    assert [line.strip() for line in printed.splitlines()] == [
        "Sessions of demo that begin from now on can use acme/<any model> as",
        "the model of a session (text)",
        "transcription.model",
        "audio.output.model",
        "acme answers, and takes the key.",
    ]
    vendors.script(say("Good day to you."))
    async with vendors.talker("acme/any/thing") as talker:
        audio = {**ACME_SPEAKS, "input": {"turn_detection": None, "transcription": {"model": "acme/ears"}}}
        await configure(talker, audio=audio, output_modalities=WRITTEN)
        assert words(await ask(talker, "Hello")) == "Good day to you."
        await configure(talker, output_modalities=["audio"])
        await talker.send.input_audio_buffer.append(audio=pybase64.b64encode_as_string(bytes(48_000)))
        await talker.send.input_audio_buffer.commit()
        completed = await talker.wait_for("conversation.item.input_audio_transcription.completed")
        assert completed.transcript == HEARD
        await talker.send.response.create()
        await talker.wait_for("response.done", 2)
        assert vendors.acme.tts.text_of(talker.audio()) == "Good day to you."
    assert {request.body["model"] for request in asked(vendors.acme)} == {"any/thing"}
    assert [request.body["model"] for request in heard(vendors.acme)] == ["ears"]
    assert {request.body["model"] for request in spoken(vendors.acme)} == {"mouth"}


async def test_a_vendor_without_a_key_names_the_page_and_works_as_soon_as_it_has_one(
    vendors: Vendors,
) -> None:
    """SambaNova has nothing to ask about a key, so that no request leaves this machine."""
    client = openai.AsyncOpenAI(base_url=vendors.platform.base_url, api_key=vendors.platform.api_key)
    async with client.realtime.connect(model="sambanova/llama") as connection:
        refusal = await connection.recv()
        assert refusal.type == "error"
        assert refusal.error.code == "invalid_model"
        assert "Add a key for sambanova under Providers" in refusal.error.message
    await add_provider(vendors.platform, "sambanova")
    async with vendors.talker("sambanova/llama") as talker:
        created = await talker.wait_for("session.created")
        assert created.session.model == "sambanova/llama"


async def test_a_conversation_goes_through_three_swaps_of_its_model_with_its_context(
    vendors: Vendors,
) -> None:
    recording = sentence("0870")
    vendors.script(say("Hello Ada."), say("You are Ada."))
    vendors.claude.next_answer(says(AnthropicSpelling(), "You said Ada."))
    vendors.azure.answers = [[Speak("I can hear you.", 500)]]
    async with vendors.talker("acme/first") as talker:
        await configure(talker, audio=ACME_SPEAKS)
        assert words(await ask(talker, "My name is Ada.")) == "Hello Ada."
        await hear_out(talker)

        await configure(talker, modelId="claude/other")
        assert words(await ask(talker, "What is my name?")) == "You said Ada."
        await hear_out(talker)

        await configure(talker, modelId="azure/gpt-realtime-2")
        pcm = read_audio(recording.path)
        await talker.send.input_audio_buffer.append(audio=pybase64.b64encode_as_string(pcm))
        await talker.send.input_audio_buffer.commit()
        await talker.send.response.create()
        done = await talker.wait_for("response.done", 3)
        assert words(done.response) == "I can hear you."
        await hear_out(talker)

        await configure(talker, modelId="acme/first")
        assert words(await ask(talker, "And who am I?")) == "You are Ada."

    beginning = [("user", "My name is Ada."), ("assistant", "Hello Ada."), ("user", "What is my name?")]
    assert [told(request) for request in vendors.claude.requests] == [beginning]
    [native] = vendors.azure.asked
    assert native.known[:-1] == [
        f"{who}: {text}" for who, text in [*beginning, ("assistant", "You said Ada.")]
    ]
    assert native.known[-1] == f"user: <{len(pcm) // 48} ms>"
    assert told(asked(vendors.acme)[0]) == beginning[:1]
    last = told(asked(vendors.acme)[-1])
    assert last[:4] == [*beginning, ("assistant", "You said Ada.")]
    assert last[5:] == [("assistant", "I can hear you."), ("user", "And who am I?")]
    who, said = last[4]
    assert who == "user"
    missed = [word for word in recording.text.split() if word not in said.lower()]
    assert len(missed) <= len(recording.text.split()) // 4, said


async def test_a_stalled_model_is_overtaken_by_the_hedge_and_its_connection_closed(vendors: Vendors) -> None:
    vendors.script(say("Too late.", first=600.0), second=say(PARIS))
    async with vendors.talker("router/hedged") as talker:
        await configure(talker, output_modalities=WRITTEN, providerData=TOLD_ALL)
        response = await ask(talker, "What is the capital of France?")
        assert (response.status, words(response)) == ("completed", PARIS)
        [stalled], [answered] = asked(vendors.acme), asked(vendors.second)
        async with asyncio.timeout(10):
            await stalled.ended.wait()
        assert (stalled.state, answered.state) == ("cancelled", "finished")
        await talker.wait_for("antiphon.attempt.ended", 2)
        decision = talker.of("antiphon.latency.decided")[-1]
        assert (decision.decision, decision.model) == ("hedged", "second/answers")
        assert 399 <= decision.after_ms < 4000  # timers may come a millisecond early
        assert chain(talker) == {
            ("acme/stalls", "first", "superseded"),
            ("second/answers", "hedge", "completed"),
        }
    rows = await vendors.log_of(talker)
    logged = [row["body"]["attempt"] for row in rows if row["type"] == "model.attempt"]
    assert {(a["model"], a["reason"], a["outcome"]) for a in logged} == chain(talker)
    assert {row["response_id"] for row in rows if row["type"] == "model.attempt"} == {response.id}
    used = {row["body"]["model"]: row["body"] for row in rows if row["type"] == "usage"}
    assert (used["acme/stalls"]["outcome"], used["acme/stalls"]["estimated"]) == ("superseded", True)
    assert (
        quantities(used["second/answers"])["output_text_token"]
        == response.usage.output_token_details.text_tokens
    )


async def test_a_provider_that_dies_in_mid_sentence_leaves_a_whole_reply_and_one_chain_of_attempts(
    vendors: Vendors,
) -> None:
    beginning = [(0.0, TextDelta(text)) for text in ("The capital ", "of France ")]
    vendors.script([*beginning, (0.1, ProviderError("network", "gone"))], second=say("of France is Paris."))
    async with vendors.talker("router/dying") as talker:
        await configure(talker, audio=ACME_SPEAKS, providerData=TOLD_ALL)
        response = await ask(talker, "What is the capital of France?")
        assert (response.status, words(response)) == ("completed", PARIS)
        assert [item.type for item in response.output] == ["message"]
        assert vendors.acme.tts.text_of(talker.audio()) == PARIS
        assert chain(talker) == {
            ("acme/dies", "first", "failed"),
            ("second/goes-on", "continuation", "completed"),
        }
        assert not talker.of("error")
    rows = await vendors.log_of(talker)
    assert len([row for row in rows if row["type"] == "model.attempt"]) == 2
    used = [row["body"] for row in rows if row["type"] == "usage" and row["body"]["kind"] == "response"]
    assert [(row["model"], row["outcome"]) for row in used] == [
        ("acme/dies", "failed"),
        ("second/goes-on", "completed"),
    ]
    assert (
        sum(quantities(row)["output_text_token"] for row in used)
        == response.usage.output_token_details.text_tokens
    )


@pytest.mark.parametrize("slug", ["acme", "claude", "gem"])
async def test_a_tool_is_called_and_its_result_comes_back_in_each_dialect(
    vendors: Vendors, slug: str
) -> None:
    call = ToolCall("call_1", "weather", '{"city":"Oslo"}')
    vendors.script(call_tools(call), say("It is sunny."))
    vendors.claude.next_answer(calls(AnthropicSpelling(), call))
    vendors.claude.next_answer(says(AnthropicSpelling(), "It is sunny."))
    vendors.gem.next_answer(calls(GeminiSpelling(), call))
    vendors.gem.next_answer(says(GeminiSpelling(), "It is sunny."))
    async with vendors.talker(f"{slug}/uses-tools") as talker:
        await configure(talker, output_modalities=WRITTEN, tools=[WEATHER])
        [made] = (await ask(talker, "How is Oslo?")).output
        assert (made.type, made.name, json.loads(made.arguments)) == (
            "function_call",
            "weather",
            {"city": "Oslo"},
        )
        await talker.send.conversation.item.create(
            item={"type": "function_call_output", "call_id": made.call_id, "output": '{"sky":"clear"}'}
        )
        await talker.send.response.create()
        assert words((await talker.wait_for("response.done", 2)).response) == "It is sunny."
    servers: dict[str, Any] = {"acme": vendors.acme, "claude": vendors.claude, "gem": vendors.gem}
    bodies = [r.body for r in servers[slug].requests if "messages" in r.body or "contents" in r.body]
    assert len(bodies) == 2
    assert "clear" not in json.dumps(bodies[0])
    assert "clear" in json.dumps(result_in(bodies[1]))


async def test_a_filler_is_spoken_when_nothing_comes_in_time(vendors: Vendors) -> None:
    vendors.script(say(PARIS, first=4.0))
    async with vendors.talker("router/filling") as talker:
        await configure(talker, audio=ACME_SPEAKS, providerData=TOLD_ALL)
        response = await ask(talker, "What is the capital of France?")
        assert (response.status, words(response)) == ("completed", f"One moment. {PARIS}")
        [filler] = [one for one in talker.of("antiphon.latency.decided") if one.decision == "filler"]
        assert 399 <= filler.after_ms < 4000
        created, sound = talker.of("response.created")[0], talker.of("response.output_audio.delta")[0]
        assert talker.at(sound) - talker.at(created) < 3.5, "the filler did not wait for the model"
        await hear_out(talker)
        await ask(talker, "Thank you.")
    assert told(asked(vendors.acme)[-1])[1] == ("assistant", f"One moment. {PARIS}"), "as it was heard"


async def test_an_answer_begun_early_is_recorded_and_all_that_was_used_is_in_the_log(
    vendors: Vendors,
) -> None:
    vendors.script(say("Once upon a time."))
    listening = {
        "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
        "transcription": {"model": "acme/ears"},
    }
    async with vendors.talker("acme/teller") as talker:
        await configure(
            talker,
            audio={"input": listening, "output": {"model": "acme/mouth"}},
            providerData=TOLD_ALL,
        )
        await talker.play(sentence("0890").path, silence=3.0)
        done = await talker.wait_for("response.done")
        assert words(done.response) == "Once upon a time."
        [early] = talker.of("antiphon.latency.decided")
        assert (early.decision, early.response_id) == ("speculated", done.response.id)
        completed = await talker.wait_for("conversation.item.input_audio_transcription.completed")
        assert completed.transcript == HEARD
        await hear_out(talker)
    records = [row["body"] for row in await vendors.log_of(talker) if row["type"] == "usage"]
    assert len({record["id"] for record in records}) == len(records)
    by_kind = {
        kind: [record for record in records if record["kind"] == kind]
        for kind in ("response", "transcription", "speech")
    }
    assert len(by_kind["response"]) == len(asked(vendors.acme)), "each request has its record"
    assert len(by_kind["transcription"]) == len(heard(vendors.acme))
    [answered] = [r for r in by_kind["response"] if r["response_id"] == done.response.id]
    assert quantities(answered)["input_text_token"] == done.response.usage.input_tokens
    assert quantities(answered)["output_text_token"] == done.response.usage.output_token_details.text_tokens
    characters = sum(len(request.body["input"]) for request in spoken(vendors.acme))
    assert sum(quantities(record)["character"] for record in by_kind["speech"]) == characters
    recognised = [quantities(r)["input_audio_ms"] for r in by_kind["transcription"]]
    assert round(completed.usage.seconds * 1000) in recognised


def chain(talker: Talker) -> set[tuple[str, str, str]]:
    """The attempts that the client was told of."""
    ended = talker.of("antiphon.attempt.ended")
    found = {(attempt.model, attempt.reason, attempt.outcome) for attempt in ended}
    assert len(found) == len(ended)
    return found


def quantities(record: dict[str, Any]) -> dict[str, int]:
    """By unit, priced or not."""
    return {line["unit"]: line["quantity"] for line in (*record["lines"], *record["unpriced"])}


def result_in(body: dict[str, Any]) -> Any:
    """The result of a tool with which a request ends, in whichever dialect it is."""
    if "contents" in body:
        [part] = body["contents"][-1]["parts"]
        assert part["functionResponse"]["name"] == "weather"
        return part["functionResponse"]["response"]
    last = body["messages"][-1]
    if last["role"] == "tool":
        return last["content"]
    [block] = last["content"]
    assert block["type"] == "tool_result"
    return block["content"]
