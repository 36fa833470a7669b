import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.tts import TtsConfig
from antiphon.providers.cartesia.tts import CartesiaTts
from tests.providers.contract_streaming_tts import SharedLineContract, begin, collect_into
from tests.providers.contract_tts import speak
from tests.providers.vendors.cartesia_tts import CartesiaVoices


class TestCartesia(SharedLineContract):
    cancel = {"cancel": True}
    context_field = "context_id"

    @pytest.fixture
    async def vendor(self):
        async with CartesiaVoices() as vendor:
            yield vendor

    @pytest.fixture
    def adapter(self):
        return CartesiaTts

    def voice_asked_of(self, vendor, response):
        openings = {m["context_id"]: m["voice"]["id"] for m in vendor.connections[0].received}
        return list(openings.values())[response]

    async def test_each_piece_says_everything(self, make, vendor):
        await speak(make("sonic-3"), "Hello. ", "Bye.", config=TtsConfig("a", language="de"))
        connection = vendor.connections[0]
        assert dict(connection.request.query) == {"cartesia_version": "2025-04-16"}
        settings = {
            "model_id": "sonic-3",
            "voice": {"mode": "id", "id": "a"},
            "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24000},
            "add_timestamps": True,
            "max_buffer_delay_ms": 0,
            "language": "de",
            "context_id": connection.received[0]["context_id"],
        }
        assert connection.received == [
            {**settings, "transcript": "Hello. ", "continue": True},
            {**settings, "transcript": "Bye.", "continue": True},
            {**settings, "transcript": "", "continue": False},
        ]

    @pytest.mark.parametrize(("asked", "told"), [(0.25, 0.6), (1.1, 1.1), (1.5, 1.5)])
    async def test_speed_is_kept_within_what_there_is(self, make, vendor, asked, told):
        tts = make("sonic-3.5")
        assert tts.capabilities.speed
        await speak(tts, "Hello.", config=TtsConfig("a", speed=asked))
        assert vendor.connections[0].received[0]["generation_config"] == {"speed": told}

    async def test_older_models_speak_at_one_speed(self, make, vendor):
        tts = make("sonic-2")
        assert not tts.capabilities.speed
        await speak(tts, "Hello.", config=TtsConfig("a", speed=1.5))
        assert "generation_config" not in vendor.connections[0].received[0]

    @pytest.mark.parametrize(("status", "kind"), [(400, "invalid"), (402, "quota"), (429, "rate_limit")])
    async def test_errors_carry_a_status(self, make, vendor, status, kind):
        stream, events = await begin(make())
        error = {"type": "error", "done": True, "status_code": status, "message": None, "title": "No"}
        context = vendor.connections[0].received[0]["context_id"]
        await vendor.connections[0].send({**error, "context_id": context})
        with pytest.raises(ProviderError, match="No") as failure:
            await collect_into([], events)
        assert failure.value.kind == kind
        await stream.aclose()
