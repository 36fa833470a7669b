"""The embedded models keep the contracts that every provider keeps."""

import threading
from collections.abc import Iterator

import pytest

from antiphon.audio.pcm import read_audio
from antiphon.providers.local.pool import InferencePool, Priority
from antiphon.providers.local.stt import LocalStt
from antiphon.providers.local.tts import LocalTts
from tests.local_models import weights, whisper
from tests.providers.contract_stt import SttContract
from tests.providers.contract_tts import TtsContract
from tests.recordings import sentence


@pytest.fixture(scope="module")
def pool() -> Iterator[InferencePool]:
    pool = InferencePool(2)
    yield pool
    pool.close()


class BusyPool(InferencePool):
    """Its only thread is held up until `release` is set."""

    def __init__(self) -> None:
        super().__init__(1)
        self.release = threading.Event()

    def submit(self, priority, call, *args, **kwargs):  # type: ignore[no-untyped-def]
        super().submit(Priority.FINAL_TRANSCRIPT, self.release.wait)
        return super().submit(Priority.PARTIAL, call, *args, **kwargs)


@pytest.fixture
def busy_pool() -> Iterator[InferencePool]:
    pool = BusyPool()
    yield pool
    pool.release.set()
    pool.close()


@pytest.fixture
def closed_pool() -> InferencePool:
    pool = InferencePool(1)
    pool.close()
    return pool


class TestStt(SttContract):
    speech = read_audio(sentence("0880").path)

    @pytest.fixture
    def stt(self, pool: InferencePool) -> LocalStt:
        return LocalStt("local/whisper-base", whisper(), pool)

    @pytest.fixture
    def stalled(self, busy_pool: InferencePool) -> LocalStt:
        return LocalStt("local/whisper-base", whisper(), busy_pool)

    @pytest.fixture
    def broken(self, closed_pool: InferencePool) -> LocalStt:
        return LocalStt("local/whisper-base", whisper(), closed_pool)


@pytest.fixture(scope="module")
def voice(pool: InferencePool) -> LocalTts:
    return LocalTts.load(weights(), pool)


class TestTts(TtsContract):
    @pytest.fixture
    def tts(self, voice: LocalTts) -> LocalTts:
        return voice

    @pytest.fixture
    def stalled(self, voice: LocalTts, busy_pool: InferencePool) -> LocalTts:
        return LocalTts(voice._phonemizer, voice._voice, busy_pool)

    @pytest.fixture
    def broken(self, voice: LocalTts, closed_pool: InferencePool) -> LocalTts:
        return LocalTts(voice._phonemizer, voice._voice, closed_pool)
