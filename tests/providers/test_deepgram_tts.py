import pytest

from antiphon.providers.deepgram.tts import DeepgramTts
from tests.providers.contract_streaming_tts import StreamingTtsContract
from tests.providers.vendors.deepgram_tts import DeepgramVoices


@pytest.fixture
async def vendor():
    async with DeepgramVoices() as vendor:
        yield vendor


class TestContract(StreamingTtsContract):
    cancel = {"type": "Clear"}

    @pytest.fixture
    async def vendor(self, vendor):
        return vendor

    @pytest.fixture
    def adapter(self):
        return DeepgramTts

    def voice_asked_of(self, vendor, response):
        return vendor.connections[response].request.query["model"]
