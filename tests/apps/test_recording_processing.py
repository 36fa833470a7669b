"""From the parts of a recording to a file that can be played, whatever happens on the way."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.files import store
from apps.jobs.models import Job, JobState
from apps.privacy.models import Redaction
from apps.recordings import jobs, processing
from apps.recordings.models import SAMPLE_RATE, Recording, RecordingState
from apps.recordings.names import file_name, folder_of, part_name, peaks_name
from tests.apps.recorded import PART_BYTES, decoded, encoded, make_recorded, run, spoken
from tests.cast import Person

USER, AGENT = 0, 1


@pytest.fixture(scope="module")
def sound() -> NDArray[np.float32]:
    return spoken((USER, 0), (AGENT, 1), (USER, 2))


@pytest.fixture(scope="module")
def stream(sound: NDArray[np.float32]) -> bytes:
    return encoded(sound)


@pytest.fixture(autouse=True)
def acme(alice: Person) -> Iterator[None]:
    with tenant_context(alice.tenant.id):
        yield


def kept(session: RealtimeSession) -> bytes:
    return b"".join(store.read(file_name(session.id)))


def names(session: RealtimeSession) -> list[str]:
    return [name.rpartition("/")[2] for name in store.names(folder_of(session.id))]


def test_it_works(sound: NDArray[np.float32], stream: bytes) -> None:
    session, recording = make_recorded("sess_1", stream)
    assert recording.parts > 5
    job = run(session)
    recording.refresh_from_db()
    assert (job.state, recording.state) == (JobState.DONE, RecordingState.READY)
    assert kept(session) == stream
    assert recording.size_bytes == len(stream)
    assert recording.duration_ms == pytest.approx(len(sound) / SAMPLE_RATE * 1000, abs=1)
    run(session, jobs.TIDY)
    assert names(session) == ["peaks.json", "recording.ogg"]


def test_the_waveform_is_loud_where_somebody_speaks(sound: NDArray[np.float32], stream: bytes) -> None:
    session, _ = make_recorded("sess_1", stream)
    run(session)
    peaks = json.loads(b"".join(store.read(peaks_name(session.id))))
    assert peaks["per_second"] == 20
    step = SAMPLE_RATE // 20
    for channel in (USER, AGENT):
        drawn = np.array(peaks["channels"][channel])
        loudest = np.abs(sound[: len(sound) // step * step, channel]).reshape(-1, step).max(1)
        assert drawn[: len(loudest)] == pytest.approx(loudest, abs=0.1)
        assert drawn.max() > 0.2


def test_it_waits_for_what_is_still_on_its_way(stream: bytes) -> None:
    session, _ = make_recorded("sess_1", stream, RecordingState.RECORDING)
    for _ in range(10):  # more often than attempts are counted
        job = run(session)
        assert (job.state, job.attempts) == (JobState.WAITING, 0)
        assert "on their way" in job.note
    Recording.objects.update(state=RecordingState.PROCESSING)
    assert run(session).state == JobState.DONE


def test_what_must_not_be_heard_is_a_tone(stream: bytes) -> None:
    bleeps = [(USER, 1000, 1800), (AGENT, 5000, 5300)]
    session, _ = make_recorded("sess_1", stream)
    for channel, start, end in bleeps:
        Redaction.objects.create(session=session, channel=channel, start_ms=start, end_ms=end, kind="email")
    run(session)
    before, after = decoded(stream), decoded(kept(session))
    assert after.shape == before.shape
    for channel, start, end in bleeps:
        heard = after[start * 24 : end * 24, channel]
        spectrum = np.abs(np.fft.rfft(heard)) ** 2
        tone = round(1000 * len(heard) / SAMPLE_RATE)
        assert spectrum[tone - 2 : tone + 3].sum() > 0.95 * spectrum.sum()
    assert np.array_equal(after[2100 * 24 : 4700 * 24], before[2100 * 24 : 4700 * 24])
    assert np.array_equal(after[5700 * 24 :], before[5700 * 24 :])
    peaks = json.loads(b"".join(store.read(peaks_name(session.id))))
    assert peaks["channels"][USER][22:34] == [0.1] * 12


@pytest.mark.parametrize("step", ["peaks.json", "recording.ogg", "commit"])
def test_a_worker_that_dies_half_way_does_no_harm(
    stream: bytes, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    session, recording = make_recorded("sess_1", stream)
    put = store.put

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    def put_half(name: str, content: Iterator[bytes]) -> int:
        if name.endswith(step):
            put(name, [next(iter(content))[:100]])
            die()
        return put(name, content)

    with monkeypatch.context() as patched:
        patched.setattr(store, "put", put_half)
        if step == "commit":
            patched.setattr(jobs, "session_event_publish", die)
        with pytest.raises(KeyboardInterrupt):
            run(session)
    recording.refresh_from_db()
    assert recording.state == RecordingState.PROCESSING
    Job.objects.update(leased_until=session.started_at)
    assert run(session).state == JobState.DONE
    assert kept(session) == stream


def test_without_a_part_it_ends_where_that_was(stream: bytes) -> None:
    session, recording = make_recorded("sess_1", stream)
    store.delete(part_name(session.id, 4))
    run(session)
    recording.refresh_from_db()
    assert recording.state == RecordingState.READY
    assert kept(session) == stream[: 3 * PART_BYTES]
    assert 0 < recording.duration_ms < 5000


def test_without_any_sound_it_says_so(stream: bytes) -> None:
    for name, lost in (("sess_1", range(1, 99)), ("sess_2", range(1, 2))):
        session, recording = make_recorded(name, stream)
        for number in lost:
            store.delete(part_name(session.id, number))
        job = run(session)
        recording.refresh_from_db()
        assert (job.state, recording.state) == (JobState.FAILED, RecordingState.FAILED)
        assert "sound" in job.error


def test_a_storage_that_fails_while_it_is_read_is_no_end_of_the_sound(
    stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = make_recorded("sess_1", stream)
    read = store.read_range

    def fail(file: store.Kept, start: int, end: int) -> Iterator[bytes]:
        if file.name.endswith("part-00004"):
            raise OSError("The storage is away.")
        return read(file, start, end)

    with monkeypatch.context() as patched:
        patched.setattr(store, "read_range", fail)
        job = run(session)
    assert job.state == JobState.WAITING
    assert "OSError" in job.error
    assert run(session).state == JobState.DONE
    assert kept(session) == stream


def test_a_session_that_is_deleted_meanwhile_leaves_nothing(
    stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = make_recorded("sess_1", stream)
    prepare = jobs.prepare

    def delete_then(*args: object) -> object:
        store.delete_all(folder_of(session.id))
        Recording.objects.all().delete()
        return prepare(*args)

    monkeypatch.setattr(jobs, "prepare", delete_then)
    run(session)
    assert names(session) == []


def test_the_user_is_heard_again_at_any_time(sound: NDArray[np.float32], stream: bytes) -> None:
    _, recording = make_recorded("sess_1", stream)
    with processing.hearing(processing.parts_of(recording)) as hear:
        samples = hear(500, 1500)
        assert samples.shape == (16_000,)
        expected = sound[500 * 24 : 1500 * 24, USER]
        assert np.sqrt((samples**2).mean()) == pytest.approx(np.sqrt((expected**2).mean()), rel=0.1)
        assert not hear(10**7, 10**7 + 100).size
