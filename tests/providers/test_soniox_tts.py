import pytest

from antiphon.providers.base import lines
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.lines import Characters
from antiphon.providers.base.narration import Timing
from antiphon.providers.base.tts import TtsConfig
from antiphon.providers.soniox.tts import SonioxTts, read
from tests.providers.contract_streaming_tts import SharedLineContract, begin, collect_into, pass_time
from tests.providers.contract_tts import speak
from tests.providers.vendors.soniox_tts import SonioxVoices


class TestSoniox(SharedLineContract):
    cancel = {"cancel": True}
    context_field = "stream_id"

    @pytest.fixture
    async def vendor(self):
        async with SonioxVoices() as vendor:
            yield vendor

    @pytest.fixture
    def adapter(self):
        return SonioxTts

    def voice_asked_of(self, vendor, response):
        return [m["voice"] for m in vendor.connections[0].received if "voice" in m][response]

    async def test_a_stream_is_opened_when_there_is_text(self, make, vendor):
        await speak(make("tts-rt-v1"), "Hello. ", "Bye.", config=TtsConfig("Adrian", language="de"))
        messages = vendor.connections[0].received
        stream = messages[0]["stream_id"]
        assert messages == [
            {
                "model": "tts-rt-v1",
                "language": "de",
                "voice": "Adrian",
                "audio_format": "pcm_s16le",
                "sample_rate": 24000,
                "return_timestamps": True,
                "stream_id": stream,
            },
            {"stream_id": stream, "text": "Hello. "},
            {"stream_id": stream, "text": "Bye."},
            {"stream_id": stream, "text_end": True},
        ]

    async def test_without_a_language_it_is_english(self, make, vendor):
        await speak(make(), "Hello.", config=TtsConfig("Adrian"))
        assert vendor.connections[0].received[0]["language"] == "en"

    @pytest.mark.parametrize(("asked", "told"), [(0.25, 0.7), (1.1, 1.1), (1.5, 1.3)])
    async def test_speed_is_kept_within_what_there_is(self, make, vendor, asked, told):
        await speak(make(), "Hello.", config=TtsConfig("Adrian", speed=asked))
        assert vendor.connections[0].received[0]["speed"] == told

    async def test_a_stream_terminated_before_its_audio_ended_is_a_failure(self, make, vendor):
        vendor.mute = True
        with pytest.raises(ProviderError, match="terminated before its audio ended") as failure:
            await speak(make(), "Hello.")
        assert (failure.value.kind, failure.value.started) == ("upstream", False)

    async def test_an_error_without_a_stream_is_everybodys(self, make, vendor):
        tts = make()
        (one, first), (two, second) = await begin(tts), await begin(tts)
        await vendor.connections[0].send({"error_code": 402, "error_message": "Pay."})
        for stream, events in ((one, first), (two, second)):
            with pytest.raises(ProviderError, match="Pay") as failure:
                await collect_into([], events)
            assert (failure.value.kind, failure.value.started) == ("quota", True)
            await stream.aclose()
        await speak(tts, "Hello.")
        assert vendor.asked == 2

    async def test_an_idle_connection_is_kept_alive(self, make, vendor):
        await speak(make(), "Hello.")
        connection = vendor.connections[0]
        before = len(connection.received)
        await pass_time(2 * lines.KEEP_ALIVE + 1)
        assert connection.received[before:] == 2 * [{"keep_alive": True}]

    def test_characters_may_have_no_ends(self):
        times = '{"characters":["A"],"character_start_times_seconds":[0.5]}'
        timing = Timing("A", 500, 500)
        assert read(f'{{"stream_id":"s1","timestamps":{times}}}') == ("s1", [Characters((timing,))])
