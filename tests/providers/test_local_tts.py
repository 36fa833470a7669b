"""The embedded voice, with the real model."""

import asyncio
import threading
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from antiphon.audio.pcm import duration_ms, to_float
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import FinalTranscript, SttConfig
from antiphon.providers.base.tts import Audio, Spoken, TtsConfig, TtsUsage
from antiphon.providers.local import weights as weights_module
from antiphon.providers.local.g2p.lexicon import Lexicon
from antiphon.providers.local.g2p.normalize import PAUSES, spoken
from antiphon.providers.local.g2p.phonemizer import Phonemizer
from antiphon.providers.local.piper import PiperVoice
from antiphon.providers.local.pool import InferencePool, Priority
from antiphon.providers.local.speech import load_recogniser
from antiphon.providers.local.tts import ENGLISH_LEXICON, ENGLISH_SPELLING, PIPER_JOE, LocalTts
from antiphon.providers.local.weights import Weights, WeightsMissing


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return Weights(None, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def pool() -> Iterator[InferencePool]:
    pool = InferencePool(2)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def phonemizer(weights: Weights) -> Phonemizer:
    return Phonemizer(Lexicon(weights.file(ENGLISH_LEXICON), weights.file(ENGLISH_SPELLING)))


@pytest.fixture(scope="module")
def tts(weights: Weights, pool: InferencePool) -> LocalTts:
    return LocalTts.load(weights, pool)


async def say(tts: LocalTts, *pieces: str, **config: float) -> tuple[list[str], bytes, TtsUsage]:
    """What was spoken, the audio, and the usage."""
    stream = tts.open(TtsConfig("alloy", **config))
    for piece in pieces:
        await stream.send(piece)
    stream.end()
    events = [event async for event in stream.events()]
    await stream.aclose()
    assert isinstance(events[-1], TtsUsage)
    texts = [event.text for event in events if isinstance(event, Spoken)]
    return texts, b"".join(event.pcm for event in events if isinstance(event, Audio)), events[-1]


def silence_ms(pcm: bytes) -> tuple[int, int]:
    """Before the first and after the last sound."""
    frames = to_float(pcm)[: len(pcm) // 480 * 240].reshape(-1, 240)
    [sounding] = np.nonzero(np.sqrt(np.mean(np.square(frames), axis=1)) > 0.01)
    return int(sounding[0]) * 10, (len(frames) - 1 - int(sounding[-1])) * 10


async def test_it_works(tts: LocalTts):
    texts, pcm, usage = await say(tts, "Sure, ", "I can help you with that.")
    assert texts == ["Sure, ", "I can help you with that."]
    assert usage == TtsUsage(characters=31, audio_ms=duration_ms(len(pcm)))
    assert 1_200 < usage.audio_ms < 3_500
    assert 0.03 < np.sqrt(np.mean(np.square(to_float(pcm)))) < 0.2


def test_it_says_what_it_is(tts: LocalTts):
    assert tts.name == "local/piper-joe"
    assert tts.capabilities.speed


async def test_it_begins_and_ends_without_waste(tts: LocalTts):
    _, pcm, _ = await say(tts, "I would like to book a table for four people on Friday.")
    before, after = silence_ms(pcm)
    assert before <= 30
    assert 280 <= after <= 320


async def test_the_pause_after_a_clause_is_shorter(tts: LocalTts):
    _, pcm, _ = await say(tts, "Just a moment, ")
    assert 130 <= silence_ms(pcm)[1] <= 170


# The voice varies its timing by chance, so the bounds are wide.
@pytest.mark.parametrize(("speed", "low", "high"), [(0.25, 2.5, 6), (0.5, 1.5, 2.7), (1.5, 0.5, 0.85)])
async def test_speed_changes_the_length(tts: LocalTts, speed: float, low: float, high: float):
    text = "We are open from Monday to Friday, and on the first Sunday of the month."
    _, _, usual = await say(tts, text)
    _, _, changed = await say(tts, text, speed=speed)
    assert low < changed.audio_ms / usual.audio_ms < high


@pytest.mark.parametrize("piece", ["***", "你好", " \n"])
async def test_a_piece_that_cannot_be_said_is_spoken_in_silence(tts: LocalTts, piece: str):
    assert await say(tts, piece) == ([piece], b"", TtsUsage(len(piece), 0))


async def test_many_streams_speak_at_once(tts: LocalTts):
    results = await asyncio.gather(*(say(tts, f"This is number {number}.") for number in range(6)))
    assert [texts for texts, _, _ in results] == [[f"This is number {number}."] for number in range(6)]
    assert all(usage.audio_ms > 700 for _, _, usage in results)


async def test_closing_stops_the_model(weights: Weights, phonemizer: Phonemizer):
    begun = threading.Event()

    class Watched(PiperVoice):
        def speak(self, *args: Any, **kwargs: Any) -> bytes:
            begun.set()
            return super().speak(*args, **kwargs)

    model, config = (weights.folder(PIPER_JOE) / file.name for file in PIPER_JOE.files)
    one_thread = InferencePool(1)
    try:
        tts = LocalTts(phonemizer, Watched(model, config), one_thread)
        begun.clear()
        stream = tts.open(TtsConfig("joe"))
        await stream.send("Here is a sentence of the kind that takes some seconds to be made, " * 8)
        await asyncio.to_thread(begun.wait)
        await stream.aclose()
        start = time.monotonic()
        await one_thread.run(Priority.SPEECH, int)
        assert time.monotonic() - start < 1
    finally:
        one_thread.close()


async def test_a_broken_pool_is_a_provider_error(weights: Weights, phonemizer: Phonemizer):
    model, config = (weights.folder(PIPER_JOE) / file.name for file in PIPER_JOE.files)
    closed = InferencePool(1)
    closed.close()
    stream = LocalTts(phonemizer, PiperVoice(model, config), closed).open(TtsConfig("joe"))
    await stream.send("Hello.")
    with pytest.raises(ProviderError, match="local/piper-joe failed"):
        await anext(stream.events())
    await stream.aclose()


async def test_missing_weights_say_what_to_install(tmp_path: Path, pool: InferencePool, monkeypatch):
    monkeypatch.setattr(weights_module.metadata, "distribution", _not_installed)
    with pytest.raises(WeightsMissing, match="gruut-lang-en"):
        LocalTts.load(Weights(tmp_path, tmp_path), pool)


def _not_installed(name: str) -> NoReturn:
    raise PackageNotFoundError(name)


async def test_whisper_understands_it(tts: LocalTts, weights: Weights, pool: InferencePool):
    sentences = {
        "Hello there, how can I help you today?": "hello there how can i help you today",
        "Your table for 12 is booked for July 4th at 3:45 pm.": (
            "your table for twelve is booked for july fourth at three forty five p m"
        ),
        "That comes to $1,250.50 in total.": (
            "that comes to one thousand two hundred fifty dollars and fifty cents in total"
        ),
        "Please call us at 555-0123 if anything changes.": (
            "please call us at five five five zero one two three if anything changes"
        ),
        "The restaurant around the corner is open until eleven tonight.": (
            "the restaurant around the corner is open until eleven tonight"
        ),
    }
    recogniser = load_recogniser(weights, pool, "local/whisper-base")
    errors = 0
    for written, expected in sentences.items():
        _, pcm, _ = await say(tts, written)
        stream = recogniser.open(SttConfig("en"))
        stream.push(pcm)
        stream.finish()
        [final] = [event async for event in stream.events()]
        assert isinstance(final, FinalTranscript)
        heard = [word.lower() for word in spoken(final.text, lambda _: False) if word not in PAUSES]
        errors += distance(heard, expected.split())
    assert errors / sum(len(expected.split()) for expected in sentences.values()) <= 0.2


def distance(one: list[str], other: list[str]) -> int:
    """Of Levenshtein, in words."""
    row = list(range(len(other) + 1))
    for left in one:
        above, row[0] = row[:], row[0] + 1
        for at, right in enumerate(other, 1):
            row[at] = min(above[at] + 1, row[at - 1] + 1, above[at - 1] + (left != right))
    return row[-1]
