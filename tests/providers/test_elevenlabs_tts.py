import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.lines import Characters, Finished
from antiphon.providers.base.narration import Timing
from antiphon.providers.base.tts import TtsConfig
from antiphon.providers.elevenlabs.tts import ElevenLabsTts, read
from tests.providers.contract_streaming_tts import SharedLineContract, collect_into
from tests.providers.contract_tts import speak
from tests.providers.vendors.elevenlabs_tts import ElevenLabsVoices


class TestElevenLabs(SharedLineContract):
    cancel = {"close_context": True}
    context_field = "context_id"

    @pytest.fixture
    async def vendor(self):
        async with ElevenLabsVoices() as vendor:
            yield vendor

    @pytest.fixture
    def adapter(self):
        return ElevenLabsTts

    def voice_asked_of(self, vendor, response):
        return vendor.connections[response].request.match_info["voice"]

    async def test_the_address_says_voice_and_format(self, make, vendor):
        await speak(make("eleven_flash_v2_5"), "Hello.", config=TtsConfig("a/b", language="de"))
        request = vendor.connections[0].request
        assert request.match_info["voice"] == "a/b"
        assert dict(request.query) == {
            "model_id": "eleven_flash_v2_5",
            "output_format": "pcm_24000",
            "inactivity_timeout": "180",
            "auto_mode": "true",
            "sync_alignment": "true",
            "language_code": "de",
        }

    async def test_a_model_that_takes_no_language_is_told_none(self, make, vendor):
        await speak(make("eleven_multilingual_v2"), "Hello.", config=TtsConfig("a", language="de"))
        assert "language_code" not in vendor.connections[0].request.query

    async def test_a_response_is_a_context_whose_pieces_are_flushed(self, make, vendor):
        await speak(make(), "Hello. ", "Bye.", config=TtsConfig("a"))
        messages = vendor.connections[0].received
        context = messages[0]["context_id"]
        assert messages == [
            {"text": " ", "context_id": context},
            {"text": "Hello. ", "context_id": context, "flush": True},
            {"text": "Bye. ", "context_id": context, "flush": True},
            {"context_id": context, "flush": True},
            {"context_id": context, "close_context": True},
        ]

    @pytest.mark.parametrize(("asked", "told"), [(0.25, 0.7), (1.1, 1.1), (1.5, 1.2)])
    async def test_speed_is_kept_within_what_there_is(self, make, vendor, asked, told):
        await speak(make(), "Hello.", config=TtsConfig("a", speed=asked))
        assert vendor.connections[0].received[0]["voice_settings"] == {"speed": told}

    async def test_responses_with_other_voices_have_other_connections(self, make, vendor):
        for voice in ("a", "b", "a"):
            await speak(make(), "Hello.", config=TtsConfig(voice))
        assert [c.request.match_info["voice"] for c in vendor.connections] == ["a", "b"]

    async def test_a_context_that_ends_too_early_is_a_failure(self, make, vendor):
        stream = make().open(TtsConfig("a"))
        await stream.send("Hello. ")
        events = stream.events()
        await anext(events)
        context = vendor.connections[0].received[0]["context_id"]
        await vendor.connections[0].send({"isFinal": True, "contextId": context})
        with pytest.raises(ProviderError, match="stopped speaking before the text was over") as failure:
            await collect_into([], events)
        assert failure.value.started
        await stream.aclose()

    @pytest.mark.parametrize("name", ["contextId", "context_id"])
    def test_the_context_has_one_of_two_names(self, name):
        assert read(f'{{"{name}":"c1","isFinal":true}}') == ("c1", [Finished()])

    def test_a_message_may_have_no_alignment(self):
        frame = '{"contextId":"c1","audio":"AAAA","alignment":null,"normalizedAlignment":null,"isFinal":null}'
        assert read(frame) == ("c1", [bytes(3)])

    def test_the_alignment_of_what_is_said_stands_in_for_that_of_the_text(self):
        alignment = '{"chars":["A"],"charStartTimesMs":[0],"charDurationsMs":[70]}'
        frame = f'{{"contextId":"c1","audio":"AAAA","normalizedAlignment":{alignment}}}'
        assert read(frame) == ("c1", [Characters((Timing("A", 0, 70),), "message"), bytes(3)])
