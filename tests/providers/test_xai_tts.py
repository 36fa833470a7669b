import pytest

from antiphon.providers.base.tts import TtsConfig
from antiphon.providers.xai.tts import XaiTts
from tests.providers.contract_streaming_tts import StreamingTtsContract, pass_time
from tests.providers.contract_tts import speak
from tests.providers.vendors.xai_tts import XaiVoices


class TestXai(StreamingTtsContract):
    @pytest.fixture
    async def vendor(self):
        async with XaiVoices() as vendor:
            yield vendor

    @pytest.fixture
    def adapter(self):
        return XaiTts

    def voice_asked_of(self, vendor, response):
        return vendor.connections[response].request.query["voice"]

    async def test_the_address_says_voice_and_format(self, make, vendor):
        await speak(make("grok-tts"), "Hello. ", "Bye.", config=TtsConfig("eve"))
        connection = vendor.connections[0]
        assert dict(connection.request.query) == {
            "voice": "eve",
            "language": "auto",
            "codec": "pcm",
            "sample_rate": "24000",
            "with_timestamps": "true",
        }
        assert connection.received == [
            {"type": "text.delta", "delta": "Hello. "},
            {"type": "text.delta", "delta": "Bye."},
            {"type": "text.done"},
        ]

    @pytest.mark.parametrize(("asked", "told"), [(0.25, "0.7"), (1.1, "1.1"), (1.5, "1.5")])
    async def test_speed_is_kept_within_what_there_is(self, make, vendor, asked, told):
        await speak(make(), "Hello.", config=TtsConfig("eve", language="de", speed=asked))
        query = vendor.connections[0].request.query
        assert (query["speed"], query["language"]) == (told, "de")

    async def test_that_some_audio_is_done_before_the_text_is_not_the_end(self, make, vendor):
        stream = make().open(TtsConfig("eve"))
        await stream.send("Hello. ")
        events = stream.events()
        await anext(events)
        await vendor.connections[0].send({"type": "audio.done"})
        await pass_time(0.1)
        await stream.send("Bye.")
        stream.end()
        rest = [event async for event in events]
        assert rest[-1].audio_ms == 60 * len("Hello. Bye.")
        await stream.aclose()
