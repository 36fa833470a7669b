import asyncio

import pytest

from antiphon.providers.base.endpoint import TOKEN, Endpoint
from antiphon.providers.base.streaming_stt import ANSWER_WITHIN
from antiphon.providers.base.stt import FinalTranscript, SaidWord, SttConfig
from antiphon.providers.deepgram.stt import DeepgramStt
from tests.providers.contract_streaming_stt import KEY, StreamingSttContract, says_nothing, within
from tests.providers.contract_stt import SECOND, collect, turn
from tests.providers.vendors.deepgram_stt import FluxConnection, NovaConnection
from tests.providers.vendors.stt_server import SttServer

PROMPTLY = ANSWER_WITHIN / 2  # seconds: nobody has to lose patience


def deepgram(wire, vendor, model):
    endpoint = Endpoint(vendor.base_url, KEY, key_header=TOKEN)
    return DeepgramStt(wire, endpoint, model, name=f"deepgram/{model}")


class TestNova(StreamingSttContract):
    connection = NovaConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return deepgram(wire, vendor, "nova-3")


class TestFlux(StreamingSttContract):
    connection = FluxConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return deepgram(wire, vendor, "flux-general-en")


@pytest.fixture
async def nova():
    async with SttServer(NovaConnection) as vendor:
        yield vendor
    assert vendor.mistakes == []


@pytest.fixture
async def flux():
    async with SttServer(FluxConnection) as vendor:
        yield vendor
    assert vendor.mistakes == []


async def asked(wire, vendor, model, config):
    await turn(deepgram(wire, vendor, model), SECOND, config=config)
    return vendor.connections[-1]


async def test_nova_is_told_the_key_the_language_and_each_keyword(wire, nova):
    connection = await asked(wire, nova, "nova-3", SttConfig("sv", keywords=("Antiphon", "Zoë & Co")))
    assert connection.headers["Authorization"] == f"Token {KEY}"
    assert connection.query["model"] == "nova-3"
    assert connection.query["language"] == "sv"
    assert connection.query["interim_results"] == "true"
    assert connection.query.getall("keyterm") == ["Antiphon", "Zoë & Co"]


async def test_nova_decides_about_the_language_if_nobody_did_and_it_can(wire, nova):
    assert (await asked(wire, nova, "nova-3", SttConfig())).query["language"] == "multi"
    assert "language" not in (await asked(wire, nova, "nova-3-medical", SttConfig())).query


async def test_older_models_have_another_name_for_keywords(wire, nova):
    connection = await asked(wire, nova, "nova-2", SttConfig("en", keywords=("Antiphon",)))
    assert connection.query.getall("keywords") == ["Antiphon"]
    assert "keyterm" not in connection.query


async def test_nova_is_asked_for_the_rest_and_to_close(wire, nova):
    connection = await asked(wire, nova, "nova-3", SttConfig())
    assert connection.said == [{"type": "Finalize"}, {"type": "CloseStream"}]


async def test_nova_may_have_nothing_left_to_finalise(wire, nova):
    async def script(connection):
        await connection.turn("Good morning.")
        await connection.finished.wait()
        await connection.send({"type": "Metadata", "request_id": "r1"})

    nova.script = script
    async with asyncio.timeout(PROMPTLY):
        assert (await turn(deepgram(wire, nova, "nova-3"), SECOND))[-1].text == "Good morning."


async def test_nova_names_the_language_it_has_heard(wire, nova):
    async def script(connection):
        await connection.finished.wait()
        spoken = {"alternatives": [{"transcript": "God morgon.", "languages": ["sv"]}]}
        await connection.send({"type": "Results", "is_final": True, "from_finalize": True, "channel": spoken})

    nova.script = script
    async with asyncio.timeout(PROMPTLY):
        events = await turn(deepgram(wire, nova, "nova-3"), SECOND, config=SttConfig())
    assert events[-1] == FinalTranscript("God morgon.", 1000, "sv")


async def test_nova_is_kept_alive_while_no_audio_comes(wire, nova):
    nova.script = says_nothing
    stream = deepgram(wire, nova, "nova-3").open(SttConfig())
    stream.push(SECOND)
    await nova.connected.wait()
    told = asyncio.create_task(nova.connections[0].told({"type": "KeepAlive"}))
    await within(5, told)
    await stream.aclose()


async def test_nova_is_told_when_a_turn_is_given_up(wire, nova):
    nova.script = says_nothing
    stream = deepgram(wire, nova, "nova-3").open(SttConfig())
    stream.push(SECOND)
    await nova.connected.wait()
    await nova.connections[0].heard(1000)
    await stream.aclose()
    await nova.connections[0].left.wait()
    assert nova.connections[0].said == [{"type": "CloseStream"}]


async def test_flux_is_told_the_keywords_and_to_judge_turns_early(wire, flux):
    connection = await asked(wire, flux, "flux-general-en", SttConfig("en", keywords=("Antiphon", "Zoë")))
    assert connection.headers["Authorization"] == f"Token {KEY}"
    assert connection.query["model"] == "flux-general-en"
    assert connection.query.getall("keyterm") == ["Antiphon", "Zoë"]
    assert 0.3 <= float(connection.query["eager_eot_threshold"]) <= 0.9
    assert "language_hint" not in connection.query


async def test_flux_is_given_a_hint_of_the_language_if_it_knows_many(wire, flux):
    connection = await asked(wire, flux, "flux-general-multi", SttConfig("sv"))
    assert connection.query["language_hint"] == "sv"


async def test_flux_that_heard_nothing_just_closes(wire, flux):
    async def script(connection):
        await connection.finished.wait()
        await connection.close()

    flux.script = script
    stream = deepgram(wire, flux, "flux-general-en").open(SttConfig("en"))
    stream.push(SECOND)
    stream.finish()
    assert await collect(stream) == [FinalTranscript("", 1000, "en")]
    await stream.aclose()


SPOKEN = [
    {"word": "two", "punctuated_word": "Two", "start": 0.1, "end": 0.32},
    {"word": "words", "punctuated_word": "words.", "start": 0.4, "end": 1.0},
]


async def words_of(wire, nova, config, words):
    async def script(connection):
        await connection.finished.wait()
        spoken = {"alternatives": [{"transcript": "Two words.", "words": words}]}
        await connection.send({"type": "Results", "is_final": True, "from_finalize": True, "channel": spoken})

    nova.script = script
    async with asyncio.timeout(PROMPTLY):
        events = await turn(deepgram(wire, nova, "nova-3"), SECOND, config=config)
    return events[-1].words


async def test_who_asks_is_told_when_each_word_is_said(wire, nova):
    timed = SttConfig(word_times=True)
    assert await words_of(wire, nova, timed, SPOKEN) == (
        SaidWord("Two", 100, 320),
        SaidWord("words.", 400, 1000),
    )


async def test_words_that_are_not_the_whole_text_have_no_times(wire, nova):
    assert await words_of(wire, nova, SttConfig(word_times=True), SPOKEN[:1]) == ()


async def test_nobody_else_gets_times(wire, nova):
    assert await words_of(wire, nova, SttConfig(), SPOKEN) == ()
