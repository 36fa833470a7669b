"""OpenAI's Realtime protocol as an upstream, against a server on loopback that speaks it."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace

import pytest

from antiphon.providers.base.endpoint import Endpoint, KeyHeader
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import LlmUsage, Message, Stop, TextDelta, ToolChoice
from antiphon.providers.base.realtime import RealtimeCapabilities, UpstreamUsage
from antiphon.providers.base.tts import Audio
from antiphon.providers.openai_realtime.realtime import OpenAiRealtime
from tests.providers.contract_realtime import (
    KEY,
    WEATHER,
    Break,
    Call,
    RealtimeContract,
    Speak,
    Write,
    answer,
    begin,
    request,
    said,
    spoken,
    user,
)
from tests.providers.vendors.openai_realtime import OpenAiVendor

HI = said("Hi.", heard_ms=1000)


def model_at(wire, vendor, endpoint=None, **capabilities):
    return OpenAiRealtime(
        wire,
        endpoint or Endpoint(vendor.base_url, KEY),
        "gpt-realtime-2",
        name="openai/gpt-realtime-2",
        capabilities=RealtimeCapabilities(images=True, **capabilities),
    )


class Realtime:
    @pytest.fixture
    async def vendor(self):
        async with OpenAiVendor() as vendor:
            yield vendor

    @pytest.fixture
    def model(self, wire, vendor):
        return model_at(wire, vendor)


class TestOpenAi(Realtime, RealtimeContract):
    async def test_settings_are_sent_when_they_change_and_else_not(self, upstream, vendor):
        hello = request(user("hi"))
        await answer(upstream, hello)
        await answer(upstream, request(user("hi"), HI, user("and?", "item_2")))
        assert len(vendor.of("session.update")) == 1
        prompt = replace(
            hello.prompt,
            tools=[WEATHER],
            tool_choice=ToolChoice("named", "weather"),
            max_output_tokens=200,
            parallel_tool_calls=False,
        )
        await answer(upstream, replace(hello, prompt=prompt))
        session = vendor.of("session.update")[1]["session"]
        assert session["tool_choice"] == {"type": "function", "name": "weather"}
        assert session["max_output_tokens"] == 200
        assert session["parallel_tool_calls"] is False
        assert session["audio"]["input"]["turn_detection"] is None

    async def test_a_limit_beyond_the_protocols_is_none(self, upstream, vendor):
        await answer(upstream, request(user("hi"), max_output_tokens=100_000))
        assert vendor.of("session.update")[0]["session"]["max_output_tokens"] == "inf"

    async def test_text_alone(self, upstream, vendor):
        vendor.answers = [[Write("In writing.")]]
        heard = await answer(upstream, replace(request(user("hi")), modality="text"))
        assert [event.text for event in heard.events if isinstance(event, TextDelta)] == ["In writing."]
        assert vendor.of("session.update")[0]["session"]["output_modalities"] == ["text"]

    async def test_images_are_shown(self, upstream, vendor):
        image = "data:image/png;base64,AAAA"
        await answer(upstream, request(Message("user", "What is it?", images=(image,), item_id="item_i")))
        assert vendor.asked[0].known == ["user: What is it?", f"user: [{image}]"]

    async def test_an_answer_beside_the_conversation_leaves_it_alone(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        beside = replace(
            request(user("hi"), HI, Message("system", "Classify it.", item_id="item_c")), beside=True
        )
        beside = replace(beside, prompt=replace(beside.prompt, instructions="You classify."), modality="text")
        vendor.answers = [[Write("greeting")], [Speak("Hi.")]]
        heard = await answer(upstream, beside)
        assert heard.events[0] == TextDelta("greeting")
        asked = vendor.asked[1]
        assert asked.known == ["user: hi", "assistant: Hi.", "system: Classify it."]
        assert asked.instructions == "You classify."
        given = asked.raw["response"]["input"]
        assert [item["type"] for item in given] == ["item_reference", "item_reference", "message"]
        await answer(upstream, request(user("hi"), HI, user("and?", "item_2")))
        assert vendor.asked[2].known == ["user: hi", "assistant: Hi.", "user: and?"]
        assert vendor.asked[2].instructions == "Be brief."

    async def test_answers_beside_the_conversation_overlap_others_and_do_not_mix(self, upstream, vendor):
        vendor.answers = [[Speak("Long.", 3000), Break("stall")], [Write("aside")], [Speak("Next.")]]
        async with aclosing(upstream.respond(request(user("hi")))) as events:
            while not isinstance(await anext(events), Audio):
                pass
            heard = await answer(upstream, replace(request(user("hi")), beside=True, modality="text"))
            assert heard.events[0] == TextDelta("aside")
            assert not any(isinstance(event, Audio) for event in heard.events)
        heard = await answer(upstream, request(user("next", "item_2")))
        assert heard.words == "Next."
        assert len(vendor.sockets) == 1

    async def test_an_answer_beside_the_conversation_is_cancelled_alone(self, upstream, vendor):
        vendor.answers = [[Speak("Aside.", 2000), Break("stall")], [Speak("Hi.")]]
        await begin(upstream, replace(request(user("hi")), beside=True))
        await asyncio.wait_for(vendor.cancelled.wait(), 5)
        assert (await answer(upstream, request(user("hi")))).words == "Hi."
        assert len(vendor.sockets) == 1

    async def test_another_voice_once_one_was_heard_takes_a_new_connection(self, upstream, vendor):
        await answer(upstream, replace(request(user("hi")), voice="marin"))
        await answer(upstream, replace(request(user("hi"), HI, user("and?", "item_2")), voice="cedar"))
        assert [asked.voice for asked in vendor.asked] == ["marin", "cedar"]
        assert vendor.asked[1].known == ["user: hi", "assistant: Hi.", "user: and?"]
        assert len(vendor.sockets) == 2

    async def test_a_voice_that_the_model_has_not_is_its_first(self, wire, vendor):
        upstream = model_at(wire, vendor, voices=("marin", "cedar")).open()
        await answer(upstream, replace(request(user("hi")), voice="alloy"))
        await upstream.aclose()
        assert vendor.asked[0].voice == "marin"

    async def test_a_speed_is_told_to_models_that_have_it(self, wire, vendor):
        for speed in (True, False):
            upstream = model_at(wire, vendor, speed=speed).open()
            await answer(upstream, replace(request(user("hi")), speed=1.2))
            await upstream.aclose()
        fast, plain = (event["session"]["audio"]["output"] for event in vendor.of("session.update"))
        assert fast["speed"] == 1.2
        assert "speed" not in plain

    async def test_an_expiring_session_is_replaced_between_answers(self, upstream, vendor):
        vendor.expires_at = int(time.time()) + 301
        await answer(upstream, request(user("hi")))
        await asyncio.sleep(1.5)
        await answer(upstream, request(user("hi"), HI, user("and?", "item_2")))
        assert vendor.asked[1].known == ["user: hi", "assistant: Hi.", "user: and?"]
        assert len(vendor.sockets) == 2

    async def test_a_session_that_has_expired_is_replaced(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        error = {"type": "invalid_request_error", "code": "session_expired", "message": "60 minutes"}
        await vendor.sockets[0].send("error", error=error)
        await vendor.hang_up()
        await answer(upstream, request(user("hi"), HI, user("and?", "item_2")))
        assert vendor.asked[1].known == ["user: hi", "assistant: Hi.", "user: and?"]

    async def test_an_answer_that_was_cut_short_says_why(self, upstream, vendor):
        vendor.ending = {"status": "incomplete", "status_details": {"reason": "max_output_tokens"}}
        heard = await answer(upstream, request(user("hi")))
        assert heard.events[-1] == Stop("length")

    async def test_a_rejected_key_is_told_without_a_word_of_the_provider(self, upstream, vendor):
        error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": f"Bad key {KEY[:-2]}"}
        vendor.greeting = error
        with pytest.raises(ProviderError) as failure:
            await answer(upstream, request(user("hi")))
        assert failure.value.kind == "auth"
        assert "sk-" not in failure.value.message

    async def test_what_the_server_refuses_is_told_again_from_the_beginning(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        vendor.sockets[0].items.clear()  # it has forgotten everything, and does not know our references
        vendor.sockets[0].order.clear()
        await answer(
            upstream,
            request(user("hi"), Message("system", "Mind.", item_id="item_b"), HI, user("and?", "item_2")),
        )
        known = ["user: hi", "system: Mind.", "assistant: Hi.", "user: and?"]
        assert vendor.asked[-1].known == known

    async def test_the_key_and_the_model_are_where_openai_wants_them(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        assert vendor.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert "OpenAI-Beta" not in vendor.headers[0]
        assert vendor.queries == [{"model": "gpt-realtime-2"}]

    async def test_azure_takes_its_key_in_a_header_of_its_own(self, wire, vendor):
        endpoint = Endpoint(vendor.base_url, KEY, key_header=KeyHeader("api-key", ""))
        upstream = model_at(wire, vendor, endpoint).open()
        await answer(upstream, request(user("hi")))
        await upstream.aclose()
        assert vendor.headers[0]["api-key"] == KEY
        assert "Authorization" not in vendor.headers[0]


class TestXai(Realtime, RealtimeContract):
    """The same with what xAI does otherwise: pings, no usage, no indices, calls whole and from the role `tool`, no
    word in an error about which event it is for."""

    @pytest.fixture
    async def vendor(self):
        async with OpenAiVendor(xai=True) as vendor:
            yield vendor

    async def test_it_works(self, upstream, vendor):
        vendor.answers = [[Speak("Hello there.", 1500)]]
        heard = await answer(upstream, request(user("hi")))
        assert (heard.words, heard.ms) == ("Hello there.", 1500)
        usage = heard.events[-2]
        assert isinstance(usage, LlmUsage)
        assert usage.estimated
        assert usage.output_audio_tokens == 30

    async def test_the_time_of_its_connection_and_what_it_is_told_in_writing_is_counted(
        self, upstream, vendor
    ):
        vendor.answers = [[Speak("Hello there.")]]
        began = asyncio.get_running_loop().time()
        await answer(upstream, request(user("hi"), spoken(200)))
        await asyncio.sleep(0.05)
        await upstream.aclose()
        used = upstream.take_usage()
        assert 50 <= used.open_ms <= (asyncio.get_running_loop().time() - began) * 1000 + 1
        assert used.text_messages == 1
        assert upstream.take_usage() == UpstreamUsage()

    async def test_a_call_that_nobody_announced_is_one(self, upstream, vendor):
        vendor.announces = False
        vendor.answers = [[Call("weather", "{}")]]
        heard = await answer(upstream, request(user("hi"), spoken(200), tools=[WEATHER]))
        assert heard.events[-1] == Stop("tool_calls")
