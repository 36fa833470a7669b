import pytest

from antiphon.providers.base.endpoint import BASIC, Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import FinalTranscript, SttConfig, TurnSignal
from antiphon.providers.inworld.stt import InworldStt
from tests.providers.contract_streaming_stt import KEY, StreamingSttContract, says_nothing
from tests.providers.contract_stt import SECOND, turn
from tests.providers.vendors.inworld_stt import InworldConnection
from tests.providers.vendors.stt_server import SttServer


def inworld(wire, vendor, model="inworld-stt-1"):
    return InworldStt(wire, Endpoint(vendor.base_url, KEY, BASIC), model, name=f"inworld/{model}")


class TestContract(StreamingSttContract):
    connection = InworldConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return inworld(wire, vendor)


@pytest.fixture
async def vendor():
    async with SttServer(InworldConnection) as vendor:
        yield vendor
    assert vendor.mistakes == []


async def test_it_is_told_the_key_and_the_configuration_first(wire, vendor):
    await turn(inworld(wire, vendor), SECOND, config=SttConfig("sv", keywords=("Zoë", "Malmö")))
    [connection] = vendor.connections
    assert connection.headers["Authorization"] == f"Basic {KEY}"
    assert connection.config == {
        "modelId": "inworld/inworld-stt-1",
        "audioEncoding": "LINEAR16",
        "sampleRateHertz": 16000,
        "numberOfChannels": 1,
        "language": "sv",
        "prompts": ["Zoë", "Malmö"],
    }


async def test_what_is_not_known_is_not_sent(wire, vendor):
    await turn(inworld(wire, vendor), SECOND, config=SttConfig())
    assert vendor.connections[0].config.keys().isdisjoint({"language", "prompts"})


async def test_models_of_other_vendors_keep_their_names(wire, vendor):
    await turn(inworld(wire, vendor, "assemblyai/universal-streaming-multilingual"), SECOND)
    assert vendor.connections[0].config["modelId"] == "assemblyai/universal-streaming-multilingual"


async def test_the_turn_is_ended_and_then_the_stream(wire, vendor):
    await turn(inworld(wire, vendor), SECOND)
    assert vendor.connections[0].said[-2:] == [{"endTurn": {}}, {"closeStream": {}}]


async def test_a_turn_that_is_given_up_closes_the_stream(wire, vendor):
    vendor.script = says_nothing
    stream = inworld(wire, vendor).open(SttConfig())
    stream.push(SECOND)
    await vendor.connected.wait()
    [connection] = vendor.connections
    await connection.heard(900)
    await stream.aclose()
    await connection.left.wait()
    assert connection.said[-1] == {"closeStream": {}}


async def test_an_empty_final_ends_a_turn_of_noise(wire, vendor):
    async def script(connection):
        await connection.partial("Hm")
        await connection.turn("")
        await connection.turn("Good morning.")
        await connection.finished.wait()
        await connection.rest("")

    vendor.script = script
    stream = inworld(wire, vendor).open(SttConfig("en"))
    stream.push(SECOND)
    events = stream.events()
    assert [await anext(events), await anext(events)] == [TurnSignal("ended")] * 2
    stream.finish()
    assert [event async for event in events] == [FinalTranscript("Good morning.", 1000, "en")]
    await stream.aclose()


@pytest.mark.parametrize(
    ("code", "kind"),
    [(3, "invalid"), (5, "not_found"), (8, "rate_limit"), (13, "upstream"), (14, "overloaded"), (16, "auth")],
)
async def test_its_errors_are_ours(wire, vendor, code, kind):
    async def script(connection):
        await connection.heard(500)
        await connection.fail(code, "No.")

    vendor.script = script
    with pytest.raises(ProviderError) as failure:
        await turn(inworld(wire, vendor), SECOND)
    assert failure.value.kind == kind


async def test_an_error_may_come_bare(wire, vendor):
    async def script(connection):
        await connection.heard(500)
        await connection.send({"code": 3, "message": "Unknown model."})

    vendor.script = script
    with pytest.raises(ProviderError) as failure:
        await turn(inworld(wire, vendor), SECOND)
    assert failure.value.kind == "invalid"
    assert "Unknown model." in failure.value.message
