import pytest

from antiphon.providers.base.endpoint import Endpoint, KeyHeader
from antiphon.providers.gemini.llm import GeminiLlm
from tests.providers.contract_llm import KEY, LlmWireContract
from tests.providers.vendors.gemini_text import GeminiServer, GeminiSpelling


@pytest.fixture
async def vendor():
    async with GeminiServer() as server:
        yield server


@pytest.fixture
def spelling():
    return GeminiSpelling()


@pytest.fixture
def make(wire):
    def make(base_url, model="gemini-3.8-flash"):
        endpoint = Endpoint(base_url, KEY, KeyHeader("x-goog-api-key", ""))
        return GeminiLlm(wire, endpoint, model, name=f"google/{model}")

    return make


class TestContract(LlmWireContract):
    @pytest.fixture
    def vendor(self, vendor):
        return vendor

    @pytest.fixture
    def spelling(self, spelling):
        return spelling

    @pytest.fixture
    def at(self, make):
        return make
