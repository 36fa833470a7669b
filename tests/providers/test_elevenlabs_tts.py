import pytest

from antiphon.providers.elevenlabs.tts import ElevenLabsTts
from tests.providers.contract_streaming_tts import SharedLineContract
from tests.providers.vendors.elevenlabs_tts import ElevenLabsVoices


@pytest.fixture
async def vendor():
    async with ElevenLabsVoices() as vendor:
        yield vendor


class TestContract(SharedLineContract):
    cancel = {"close_context": True}
    context_field = "context_id"

    @pytest.fixture
    async def vendor(self, vendor):
        return vendor

    @pytest.fixture
    def adapter(self):
        return ElevenLabsTts

    def voice_asked_of(self, vendor, response):
        return vendor.connections[response].request.match_info["voice"]
