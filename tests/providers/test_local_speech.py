import asyncio
import contextlib

import pytest

from antiphon.audio.pcm import read_audio, size_of
from antiphon.providers.base.stt import SttConfig
from antiphon.providers.local import speech
from antiphon.providers.local.pool import InferencePool
from antiphon.providers.local.speech import (
    EveryPauseEnds,
    load_local_speech,
    load_recogniser,
)
from antiphon.providers.local.weights import (
    SMART_TURN,
    WHISPER_BASE,
    WHISPER_TINY_EN,
    ModelFiles,
    PackagedFile,
    Weight,
)
from tests.local_models import weights
from tests.recordings import sentence


@pytest.fixture
def pool():
    with contextlib.closing(InferencePool(threads=1)) as pool:
        yield pool


def missing(model):
    """The model, as if its packages were not installed."""
    weight = Weight("model.bin", "0" * 64, (PackagedFile("no-such-package", "model.bin"),))
    return ModelFiles(model.name, (weight,))


async def test_it_works_with_every_model_that_is_installed(pool):
    with contextlib.closing(load_local_speech(weights(), pool, "local/whisper-tiny.en")) as loaded:
        assert loaded.speech_to_text.name == "local/whisper-tiny.en"
        assert loaded.speech_to_text.capabilities.streaming

        stream = loaded.speech_to_text.open(SttConfig())
        stream.push(read_audio(sentence("0930").path))
        stream.finish()
        [transcript] = [event async for event in stream.events()]
        assert "amiable" in transcript.text

        spoken = read_audio(sentence("0920").path)
        assert await loaded.end_of_turn.score(spoken + bytes(size_of(200))) > 0.5

        heard = asyncio.get_running_loop().create_future()
        voice = loaded.voice_activity.open(heard.set_result, heard.set_exception)
        voice.push(bytes(size_of(60)))
        [probability] = await heard
        voice.close()
        assert probability < 0.1


def test_without_the_better_recogniser_the_next_one_is_loaded(pool, monkeypatch, caplog):
    monkeypatch.setitem(speech.RECOGNISERS, "local/whisper-base", missing(WHISPER_BASE))
    assert load_recogniser(weights(), pool, "local/whisper-base").name == "local/whisper-tiny.en"
    [warning] = caplog.messages
    assert warning.startswith("local/whisper-base is left out. The model whisper-base can't be loaded:")
    assert "Install the Python packages no-such-package" in warning


def test_without_any_recogniser_a_warning_says_so(pool, monkeypatch, caplog):
    monkeypatch.setitem(speech.RECOGNISERS, "local/whisper-base", missing(WHISPER_BASE))
    monkeypatch.setitem(speech.RECOGNISERS, "local/whisper-tiny.en", missing(WHISPER_TINY_EN))
    assert load_recogniser(weights(), pool, "local/whisper-base") is None
    assert "There is no embedded speech recognition" in caplog.messages[-1]


async def test_without_the_end_of_turn_model_every_pause_ends_a_turn(pool, monkeypatch, caplog):
    monkeypatch.setattr(speech, "SMART_TURN", missing(SMART_TURN))
    with contextlib.closing(load_local_speech(weights(), pool, "local/whisper-tiny.en")) as loaded:
        assert isinstance(loaded.end_of_turn, EveryPauseEnds)
        assert await loaded.end_of_turn.score(bytes(size_of(100))) == 1.0
    assert "Silence alone will end a turn" in caplog.text
