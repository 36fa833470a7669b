import asyncio
import io
import math
import wave

import pytest

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import FinalTranscript, SttConfig, SttUsage
from antiphon.providers.openai_compatible.stt import OpenAiStt
from antiphon.providers.scripted import Heard, ScriptedStt
from antiphon.providers.scripted.server import Canned
from tests.providers.contract_stt import SECOND, SttContract, collect, turn


@pytest.fixture
def stt(wire, server):
    return OpenAiStt(wire, Endpoint(server.base_url, "sk-secret"), "whisper", name="custom/whisper")


class TestContract(SttContract):
    @pytest.fixture
    def stt(self, wire, server):
        return OpenAiStt(wire, Endpoint(server.base_url), "whisper", name="custom/whisper")

    @pytest.fixture
    def stalled(self, server, stt):
        server.stt = ScriptedStt(Heard("never", delay=math.inf))
        return stt

    @pytest.fixture
    def broken(self, server, stt):
        server.stt = ScriptedStt(Heard(error=ProviderError("overloaded", "Try later")))
        return stt


async def test_the_turn_is_sent_as_a_wav_file(server, stt):
    pcm = bytes(range(250)) * 100
    await turn(stt, pcm, config=SttConfig("sv", "Names: Zoë."))
    body = server.requests[0].body
    with wave.open(io.BytesIO(body.pop("file"))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        assert file.readframes(file.getnframes()) == pcm
    assert body == {"model": "whisper", "response_format": "json", "language": "sv", "prompt": "Names: Zoë."}


async def test_what_is_not_known_is_not_sent(server, stt):
    await turn(stt, SECOND, config=SttConfig())
    assert set(server.requests[0].body) == {"file", "model", "response_format"}


async def test_the_transcript_carries_the_language_asked_for(server, stt):
    server.next_answer(Canned([b'{"text":" God morgon. ","usage":{"type":"duration","seconds":1}}']))
    assert await turn(stt, SECOND, config=SttConfig("sv")) == [FinalTranscript("God morgon.", 1000, "sv")]


async def usage_of(stt, pcm=SECOND):
    stream = stt.open(SttConfig())
    stream.push(pcm)
    stream.finish()
    await collect(stream)
    await stream.aclose()
    return stream.usage


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (b'{"type":"duration","seconds":9.5}', SttUsage(9500)),
        (
            b'{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},'
            b'"output_tokens":45,"total_tokens":59}',
            SttUsage(1000, input_audio_tokens=10, input_text_tokens=4, output_text_tokens=45),
        ),
        (
            b'{"type":"tokens","input_tokens":14,"output_tokens":45}',
            SttUsage(1000, input_audio_tokens=14, output_text_tokens=45),
        ),
    ],
)
async def test_the_server_says_what_it_counted(server, stt, reported, usage):
    server.next_answer(Canned([b'{"text":"Hi.","usage":' + reported + b"}"]))
    assert await usage_of(stt) == usage


@pytest.mark.parametrize("reported", [b"null", b"{}", b'"much"', b'{"seconds":"9"}', b"[1]"])
async def test_a_report_that_says_nothing_costs_no_transcript(server, stt, reported):
    server.next_answer(Canned([b'{"text":"Hi.","usage":' + reported + b"}"]))
    assert await usage_of(stt) == SttUsage(1000)


async def test_audio_that_is_not_sent_costs_nothing(stt):
    assert await usage_of(stt, bytes(48 * 99)) is None


async def test_a_limit_says_when_to_come_back(server, stt):
    server.next_answer(
        Canned([b'{"error":{"message":"Slow down."}}'], status=429, headers={"Retry-After": "7"})
    )
    with pytest.raises(ProviderError) as failure:
        await turn(stt, SECOND)
    assert (failure.value.kind, failure.value.retry_after) == ("rate_limit", 7)


async def test_less_than_a_tenth_of_a_second_is_not_sent(server, stt):
    assert await turn(stt, bytes(48 * 99)) == [FinalTranscript("", 99, "en")]
    assert not server.requests


@pytest.mark.parametrize("body", [b"", b"Good morning.", b"{}", b'{"text":null}', b"\xff"])
async def test_garbage_is_an_error(server, stt, body):
    server.next_answer(Canned([body]))
    with pytest.raises(ProviderError) as failure:
        await turn(stt, SECOND)
    assert failure.value.kind == "upstream"


async def test_closing_lets_the_server_go(server, stt):
    server.next_answer(Canned(then="stall"))
    stream = stt.open(SttConfig())
    stream.push(SECOND)
    stream.finish()
    await server.asked.wait()
    await stream.aclose()
    await server.requests[0].ended.wait()
    assert server.requests[0].state == "cancelled"


async def test_a_consumer_may_be_cancelled(server, stt):
    server.next_answer(Canned(then="stall"))
    stream = stt.open(SttConfig())
    stream.push(SECOND)
    stream.finish()
    consumer = asyncio.create_task(collect(stream))
    await server.asked.wait()
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    await stream.aclose()
    await server.requests[0].ended.wait()
