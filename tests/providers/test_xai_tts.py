import pytest

from antiphon.providers.xai.tts import XaiTts
from tests.providers.contract_streaming_tts import StreamingTtsContract
from tests.providers.vendors.xai_tts import XaiVoices


@pytest.fixture
async def vendor():
    async with XaiVoices() as vendor:
        yield vendor


class TestContract(StreamingTtsContract):
    @pytest.fixture
    async def vendor(self, vendor):
        return vendor

    @pytest.fixture
    def adapter(self):
        return XaiTts

    def voice_asked_of(self, vendor, response):
        return vendor.connections[response].request.query["voice"]
