import asyncio

import pytest

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.streaming_stt import ANSWER_WITHIN
from antiphon.providers.base.stt import FinalTranscript, PartialTranscript, SttConfig
from antiphon.providers.soniox.stt import SonioxStt
from tests.providers.contract_streaming_stt import (
    KEY,
    PARTIALS,
    StreamingSttContract,
    says_nothing,
    within,
)
from tests.providers.contract_stt import SECOND, turn
from tests.providers.vendors.soniox_stt import SonioxConnection
from tests.providers.vendors.stt_server import SttServer

PROMPTLY = ANSWER_WITHIN / 2  # seconds: nobody has to lose patience


def soniox(wire, vendor):
    return SonioxStt(wire, Endpoint(vendor.base_url, KEY), "stt-rt-v4", name="soniox/stt-rt-v4")


class TestContract(StreamingSttContract):
    connection = SonioxConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return soniox(wire, vendor)


@pytest.fixture
async def vendor():
    async with SttServer(SonioxConnection) as vendor:
        yield vendor
    assert vendor.mistakes == []


@pytest.fixture
def stt(wire, vendor):
    return soniox(wire, vendor)


async def request(stt, vendor, config):
    await turn(stt, SECOND, config=config)
    return vendor.connections[-1].said[0]


async def test_the_key_goes_with_the_connection_and_not_into_the_request(stt, vendor):
    sent = await request(stt, vendor, SttConfig())
    assert vendor.connections[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "api_key" not in sent
    assert sent["model"] == "stt-rt-v4"
    assert sent["enable_endpoint_detection"] is True


async def test_the_language_the_prompt_and_the_keywords_are_told(stt, vendor):
    config = SttConfig("sv", "A talk about organs.", ("Antiphon", "Zoë"))
    sent = await request(stt, vendor, config)
    assert sent["language_hints"] == ["sv"]
    assert sent["context"] == {"text": "A talk about organs.", "terms": ["Antiphon", "Zoë"]}
    assert "enable_language_identification" not in sent


async def test_without_a_language_it_is_asked_which_it_hears(stt, vendor):
    sent = await request(stt, vendor, SttConfig())
    assert sent["enable_language_identification"] is True
    assert not {"language_hints", "context"} & set(sent)


async def test_the_language_that_was_heard_is_told(stt, vendor):
    async def script(connection):
        await connection.finished.wait()
        await connection.send({"tokens": [{"text": "Hej.", "is_final": True, "language": "sv"}]})
        await connection.rest("")

    vendor.script = script
    assert (await turn(stt, SECOND, config=SttConfig()))[-1] == FinalTranscript("Hej.", 1000, "sv")


async def test_the_rest_is_asked_for_and_then_the_connection_closed(stt, vendor):
    await turn(stt, SECOND)
    assert vendor.connections[0].said[1:] == [{"type": "finalize"}, ""]


async def test_tokens_that_are_not_final_are_replaced(stt, vendor):
    async def script(connection):
        await connection.tokens(("Good", True), (" mourn", False))
        await connection.tokens((" morn", False), ("ing", False))
        await connection.tokens((" morning", True), (".", True))
        await connection.finished.wait()
        await connection.rest("")

    vendor.script = script
    assert await turn(stt, SECOND, config=PARTIALS) == [
        PartialTranscript("Good mourn"),
        PartialTranscript("Good morning"),
        PartialTranscript("Good morning."),
        FinalTranscript("Good morning.", 1000, "en"),
    ]


async def test_marks_are_no_text(stt, vendor):
    async def script(connection):
        await connection.tokens(("Hi", True), (".", True), ("<end>", True))
        await connection.finished.wait()
        await connection.tokens((" Bye", True), (".", True), ("<fin>", True))

    vendor.script = script
    async with asyncio.timeout(PROMPTLY):
        assert await turn(stt, SECOND) == [FinalTranscript("Hi. Bye.", 1000, "en")]


async def test_the_end_is_known_without_the_mark_too(stt, vendor):
    async def script(connection):
        await connection.finished.wait()
        await connection.final("Good morning.")
        await connection.send({"tokens": [], "finished": True})

    vendor.script = script
    async with asyncio.timeout(PROMPTLY):
        assert (await turn(stt, SECOND))[-1].text == "Good morning."


@pytest.mark.parametrize(
    ("code", "kind"), [(401, "auth"), (402, "quota"), (429, "rate_limit"), (503, "overloaded")]
)
async def test_its_error_codes_are_statuses(stt, vendor, code, kind):
    async def script(connection):
        await connection.send({"error_code": code, "error_message": "No."})

    vendor.script = script
    with pytest.raises(ProviderError) as failure:
        await turn(stt, SECOND)
    assert failure.value.kind == kind


async def test_it_is_kept_alive_while_no_audio_comes(stt, vendor):
    vendor.script = says_nothing
    stream = stt.open(SttConfig())
    stream.push(SECOND)
    await vendor.connected.wait()
    told = asyncio.create_task(vendor.connections[0].told({"type": "keepalive"}))
    await within(6, told)
    await stream.aclose()
