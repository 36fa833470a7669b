"""What concerns no vendor in particular: the contract with one that has every peculiarity, and more."""

import asyncio
import base64

import numpy as np
import pytest

from antiphon.audio import pcm as pcm16
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.streaming_stt import (
    ANSWER_WITHIN,
    Complete,
    Failed,
    Opening,
    Piece,
    Ready,
    SocketStt,
    SttDialect,
)
from antiphon.providers.base.stt import SttCapabilities, SttConfig
from tests.providers.contract_streaming_stt import KEY, StreamingSttContract, pass_time, says_nothing, within
from tests.providers.contract_stt import SECOND, collect, turn
from tests.providers.vendors.stt_server import SttConnection, SttServer


class AwkwardDialect(SttDialect):
    """Telephone quality in JSON, after a greeting, with headers of its own; pieces bring their white space."""

    rate = 8_000
    chunk_ms = 100
    waits_for_ready = True
    separator = ""

    def opening(self):
        return Opening("/hear", {"speed": 1.5}, {"X-Version": "7"}, first=["hello", {"hear": "me"}])

    def audio(self, pcm):
        return {"audio": base64.b64encode(pcm).decode()}

    def finish(self):
        return ("finish",)

    def leave(self):
        return ("leave",)

    def read(self, message):
        match message:
            case {"ready": True}:
                yield Ready()
            case {"error": error}:
                yield Failed(error)
            case {"piece": index, "text": text}:
                yield Piece(index, text)
            case {"bug": _}:
                raise KeyError("bug")
        if message.get("complete"):
            yield Complete()


class AwkwardStt(SocketStt):
    capabilities = SttCapabilities(streaming=True)

    def dialect(self, config):
        return AwkwardDialect()


class AwkwardConnection(SttConnection):
    path = "/hear"
    rate = 8_000
    greeting = {"ready": True}

    def __init__(self, request, socket):
        super().__init__(request, socket)
        self._index = 0

    def take(self, frame):
        assert self.headers["X-Version"] == "7"
        if isinstance(frame, dict) and "audio" in frame:
            assert self.said[:2] == ["hello", {"hear": "me"}]
            pcm = base64.b64decode(frame["audio"])
            assert 0 < len(pcm) <= 1600
            self.audio += pcm
        elif frame == "finish":
            self.finished.set()

    async def partial(self, text):
        await self.send({"piece": self._index, "text": f" {text}"})

    async def turn(self, text):
        await self.partial(text)
        self._index += 1

    async def rest(self, text):
        await self.partial(text)
        await self.send({"complete": True})

    async def error(self, words):
        await self.send({"error": words})


@pytest.fixture
async def vendor():
    async with SttServer(AwkwardConnection) as vendor:
        yield vendor
    assert vendor.mistakes == []


@pytest.fixture
def stt(wire, vendor):
    return AwkwardStt(wire, Endpoint(vendor.base_url, KEY), "model", name="awkward/model")


class TestContract(StreamingSttContract):
    connection = AwkwardConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return AwkwardStt(wire, Endpoint(vendor.base_url, KEY), "model", name="awkward/model")


async def test_audio_is_resampled_to_the_rate_that_the_vendor_wants(stt, vendor):
    time = np.arange(24_000) / 24_000
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32) * 0.5
    await turn(stt, pcm16.from_float(tone))
    heard = pcm16.to_float(bytes(vendor.connections[0].audio))
    assert abs(len(heard) - 8_000) <= 8
    spectrum = np.abs(np.fft.rfft(heard[:8_000], 8_000))
    assert spectrum.argmax() == 440


async def test_no_audio_is_sent_before_the_vendor_is_ready(wire, vendor, stt, monkeypatch):
    monkeypatch.setattr(AwkwardConnection, "greeting", None)

    async def script(connection):
        await connection.told({"hear": "me"})
        assert not connection.audio
        await connection.send({"ready": True})
        await connection.finished.wait()
        await connection.rest("Good morning.")

    vendor.script = script
    assert (await turn(stt, SECOND))[-1].text == "Good morning."


async def test_a_vendor_that_is_never_ready_is_not_waited_for_long(vendor, stt, monkeypatch):
    monkeypatch.setattr(AwkwardConnection, "greeting", None)
    vendor.script = says_nothing
    stream = stt.open(SttConfig())
    stream.push(SECOND)
    reading = asyncio.create_task(collect(stream))
    await vendor.connected.wait()
    await vendor.connections[0].told({"hear": "me"})
    with pytest.raises(ProviderError) as failure:
        await within(ANSWER_WITHIN + 1, reading)
    await stream.aclose()
    assert failure.value.kind == "timeout"


async def test_a_vendor_is_not_timed_while_the_user_speaks(vendor, stt):
    vendor.script = says_nothing
    stream = stt.open(SttConfig())
    stream.push(SECOND)
    reading = asyncio.create_task(collect(stream))
    await vendor.connected.wait()
    await vendor.connections[0].heard(900)
    await pass_time(4 * ANSWER_WITHIN, until=reading)
    assert not reading.done()
    await stream.aclose()
    assert await reading == []


async def test_each_answer_earns_a_slow_vendor_more_time(vendor, stt):
    answered = asyncio.Event()

    async def script(connection):
        await connection.finished.wait()
        for text in ("Good", "Good morning"):
            await connection.partial(text)
            await answered.wait()
            answered.clear()
        await connection.rest("Good morning.")

    vendor.script = script
    stream = stt.open(SttConfig("en", partials=True))
    stream.push(SECOND)
    stream.finish()
    events = stream.events()
    for _ in range(2):
        await anext(events)
        await pass_time(ANSWER_WITHIN - 1)
        answered.set()
    assert [event.text async for event in events] == ["Good morning.", "Good morning."]
    await stream.aclose()


async def test_a_vendor_is_not_through_before_it_was_asked_to_finish(vendor, stt):
    async def script(connection):
        await connection.send({"complete": True})
        await connection.finished.wait()
        await connection.rest("Good morning.")

    vendor.script = script
    assert (await turn(stt, SECOND))[-1].text == "Good morning."


async def test_pieces_stand_in_their_order_whichever_comes_first(vendor, stt):
    async def script(connection):
        await connection.send({"piece": 1, "text": " morning."})
        await connection.send({"piece": 0, "text": "Good"})
        await connection.finished.wait()
        await connection.send({"complete": True})

    vendor.script = script
    assert (await turn(stt, SECOND))[-1].text == "Good morning."


async def test_it_says_goodbye_only_in_the_middle_of_a_turn(vendor, stt):
    await turn(stt, SECOND)
    vendor.script = says_nothing
    stream = stt.open(SttConfig())
    stream.push(SECOND)
    while len(vendor.connections) < 2:
        vendor.connected.clear()
        await vendor.connected.wait()
    finished, given_up = vendor.connections
    await given_up.heard(900)
    await stream.aclose()
    await given_up.left.wait()
    assert finished.said[-1] == "finish"
    assert given_up.said[-1] == "leave"


async def test_a_mistake_of_ours_does_not_hide(vendor, stt):
    async def script(connection):
        await connection.send({"bug": 1})

    vendor.script = script
    with pytest.raises(KeyError):
        await turn(stt, SECOND)


@pytest.mark.parametrize("nonsense", ["", "null", "[1]", b"\xff"])
async def test_what_is_no_object_is_nonsense(vendor, stt, nonsense):
    async def script(connection):
        await connection.send(nonsense)

    vendor.script = script
    with pytest.raises(ProviderError) as failure:
        await turn(stt, SECOND)
    assert failure.value.kind == "upstream"
