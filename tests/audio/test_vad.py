import asyncio
import contextlib
import threading

import numpy as np
import pytest

from antiphon.audio.downsample import AFTER
from antiphon.audio.pcm import from_float, read_audio, size_of
from antiphon.audio.vad import WINDOW, VadService
from antiphon.engine.ports import VAD_WINDOW
from tests import recordings
from tests.local_models import silero

SPEECH = 0.5
FRAME = size_of(20)
DEADLINE = 20  # seconds, for a machine that is busy


@pytest.fixture
def service():
    with contextlib.closing(VadService(silero())) as service:
        yield service


class Listener:
    """A stream and what it heard."""

    def __init__(self, service):
        self.probabilities = []
        self.errors = []
        self._changed = asyncio.Event()
        self.stream = service.open(self.heard, self.failed)

    def heard(self, probabilities):
        self.probabilities.extend(probabilities)
        self._changed.set()

    def failed(self, error):
        self.errors.append(error)
        self._changed.set()

    async def windows(self, count):
        async with asyncio.timeout(DEADLINE):
            while len(self.probabilities) < count and not self.errors:
                self._changed.clear()
                await self._changed.wait()
        return np.array(self.probabilities)


def sentence(number):
    return read_audio(recordings.sentence(number).path)


def noise(seconds, loudness=0.05):
    return from_float(recordings.noise(seconds * 1.5, loudness))  # what is noise at 16 kHz is noise at 24 kHz


def windows(pcm):
    return (len(pcm) // 2 - AFTER) // WINDOW


async def judge(service, pcm, chunk=FRAME):
    """The probabilities of all whole windows in `pcm`, pushed in chunks of bytes."""
    listener = Listener(service)
    for start in range(0, len(pcm), chunk):
        listener.stream.push(pcm[start : start + chunk])
    probabilities = await listener.windows(windows(pcm))
    listener.stream.close()
    return probabilities


def test_windows_are_those_that_the_engine_counts():
    assert WINDOW == VAD_WINDOW


async def test_it_works_on_human_speech_and_the_silence_after_it(service):
    speech = sentence("0890")
    probabilities = await judge(service, speech + bytes(size_of(1000)))
    spoken = windows(speech)
    assert np.mean(probabilities[:spoken] > SPEECH) > 0.8
    assert probabilities[spoken + 10 :].max() < 0.1


@pytest.mark.parametrize("loudness", [0.002, 0.05, 0.3])
async def test_noise_is_not_speech(service, loudness):
    probabilities = await judge(service, noise(2, loudness))
    assert probabilities.max() < SPEECH


async def test_the_size_of_the_chunks_makes_no_difference(service):
    speech = sentence("0880")
    by_frame, by_second, at_once = [
        await judge(service, speech, chunk) for chunk in (FRAME, size_of(1000), len(speech))
    ]
    assert by_frame.tolist() == by_second.tolist() == at_once.tolist()


async def test_many_streams_hear_what_each_would_hear_alone(service):
    clips = [sentence(number)[: size_of(960)] for number in ("0870", "0880", "0890", "0920", "0930")]
    alone = [await judge(service, clip) for clip in clips]
    together = await asyncio.gather(*(judge(service, clip) for clip in clips for _ in range(16)))
    for index, probabilities in enumerate(together):
        assert probabilities == pytest.approx(alone[index // 16], abs=1e-4)


async def test_a_closed_stream_hears_nothing_more(service):
    closed, other = Listener(service), Listener(service)
    closed.stream.push(noise(1))
    other.stream.push(noise(1))
    closed.stream.close()
    closed.stream.push(noise(1))
    await other.windows(31)
    other.stream.push(noise(1))
    await other.windows(62)
    assert closed.probabilities == []
    assert closed.errors == []


async def test_a_stream_may_be_closed_from_its_own_callback(service):
    heard = []

    def hear_one(probabilities):
        heard.extend(probabilities)
        stream.close()

    stream = service.open(hear_one, heard.append)
    stream.push(noise(1))
    await judge(service, noise(2))
    assert len(heard) == 1


def test_event_loops_of_several_threads_share_one_service(service):
    speech = sentence("0930")
    heard = {}

    def session(name):
        heard[name] = asyncio.run(judge(service, speech)).tolist()

    threads = [threading.Thread(target=session, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert [len(heard[name]) for name in range(4)] == [windows(speech)] * 4
    assert heard[0] == pytest.approx(heard[3], abs=1e-4)


async def test_a_loop_that_is_gone_costs_the_others_nothing(service):
    gone = asyncio.new_event_loop()

    async def open_and_leave():
        Listener(service).stream.push(noise(2))

    await asyncio.to_thread(gone.run_until_complete, open_and_leave())
    gone.close()
    assert len(await judge(service, noise(1))) == 31


async def test_a_callback_that_fails_costs_the_others_nothing(service):
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def broken(probabilities):
        raise ZeroDivisionError

    service.open(broken, broken).push(noise(0.05))
    assert len(await judge(service, noise(1))) == 31
    assert [type(error) for error in reported] == [ZeroDivisionError]


class Failing:
    """The model, until told to fail."""

    def __init__(self, model):
        self.model = model
        self.broken = False

    def run(self, windows, states):
        if self.broken:
            raise MemoryError("no memory for this batch")
        return self.model.run(windows, states)


async def test_a_failed_batch_is_told_to_its_streams_and_the_thread_goes_on(caplog):
    model = Failing(silero())
    with contextlib.closing(VadService(model)) as service:
        listener = Listener(service)
        model.broken = True
        listener.stream.push(noise(1))
        await listener.windows(31)
        assert [str(error) for error in listener.errors] == ["no memory for this batch"]
        assert listener.stream.closed
        assert "Voice activity detection failed for 1 streams" in caplog.text
        model.broken = False
        assert len(await judge(service, noise(1))) == 31
        assert len(listener.errors) == 1
        assert listener.probabilities == []


async def test_closing_the_service_ends_its_thread_and_refuses_new_streams():
    before = set(threading.enumerate())
    service = VadService(silero())
    listener = Listener(service)
    listener.stream.push(noise(10))
    service.close()
    service.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(RuntimeError, match="service is closed"):
        Listener(service)


async def test_half_a_sample_is_refused(service):
    stream = Listener(service).stream
    with pytest.raises(ValueError, match="end within one"):
        stream.push(bytes(3))
