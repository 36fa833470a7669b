import asyncio

import pytest

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.stt import FinalTranscript, PartialTranscript, SttConfig, TurnSignal
from antiphon.providers.xai.stt import XaiStt
from tests.providers.contract_streaming_stt import KEY, PARTIALS, StreamingSttContract
from tests.providers.contract_stt import SECOND, collect, turn
from tests.providers.vendors.stt_server import SttServer
from tests.providers.vendors.xai_stt import XaiConnection


def xai(wire, vendor):
    return XaiStt(wire, Endpoint(f"{vendor.base_url}/v1", KEY), "grok-stt", name="xai/grok-stt")


class TestContract(StreamingSttContract):
    connection = XaiConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return xai(wire, vendor)


class SlowConnection(XaiConnection):
    greeting = None


async def heard(stt, until):
    """The events of a turn that is over for us once this one has come."""
    stream = stt.open(PARTIALS)
    stream.push(SECOND)
    events = []
    async for event in stream.events():
        events.append(event)
        if event == until:
            stream.finish()
    await stream.aclose()
    return events


@pytest.fixture
async def vendor():
    async with SttServer(XaiConnection) as vendor:
        yield vendor
    assert vendor.mistakes == []


async def test_it_is_told_the_key_the_bare_language_and_each_keyword(wire, vendor):
    await turn(xai(wire, vendor), SECOND, config=SttConfig("en-GB", keywords=("Zoë", "Malmö", "x" * 51)))
    [connection] = vendor.connections
    assert connection.headers["Authorization"] == f"Bearer {KEY}"
    assert connection.query["language"] == "en"
    assert connection.query.getall("keyterm") == ["Zoë", "Malmö"]
    assert connection.query["interim_results"] == "true"


async def test_what_is_not_known_is_not_sent(wire, vendor):
    await turn(xai(wire, vendor), SECOND, config=SttConfig())
    assert vendor.connections[0].query.keys().isdisjoint({"language", "keyterm"})


async def test_it_takes_a_hundred_keywords(wire, vendor):
    words = tuple(f"word{i}" for i in range(120))
    await turn(xai(wire, vendor), SECOND, config=SttConfig(keywords=words))
    assert vendor.connections[0].query.getall("keyterm") == list(words[:100])


async def test_audio_waits_until_it_is_ready(wire):
    async with SttServer(SlowConnection) as vendor:
        ready = asyncio.Event()

        async def script(connection):
            await ready.wait()
            connection.created = True
            await connection.send(XaiConnection.greeting)
            await connection.finished.wait()
            await connection.rest("Good morning.")

        vendor.script = script
        stream = xai(wire, vendor).open(SttConfig())
        stream.push(SECOND)
        stream.finish()
        reading = asyncio.create_task(collect(stream))
        await vendor.connected.wait()
        ready.set()
        assert (await reading)[-1].text == "Good morning."
        await stream.aclose()
        assert len(vendor.connections[0].audio) == 48_000
    assert vendor.mistakes == []


async def test_segments_are_shown_together_and_replaced_by_the_utterance(wire, vendor):
    async def script(connection):
        await connection.say("my order")
        await connection.say("my order number", is_final=True)
        await connection.say("is four")
        await connection.say("is four two one", is_final=True)
        await connection.say("My order number is four two one.", is_final=True, speech_final=True)
        await connection.say("And")
        await connection.finished.wait()
        await connection.rest("And my name is Zoë.")

    vendor.script = script
    assert await heard(
        xai(wire, vendor), until=PartialTranscript("My order number is four two one. And")
    ) == [
        PartialTranscript("my order"),
        PartialTranscript("my order number"),
        PartialTranscript("my order number is four"),
        PartialTranscript("my order number is four two one"),
        PartialTranscript("My order number is four two one."),
        TurnSignal("ended"),
        PartialTranscript("My order number is four two one. And"),
        PartialTranscript("My order number is four two one. And my name is Zoë."),
        FinalTranscript("My order number is four two one. And my name is Zoë.", 1000, "en"),
    ]


async def test_an_end_without_words_keeps_those_that_were_there(wire, vendor):
    async def script(connection):
        await connection.say("Good morning", is_final=True)
        await connection.say("", is_final=True, speech_final=True)
        await connection.finished.wait()
        await connection.rest("")

    vendor.script = script
    assert (await turn(xai(wire, vendor), SECOND))[-1].text == "Good morning"
