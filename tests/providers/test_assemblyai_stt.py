import pytest

from antiphon.providers.assemblyai.stt import AssemblyAiStt
from antiphon.providers.base.endpoint import BARE, Endpoint
from antiphon.providers.base.stt import FinalTranscript, PartialTranscript, SttConfig, TurnSignal
from tests.providers.contract_streaming_stt import (
    KEY,
    PARTIALS,
    StreamingSttContract,
    pass_time,
    says_nothing,
)
from tests.providers.contract_stt import SECOND, turn
from tests.providers.vendors.assemblyai import AssemblyAiConnection
from tests.providers.vendors.stt_server import SttServer


def assemblyai(wire, vendor, model="universal-streaming-english"):
    endpoint = Endpoint(vendor.base_url, KEY, key_header=BARE)
    return AssemblyAiStt(wire, endpoint, model, name=f"assemblyai/{model}")


class TestContract(StreamingSttContract):
    connection = AssemblyAiConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return assemblyai(wire, vendor)


class TestContractWithoutFormatting(StreamingSttContract):
    connection = AssemblyAiConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return assemblyai(wire, vendor, "universal-3-5-pro")


@pytest.fixture
async def vendor():
    async with SttServer(AssemblyAiConnection) as vendor:
        yield vendor
    assert vendor.mistakes == []


async def asked(wire, vendor, model, config):
    await turn(assemblyai(wire, vendor, model), SECOND, config=config)
    return vendor.connections[-1]


async def test_the_key_stands_alone_in_its_header(wire, vendor):
    connection = await asked(wire, vendor, "universal-streaming-english", SttConfig())
    assert connection.headers["Authorization"] == KEY
    assert connection.query["speech_model"] == "universal-streaming-english"
    assert connection.query["format_turns"] == "true"


async def test_keywords_are_json(wire, vendor):
    config = SttConfig("en", keywords=("Antiphon", "Zoë"))
    connection = await asked(wire, vendor, "universal-streaming-english", config)
    assert connection.query["keyterms_prompt"] == '["Antiphon", "Zoë"]'


async def test_the_multilingual_model_is_asked_which_language_it_hears(wire, vendor):
    connection = await asked(wire, vendor, "universal-streaming-multilingual", SttConfig())
    assert connection.query["language_detection"] == "true"


async def test_universal_3_is_told_the_language_and_the_prompt(wire, vendor):
    config = SttConfig("sv", "A talk about organs.")
    connection = await asked(wire, vendor, "universal-3-5-pro", config)
    assert (connection.query["language_code"], connection.query["prompt"]) == ("sv", "A talk about organs.")
    assert "format_turns" not in connection.query


async def test_the_rest_is_forced_and_the_session_terminated(wire, vendor):
    connection = await asked(wire, vendor, "universal-streaming-english", SttConfig())
    assert connection.said == [{"type": "ForceEndpoint"}, {"type": "Terminate"}]


async def test_a_turn_that_is_formatted_ends_once(wire, vendor):
    async def script(connection):
        await connection.turn("Good morning.")
        await connection.finished.wait()
        await connection.rest("")

    vendor.script = script
    stream = assemblyai(wire, vendor).open(PARTIALS)
    events = stream.events()
    stream.push(SECOND)
    assert [await anext(events) for _ in range(3)] == [
        PartialTranscript("good morning"),
        TurnSignal("ended"),
        PartialTranscript("Good morning."),
    ]
    stream.finish()
    assert [event async for event in events] == [FinalTranscript("Good morning.", 1000, "en")]
    await stream.aclose()


async def test_a_formatted_text_may_come_after_the_next_turn_has_begun(wire, vendor):
    async def script(connection):
        await connection.info("good morning", end_of_turn=True)
        await connection.info("how", turn_order=1)
        await connection.info("Good morning.", end_of_turn=True, turn_is_formatted=True)
        await connection.info("How are you?", end_of_turn=True, turn_is_formatted=True, turn_order=1)
        await connection.finished.wait()
        await connection.rest("")

    vendor.script = script
    assert (await turn(assemblyai(wire, vendor), SECOND))[-1].text == "Good morning. How are you?"


async def test_the_language_that_was_heard_is_told(wire, vendor):
    async def script(connection):
        await connection.finished.wait()
        await connection.info("Buenos días.", end_of_turn=True, language_code="es")
        await connection.rest("")

    vendor.script = script
    stt = assemblyai(wire, vendor, "universal-streaming-multilingual")
    assert (await turn(stt, SECOND, config=SttConfig()))[-1].language == "es"


async def test_the_last_piece_of_audio_is_long_enough(wire, vendor):
    """The vendor's server asserts the length of each."""
    events = await turn(assemblyai(wire, vendor), bytes(48 * 110), config=PARTIALS)
    assert events[-1].audio_ms == 110
    assert len(vendor.connections[0].audio) == 48 * 150


async def test_the_session_counts_until_it_is_closed(wire, vendor):
    vendor.script = says_nothing
    stream = assemblyai(wire, vendor).open(SttConfig())
    stream.push(SECOND)
    await vendor.connected.wait()
    await vendor.connections[0].heard(1000)
    await pass_time(30)
    await stream.aclose()
    assert stream.usage.audio_ms == 1000
    used = stream.usage.open_ms
    assert 30_000 <= used < 32_000
    await pass_time(30)
    assert stream.usage.open_ms == used


async def test_a_turn_that_is_given_up_terminates_the_session(wire, vendor):
    vendor.script = says_nothing
    stream = assemblyai(wire, vendor).open(SttConfig())
    stream.push(SECOND)
    await vendor.connected.wait()
    await vendor.connections[0].heard(1000)
    await stream.aclose()
    await vendor.connections[0].left.wait()
    assert vendor.connections[0].said == [{"type": "Terminate"}]
