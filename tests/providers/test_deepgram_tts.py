import pytest

from antiphon.providers.base.tts import Spoken, TtsConfig
from antiphon.providers.deepgram.tts import DeepgramTts
from tests.providers.contract_streaming_tts import StreamingTtsContract
from tests.providers.contract_tts import PIECES, speak
from tests.providers.vendors.deepgram_tts import DeepgramVoices


class TestAura(StreamingTtsContract):
    cancel = {"type": "Clear"}

    @pytest.fixture
    async def vendor(self):
        async with DeepgramVoices() as vendor:
            yield vendor

    @pytest.fixture
    def adapter(self):
        return DeepgramTts

    def voice_asked_of(self, vendor, response):
        return vendor.connections[response].request.query["model"]

    async def test_the_address_says_model_and_format(self, make, vendor):
        await speak(make("aura-2-thalia-en"), "Hello.")
        request = vendor.connections[0].request
        assert request.path == "/v1/speak"
        assert dict(request.query) == {
            "model": "aura-2-thalia-en",
            "encoding": "linear16",
            "sample_rate": "24000",
        }

    async def test_a_few_pieces_are_flushed_and_nothing_is_flushed_twice(self, make, vendor):
        await speak(make(), *(f"Number {i}. " for i in range(1, 5)))
        sent = [m.get("text", m["type"]) for m in vendor.connections[0].received]
        assert sent == ["Number 1. ", "Flush", "Number 2. ", "Flush", "Number 3. ", "Number 4. ", "Flush"]

    @pytest.mark.parametrize(("asked", "told"), [(0.25, "0.7"), (1.1, "1.1"), (1.5, "1.5")])
    async def test_speed_is_kept_within_what_there_is(self, make, vendor, asked, told):
        await speak(make(), "Hello.", config=TtsConfig("any", speed=asked))
        assert vendor.connections[0].request.query["speed"] == told


class TestFlux(StreamingTtsContract):
    cancel = {"type": "Interrupt"}
    marks_pieces = False

    @pytest.fixture
    async def vendor(self):
        async with DeepgramVoices() as vendor:
            yield vendor

    @pytest.fixture
    def adapter(self):
        def adapter(wire, endpoint, model, **options):
            return DeepgramTts(wire, endpoint, "flux-haley-en", **options)

        return adapter

    async def test_a_voice_that_is_not_known_becomes_the_first(self, make, vendor):
        voices = ("flux-haley-en", "flux-alexis-en")
        await speak(make(voices=voices), "Hello.", config=TtsConfig("flux-alexis-en"))
        await speak(make(voices=voices), "Hello.", config=TtsConfig("alloy"))
        assert [c.request.query["model"] for c in vendor.connections] == ["flux-alexis-en", "flux-haley-en"]
        assert {c.request.path for c in vendor.connections} == {"/v2/speak"}

    async def test_a_response_is_a_turn(self, make, vendor):
        await speak(make(), *PIECES)
        spoken = [{"type": "Speak", "text": piece} for piece in PIECES]
        assert vendor.connections[0].received == [*spoken, {"type": "Flush"}]

    async def test_no_piece_is_announced_long_before_it_is_heard(self, make):
        heard = 0
        before = 0
        for event in await speak(make(), *(f"This is sentence number {i}. " for i in range(10))):
            if isinstance(event, Spoken):
                assert heard >= before
                before += 60 * len(event.text)
            elif pcm := getattr(event, "pcm", b""):
                heard += len(pcm) // 48

    @pytest.mark.parametrize(("asked", "told"), [(0.25, "0.5"), (1.12, "1.1"), (1.5, "1.5")])
    async def test_speed_is_kept_within_what_there_is(self, make, vendor, asked, told):
        await speak(make(), "Hello.", config=TtsConfig("any", speed=asked))
        assert vendor.connections[0].request.query["speed"] == told
