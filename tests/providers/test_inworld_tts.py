import pytest

from antiphon.providers.inworld.tts import InworldTts
from tests.providers.contract_streaming_tts import SharedLineContract
from tests.providers.vendors.inworld_tts import InworldVoices


@pytest.fixture
async def vendor():
    async with InworldVoices() as vendor:
        yield vendor


class TestContract(SharedLineContract):
    cancel = {"cancel_context": {}}
    context_field = "contextId"

    @pytest.fixture
    async def vendor(self, vendor):
        return vendor

    @pytest.fixture
    def adapter(self):
        return InworldTts

    def voice_asked_of(self, vendor, response):
        return [m["create"]["voiceId"] for m in vendor.connections[0].received if "create" in m][response]
