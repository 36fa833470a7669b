import pytest

from antiphon.providers.cartesia.tts import CartesiaTts
from tests.providers.contract_streaming_tts import SharedLineContract
from tests.providers.vendors.cartesia_tts import CartesiaVoices


@pytest.fixture
async def vendor():
    async with CartesiaVoices() as vendor:
        yield vendor


class TestContract(SharedLineContract):
    cancel = {"cancel": True}
    context_field = "context_id"

    @pytest.fixture
    async def vendor(self, vendor):
        return vendor

    @pytest.fixture
    def adapter(self):
        return CartesiaTts

    def voice_asked_of(self, vendor, response):
        openings = {m["context_id"]: m["voice"]["id"] for m in vendor.connections[0].received}
        return list(openings.values())[response]
