"""Gemini's Live models as an upstream, against a server on loopback that speaks their API."""

import asyncio
from dataclasses import replace

import pytest

from antiphon.providers.base.endpoint import Endpoint, KeyHeader
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import LlmUsage, Message, Stop, TextDelta, ToolCall
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.gemini.realtime import GeminiRealtime
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
    until,
    user,
)
from tests.providers.vendors.gemini_live import GeminiVendor

HI = said("Hi.", heard_ms=1000)
CALL = Message("assistant", "", tool_calls=(ToolCall("call_1", "weather", "{}"),), item_id="item_c")


def content(**fields):
    return {"serverContent": fields}


class TestGemini(RealtimeContract):
    forgets = False

    @pytest.fixture
    async def vendor(self):
        async with GeminiVendor() as vendor:
            yield vendor

    @pytest.fixture
    def model(self, wire, vendor):
        return GeminiRealtime(
            wire,
            Endpoint(vendor.base_url, KEY, key_header=KeyHeader("x-goog-api-key", "")),
            "gemini-live",
            name="google/gemini-live",
            capabilities=RealtimeCapabilities(
                images=True, out_of_band=False, per_response=False, forget=False, voices=("Puck", "Kore")
            ),
        )

    async def test_the_setup_is_what_the_session_is(self, upstream, vendor):
        asked = request(user("hi"), tools=[WEATHER], max_output_tokens=300)
        await answer(upstream, replace(asked, voice="Kore"))
        setup = vendor.asked[0].raw
        assert setup["model"] == "models/gemini-live"
        assert setup["generationConfig"]["responseModalities"] == ["AUDIO"]
        assert setup["generationConfig"]["maxOutputTokens"] == 300
        assert setup["outputAudioTranscription"] == {}
        assert vendor.asked[0].voice == "Kore"
        assert vendor.headers[0]["x-goog-api-key"] == KEY

    async def test_a_voice_that_it_has_not_is_its_first(self, upstream, vendor):
        await answer(upstream, replace(request(user("hi")), voice="alloy"))
        assert vendor.asked[0].voice == "Puck"

    async def test_what_follows_an_interruption_finds_its_connection_open(self, upstream, vendor):
        vendor.answers = [[Speak("One two three four.", 4000), Break("stall")], [Speak("Yes?")]]
        await begin(upstream, request(user("count")))
        upstream.hear("item_s", spoken(200).audio)
        await until(lambda: len(vendor.sockets) == 2 and bool(vendor.sockets[1].setup))
        await answer(upstream, request(user("count"), said("One", heard_ms=300), spoken(400)))
        assert vendor.asked[1].known == ["user: count", "assistant: One", "user: <400 ms>"]
        assert len(vendor.sockets) == 2

    async def test_the_next_connection_is_opened_before_the_server_goes_away(self, upstream, vendor):
        await answer(upstream, request(user("hi")))
        await vendor.sockets[0].send({"goAway": {"timeLeft": "10s"}})
        await asyncio.sleep(0.05)
        await answer(upstream, request(user("hi"), HI, user("and?", "item_2")))
        assert vendor.asked[1].known == ["user: hi", "assistant: Hi.", "user: and?"]
        assert len(vendor.sockets) == 2

    async def test_speech_while_a_tool_runs_is_answered_over_a_new_connection(self, upstream, vendor):
        vendor.answers = [[Call("weather", "{}")], [Speak("Wait.")]]
        await answer(upstream, request(user("rain?"), tools=[WEATHER]))
        upstream.hear("item_s", spoken(500).audio)
        await answer(upstream, request(user("rain?"), CALL, spoken(500), tools=[WEATHER]))
        assert vendor.asked[1].known == ["user: rain?", "call weather {}", "user: <500 ms>"]
        assert len(vendor.sockets) == 2

    async def test_images_are_shown(self, upstream, vendor):
        image = "data:image/png;base64,AAAA"
        message = Message("user", "What is it?", images=(image,), item_id="item_i")
        await answer(upstream, request(message))
        assert vendor.asked[0].known == ["user: What is it?", "user: [image/png]"]
        await answer(upstream, request(message, HI, replace(message, text="", item_id="item_j")))
        assert vendor.asked[1].known[2:] == ["assistant: Hi.", "user: [image/png]"]

    async def test_what_the_user_said_before_is_told_as_sound_when_nobody_knows_the_words(
        self, model, vendor
    ):
        upstream = model.open()
        await answer(upstream, request(spoken(700), HI, user("and?", "item_2")))
        await upstream.aclose()
        assert vendor.asked[0].known == ["user: <700 ms>", "assistant: Hi.", "user: and?"]

    async def test_nothing_is_answered_beside_the_conversation(self, upstream, vendor):
        with pytest.raises(ProviderError) as failure:
            await answer(upstream, replace(request(user("hi")), beside=True))
        assert failure.value.kind == "unsupported"
        assert vendor.sockets == []

    async def test_text_alone_from_models_that_write(self, upstream, vendor):
        vendor.answers = [[Write("In writing.")]]
        heard = await answer(upstream, replace(request(user("hi")), modality="text"))
        assert [event.text for event in heard.events if isinstance(event, TextDelta)] == ["In writing."]
        assert vendor.asked[0].raw["generationConfig"]["responseModalities"] == ["TEXT"]

    async def asked_by_hand(self, upstream, vendor, *messages):
        """What comes of an answer that consists of these messages."""
        vendor.answers = [[Break("stall")]]
        task = asyncio.create_task(answer(upstream, request(user("hi"))))
        await until(lambda: bool(vendor.asked))
        for message in messages:
            await vendor.sockets[0].send(message)
        return await task

    async def test_thoughts_are_not_said(self, upstream, vendor):
        parts = [{"text": "Hm.", "thought": True}]
        heard = await self.asked_by_hand(
            upstream,
            vendor,
            content(modelTurn={"parts": parts}),
            content(outputTranscription={"text": "Yes."}),
            content(turnComplete=True),
        )
        assert heard.words == "Yes."
        assert [type(event).__name__ for event in heard.events] == ["SpokenText", "LlmUsage", "Stop"]

    async def test_a_turn_goes_on_while_the_model_still_works_at_it(self, upstream, vendor):
        heard = await self.asked_by_hand(
            upstream,
            vendor,
            content(outputTranscription={"text": "Let me think. "}),
            content(turnComplete=True, interactionStatus="IN_PROGRESS"),
            content(outputTranscription={"text": "It is 4."}),
            content(turnComplete=True, interactionStatus="IDLE"),
        )
        assert heard.words == "Let me think. It is 4."

    async def test_the_end_of_something_interrupted_is_not_the_end_of_the_answer(self, upstream, vendor):
        heard = await self.asked_by_hand(
            upstream,
            vendor,
            content(interrupted=True),
            content(turnComplete=True),
            content(outputTranscription={"text": "Here."}),
            content(turnComplete=True),
        )
        assert heard.words == "Here."

    async def test_a_call_of_nothing_is_none(self, upstream, vendor):
        heard = await self.asked_by_hand(upstream, vendor, {"toolCall": {}}, content(turnComplete=True))
        assert heard.events[-1] == Stop("end")

    async def test_what_the_model_will_not_say_is_told(self, upstream, vendor):
        message = content(turnComplete=True, turnCompleteReason="PROHIBITED_INPUT_CONTENT")
        heard = await self.asked_by_hand(upstream, vendor, message)
        assert heard.events[-1] == Stop("content_filter")

    async def test_thoughts_and_results_of_tools_are_used_too(self, upstream, vendor):
        vendor.usage = {
            "promptTokenCount": 10,
            "toolUsePromptTokenCount": 5,
            "responseTokenCount": 7,
            "thoughtsTokenCount": 3,
        }
        heard = await answer(upstream, request(user("hi")))
        assert heard.events[-2] == LlmUsage(15, 10, reasoning_tokens=3)

    async def test_usage_that_is_not_told_is_estimated(self, upstream, vendor):
        vendor.usage = None
        heard = await answer(upstream, request(user("hi")))
        usage = heard.events[-2]
        assert usage.estimated
        assert usage.output_audio_tokens == 20

    async def test_a_rejected_key_is_told_without_a_word_of_the_provider(self, upstream, vendor):
        vendor.answers = [[Break("stall")]]
        task = asyncio.create_task(answer(upstream, request(user("hi"))))
        await until(lambda: bool(vendor.asked))
        await vendor.sockets[0].ws.close(code=1007, message=f"API key not valid: {KEY[:-2]}".encode())
        with pytest.raises(ProviderError) as failure:
            await task
        assert failure.value.kind == "auth"
        assert "sk-" not in failure.value.message
