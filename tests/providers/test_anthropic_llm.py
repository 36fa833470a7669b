import pytest

from antiphon.providers.anthropic.llm import AnthropicLlm
from antiphon.providers.base.endpoint import Endpoint, KeyHeader
from tests.providers.contract_llm import KEY, LlmWireContract
from tests.providers.vendors.anthropic import AnthropicServer, AnthropicSpelling


@pytest.fixture
async def vendor():
    async with AnthropicServer() as server:
        yield server


@pytest.fixture
def spelling():
    return AnthropicSpelling()


@pytest.fixture
def make(wire):
    def make(base_url, model="claude-sonnet-4-5"):
        endpoint = Endpoint(base_url, KEY, KeyHeader("x-api-key", ""))
        return AnthropicLlm(wire, endpoint, model, name=f"anthropic/{model}")

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
