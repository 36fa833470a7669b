import pytest

from antiphon.providers.soniox.tts import SonioxTts
from tests.providers.contract_streaming_tts import SharedLineContract
from tests.providers.vendors.soniox_tts import SonioxVoices


@pytest.fixture
async def vendor():
    async with SonioxVoices() as vendor:
        yield vendor


class TestContract(SharedLineContract):
    cancel = {"cancel": True}
    context_field = "stream_id"

    @pytest.fixture
    async def vendor(self, vendor):
        return vendor

    @pytest.fixture
    def adapter(self):
        return SonioxTts

    def voice_asked_of(self, vendor, response):
        return [m["voice"] for m in vendor.connections[0].received if "voice" in m][response]
