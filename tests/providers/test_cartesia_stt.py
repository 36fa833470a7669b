import pytest

from antiphon.providers.base.endpoint import Endpoint, KeyHeader
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import FinalTranscript, SttConfig, TurnSignal
from antiphon.providers.cartesia.stt import CartesiaStt
from tests.providers.contract_streaming_stt import KEY, StreamingSttContract
from tests.providers.contract_stt import SECOND, turn
from tests.providers.vendors.cartesia_stt import TurnsConnection, WhisperConnection
from tests.providers.vendors.stt_server import SttServer


def cartesia(wire, vendor, model):
    endpoint = Endpoint(vendor.base_url, KEY, KeyHeader("X-API-Key", ""))
    return CartesiaStt(wire, endpoint, model, name=f"cartesia/{model}")


class TestTurnsContract(StreamingSttContract):
    connection = TurnsConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return cartesia(wire, vendor, "ink-2")


class TestWhisperContract(StreamingSttContract):
    connection = WhisperConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return cartesia(wire, vendor, "ink-whisper")


@pytest.fixture
async def turns():
    async with SttServer(TurnsConnection) as vendor:
        yield vendor
    assert vendor.mistakes == []


@pytest.fixture
async def whisper():
    async with SttServer(WhisperConnection) as vendor:
        yield vendor
    assert vendor.mistakes == []


async def test_ink_is_told_the_key_the_model_and_the_keywords(wire, turns):
    config = SttConfig("en", keywords=("Zoë", "Malmö"))
    await turn(cartesia(wire, turns, "ink-2"), SECOND, config=config)
    [connection] = turns.connections
    assert connection.headers["X-API-Key"] == KEY
    assert connection.query["model"] == "ink-2"
    assert connection.query.getall("keyterm") == ["Zoë", "Malmö"]
    assert "language" not in connection.query


async def test_whisper_is_told_the_bare_language(wire, whisper):
    await turn(cartesia(wire, whisper, "ink-whisper"), SECOND, config=SttConfig("pt-BR"))
    [connection] = whisper.connections
    assert connection.headers["X-API-Key"] == KEY
    assert (connection.query["model"], connection.query["language"]) == ("ink-whisper", "pt")


async def test_without_a_language_none_is_sent(wire, whisper):
    await turn(cartesia(wire, whisper, "ink-whisper"), SECOND, config=SttConfig())
    assert "language" not in whisper.connections[0].query


async def test_dated_models_of_whisper_are_whisper(wire, whisper):
    events = await turn(cartesia(wire, whisper, "ink-whisper-2025-06-04"), SECOND)
    assert events[-1].text == "Good morning."


async def test_a_turn_that_goes_on_after_all_is_one_turn(wire, turns):
    async def script(connection):
        await connection.partial("I would like")
        await connection.sign("probably_ended", "I would like")
        await connection.sign("resumed", "")
        await connection.sign("ended", "I would like a coffee.")
        await connection.finished.wait()
        await connection.rest("")

    turns.script = script
    stream = cartesia(wire, turns, "ink-2").open(SttConfig("en"))
    stream.push(SECOND)
    events = stream.events()
    for sign in ("probably_ended", "resumed", "ended"):
        assert await anext(events) == TurnSignal(sign)
    stream.finish()
    assert [event async for event in events] == [FinalTranscript("I would like a coffee.", 1000, "en")]
    await stream.aclose()


async def test_an_end_without_words_keeps_those_that_were_there(wire, turns):
    async def script(connection):
        await connection.partial("Good morning.")
        await connection.turn("")
        await connection.finished.wait()
        await connection.rest("")

    turns.script = script
    assert (await turn(cartesia(wire, turns, "ink-2"), SECOND))[-1].text == "Good morning."


async def test_whisper_may_cut_a_word_in_two(wire, whisper):
    async def script(connection):
        await connection.transcript("Insert", is_final=True)
        await connection.transcript("ing spaces", is_final=False)
        await connection.finished.wait()
        await connection.transcript("ing spaces is wrong.", is_final=True)
        await connection.rest("")

    whisper.script = script
    assert (await turn(cartesia(wire, whisper, "ink-whisper"), SECOND))[
        -1
    ].text == "Inserting spaces is wrong."


async def test_whisper_says_which_language_it_heard(wire, whisper):
    events = await turn(cartesia(wire, whisper, "ink-whisper"), SECOND, config=SttConfig())
    assert events[-1].language == "en"


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "invalid"), (401, "auth"), (429, "rate_limit"), (500, "upstream")]
)
async def test_its_errors_are_ours(wire, turns, status, kind):
    async def script(connection):
        await connection.fail(status, "No.")

    turns.script = script
    with pytest.raises(ProviderError) as failure:
        await turn(cartesia(wire, turns, "ink-2"), SECOND)
    assert failure.value.kind == kind
