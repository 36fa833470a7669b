import math
import struct

import numpy as np
import pytest

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.tts import Audio, Spoken, TtsConfig
from antiphon.providers.openai_compatible.tts import OpenAiTts
from antiphon.providers.openai_compatible.wav import wav
from antiphon.providers.scripted import ScriptedTts, Speech
from antiphon.providers.scripted.server import Canned
from tests.providers.contract_tts import CONFIG, PIECES, TtsContract, speak

PCM = np.arange(480, dtype="<i2").tobytes()


@pytest.fixture
def make(wire, server):
    def make(**options):
        return OpenAiTts(wire, Endpoint(server.base_url), "kokoro", name="custom/kokoro", **options)

    return make


@pytest.fixture
def tts(make):
    return make()


class TestContract(TtsContract):
    @pytest.fixture
    def tts(self, make):
        return make()

    @pytest.fixture
    def stalled(self, server, tts):
        server.tts = ScriptedTts(Speech(delay=math.inf))
        return tts

    @pytest.fixture
    def broken(self, server, tts):
        server.tts = ScriptedTts(Speech(breaks_after_ms=0, error=ProviderError("quota", "Pay")))
        return tts


def audio_of(events):
    return b"".join(event.pcm for event in events if isinstance(event, Audio))


async def heard(server, tts, *chunks):
    server.next_answer(Canned(chunks))
    return audio_of(await speak(tts, "Hello."))


async def test_the_audio_is_what_the_server_spoke(server, tts):
    assert server.tts.text_of(audio_of(await speak(tts, "Hello. ", "Good bye."))) == "Hello.Good bye."


async def test_a_request_says_what_and_how(server, tts):
    await speak(tts, " Hello. ", config=TtsConfig("nova", speed=1.25))
    assert server.requests[0].body == {
        "model": "kokoro",
        "input": "Hello.",
        "voice": "nova",
        "response_format": "pcm",
        "speed": 1.25,
    }


async def test_usual_speed_is_not_sent(server, tts):
    await speak(tts, "Hello.", config=TtsConfig("nova"))
    assert "speed" not in server.requests[0].body


@pytest.mark.parametrize(("asked", "sent"), [("bella", "bella"), ("alloy", "heart")])
async def test_an_unknown_voice_becomes_the_default(server, make, asked, sent):
    await speak(make(voices=("heart", "bella")), "Hello.", config=TtsConfig(asked))
    assert server.requests[0].body["voice"] == sent


async def test_white_space_is_not_sent(server, tts):
    events = await speak(tts, "\n")
    assert events[0] == Spoken("\n")
    assert not server.requests


@pytest.mark.parametrize("size", [1, 3, 999, 10_000])
async def test_audio_may_be_cut_within_a_sample(server, tts, size):
    assert await heard(server, tts, *(PCM[i : i + size] for i in range(0, len(PCM), size))) == PCM


async def test_half_a_sample_at_the_end_is_dropped(server, tts):
    assert await heard(server, tts, PCM, b"x") == PCM


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_a_wav_file_is_taken_for_its_audio(server, tts, size):
    file = wav(PCM) + b"LIST\x04\0\0\0junk"
    assert await heard(server, tts, *(file[i : i + size] for i in range(0, len(file), size))) == PCM


@pytest.mark.parametrize("unknown", [0, 0xFFFFFFFF])
async def test_a_wav_file_may_not_know_its_length(server, tts, unknown):
    head = bytearray(wav(PCM)[:44])
    head[40:44] = struct.pack("<I", unknown)
    assert await heard(server, tts, bytes(head), PCM) == PCM


async def test_a_wav_file_of_another_rate_is_resampled(server, tts):
    head = bytearray(wav(PCM)[:44])
    head[24:28] = struct.pack("<I", 12_000)
    assert len(await heard(server, tts, bytes(head), PCM)) == pytest.approx(2 * len(PCM), rel=0.05)


async def test_stereo_is_refused(server, tts):
    head = bytearray(wav(PCM)[:44])
    head[22:24] = struct.pack("<H", 2)
    with pytest.raises(ProviderError, match="PCM16 mono is needed"):
        await heard(server, tts, bytes(head), PCM)


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    "text",
    [
        '{"error": {"message": "There is no voice heart."}}',
        "<!DOCTYPE html>\n<html><body>Bad gateway</body></html>",
        "data: {}",
    ],
)
async def test_text_is_no_sound(server, tts, text, size):
    body = text.encode()
    with pytest.raises(ProviderError, match="sent text in place of sound: ") as failure:
        await heard(server, tts, *(body[i : i + size] for i in range(0, len(body), size)))
    assert (failure.value.kind, failure.value.started) == ("upstream", False)


async def test_text_in_place_of_sound_is_told_without_the_key(wire, server):
    tts = OpenAiTts(wire, Endpoint(server.base_url, "a-secret-key"), "kokoro", name="custom/kokoro")
    with pytest.raises(ProviderError, match=r"The key \*\*\* is not valid for this model\.") as failure:
        await heard(server, tts, b"The key a-secret-key is not valid for this model.")
    assert "secret" not in failure.value.message


@pytest.mark.parametrize("pcm", [b"\0\0", b"ab" * 15 + b"\xff\xff" + b"ab" * 100])
async def test_sound_may_have_bytes_of_letters_or_be_short(server, tts, pcm):
    assert await heard(server, tts, pcm) == pcm


async def test_closing_lets_the_server_go(server, tts):
    server.next_answer(Canned([PCM], then="stall"))
    stream = tts.open(CONFIG)
    await stream.send(PIECES[0])
    events = stream.events()
    await anext(events)
    await stream.aclose()
    await server.requests[0].ended.wait()
    assert server.requests[0].state == "cancelled"


async def test_a_break_within_speech_says_that_it_had_started(server, tts):
    server.next_answer(Canned([PCM], then="reset"))
    with pytest.raises(ProviderError) as failure:
        await speak(tts, "Hello.")
    assert (failure.value.kind, failure.value.started) == ("network", True)
