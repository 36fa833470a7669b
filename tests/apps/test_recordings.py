"""Recordings: both voices in step, whatever dies or fails in between."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from django.conf import settings
from django.utils import timezone
from structlog.testing import capture_logs

from antiphon.protocol.client_events import InputAudioAppend
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.files import store
from apps.recordings import recorder as recorder_module
from apps.recordings import sending
from apps.recordings.models import Recording, RecordingState
from apps.recordings.recorder import AudioRecorder
from apps.recordings.selectors import kept_parts, recordings_without_end, stream_of
from apps.recordings.sending import send_left_behind
from apps.recordings.services import recordings_give_up
from apps.recordings.spool import Writer, left_behind
from apps.recordings.tasks import send_recordings_left_behind
from tests.apps.taping import (
    RATE,
    Taped,
    add_row,
    assistant_says,
    converse,
    decoded,
    interrupted,
    place_of,
    speech,
    taped,
    user_says,
    write_all,
)
from tests.cast import Person

pytestmark = pytest.mark.django_db(databases=["default", "across"])


@pytest.fixture(autouse=True)
def own_log(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (recorder_module, sending):
        monkeypatch.setattr(module, "log", structlog.get_logger())


@pytest.fixture
def tape(alice: Person) -> Taped:
    return taped(alice)


@pytest.fixture
def recorder(tmp_path: Path) -> AudioRecorder:
    """That works only when it is told to."""
    return AudioRecorder(tmp_path)


def sound_of(tape: Taped) -> Any:
    with tenant_context(tape.owner.tenant.id):
        return decoded(stream_of(tape.recording))


def dies(recorder: AudioRecorder) -> None:
    """As a process does: its locks are gone, and nothing else happens."""
    for stream in recorder._streams:
        stream.writer.close()
        stream.folder.close()


def test_it_works_both_voices_are_heard_in_step(recorder: AudioRecorder, tape: Taped) -> None:
    asked, told = speech("0870"), speech("0930")
    converse(recorder, tape, [*user_says(asked, 1_000), *assistant_says(told, 9_000)], lasts=20_000)
    write_all(recorder)
    recorder.send()
    recording = tape.recording
    assert recording.state == RecordingState.PROCESSING
    assert (recording.duration_ms, recording.sample_rate) == (20_000, RATE)
    with tenant_context(tape.owner.tenant.id):
        names = kept_parts(tape.opened.id)
        assert len(names) == recording.parts > 0
        assert recording.size_bytes == sum(store.find(name).size for name in names) > 10_000
    sound = sound_of(tape)
    assert len(sound) == 20 * RATE
    assert place_of(asked, sound[:, 0]) == pytest.approx(1_000, abs=20)
    assert place_of(told, sound[:, 1]) == pytest.approx(9_000, abs=20)
    assert recording.timeline["user"] == [[0, 1_000]]
    assert recording.timeline["items"] == {"item_1": [[0, 9_000, round(len(told) / 24)]]}
    assert not list(recorder._spool.glob("*/*"))


def test_talking_over_an_answer_is_heard_as_it_was(recorder: AudioRecorder, tape: Taped) -> None:
    told, says = speech("0930"), speech("0880")
    happens = [*assistant_says(told, 1_000), *user_says(says, 2_200), *interrupted(2_600, 1_600)]
    converse(recorder, tape, happens, lasts=12_000)
    write_all(recorder)
    recorder.send()
    sound = sound_of(tape)
    assert place_of(told[: 16 * RATE // 10], sound[:, 1]) == pytest.approx(1_000, abs=20)
    assert place_of(says, sound[:, 0]) == pytest.approx(2_200, abs=20)
    assert np.abs(sound[round(2.65 * RATE) :, 1]).max() < 300, "nothing is heard behind the cut"
    assert tape.recording.timeline["items"] == {"item_1": [[0, 1_000, 1_600]]}


def test_a_long_silence_takes_next_to_no_room(recorder: AudioRecorder, tape: Taped) -> None:
    converse(recorder, tape, user_says(speech("0870"), 30_000), lasts=40_000)
    write_all(recorder)
    recorder.send()
    assert tape.recording.duration_ms == 40_000
    assert tape.recording.size_bytes < 80_000
    assert place_of(speech("0870"), sound_of(tape)[:, 0]) == pytest.approx(30_000, abs=20)


def test_parts_come_while_the_session_runs(recorder: AudioRecorder, tape: Taped, now: "Now") -> None:
    happens = [*user_says(speech("0870"), 0), *user_says(speech("0880"), 20_000)]
    converse(recorder, tape, happens, lasts=0, rounds=4)
    now.seconds += 6
    recorder.write()
    recorder.send()
    recording = tape.recording
    assert recording.state == RecordingState.RECORDING
    assert recording.parts == 1
    assert recording.duration_ms == 20_000
    assert place_of(speech("0870"), sound_of(tape)[:, 0]) == pytest.approx(0, abs=20)


def test_what_a_process_leaves_that_died_is_sent_by_another(
    recorder: AudioRecorder, tape: Taped, now: "Now", tmp_path: Path
) -> None:
    """It is there to within the last seconds: a page of the stream is one, and what may change is two."""
    happens = [*user_says(speech("0870"), 0), *user_says(speech("0880"), 20_000)]
    converse(recorder, tape, happens, lasts=0, rounds=4)
    now.seconds += 6
    recorder.write()
    recorder.send()
    recorder.write()
    assert send_left_behind(tmp_path) == 0, "its process lives"
    dies(recorder)
    assert send_left_behind(tmp_path) == 1
    recording = tape.recording
    assert (recording.state, recording.parts) == (RecordingState.PROCESSING, 2)
    with tenant_context(tape.owner.tenant.id):
        assert recording.size_bytes == sum(store.find(n).size for n in kept_parts(tape.opened.id))
    sound = sound_of(tape)
    assert 28 * RATE < len(sound) <= 30 * RATE, "five rounds of five seconds, less than a page and a bit"
    assert place_of(speech("0880")[: 6 * RATE], sound[:, 0]) == pytest.approx(20_000, abs=20)
    assert recording.timeline["user"][0] == [0, 0]
    assert not list(tmp_path.glob("*/*"))


def test_where_files_are_sealed_what_waits_on_the_disk_is_too(
    recorder: AudioRecorder, tape: Taped, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings, "FILES_ENCRYPTION", True)
    converse(recorder, tape, user_says(speech("0870"), 0), lasts=0, rounds=4)
    dies(recorder)
    (part,) = tmp_path.glob("*/*/part-*")
    assert b"Ogg" not in part.read_bytes()
    with part.open("ab") as file:
        file.write(b"\0\0\1\0 the start of a piece")  # that was being written
    assert send_left_behind(tmp_path) == 1
    assert tape.recording.size_bytes == sum(map(len, _stream(tape)))
    assert place_of(speech("0870"), sound_of(tape)[:, 0]) == pytest.approx(0, abs=20)


def _stream(tape: Taped) -> list[bytes]:
    with tenant_context(tape.owner.tenant.id):
        return list(stream_of(tape.recording))


def test_the_worker_does_that_too(
    recorder: AudioRecorder, tape: Taped, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings, "RECORDINGS_SPOOL", tmp_path)
    converse(recorder, tape, user_says(speech("0870"), 0), lasts=5_000)
    write_all(recorder)
    dies(recorder)
    send_recordings_left_behind()
    assert tape.recording.state == RecordingState.PROCESSING


def test_while_the_storage_is_away_parts_stay_on_the_disk(
    recorder: AudioRecorder, tape: Taped, monkeypatch: pytest.MonkeyPatch
) -> None:
    converse(recorder, tape, user_says(speech("0870"), 0), lasts=8_000)
    write_all(recorder)
    put = store.put

    def away(*given: Any) -> int:
        raise ConnectionError("no route to the bucket")

    monkeypatch.setattr(store, "put", away)
    with capture_logs() as logs:
        recorder.send()
        recorder.send()
    assert [line["event"] for line in logs] == ["recordings_wait_for_the_storage"]
    assert recorder._pause() > recorder._send_seconds or recorder._failures == 2
    assert tape.recording.state == RecordingState.RECORDING
    monkeypatch.setattr(store, "put", put)
    recorder.send()
    assert tape.recording.state == RecordingState.PROCESSING
    assert place_of(speech("0870"), sound_of(tape)[:, 0]) == pytest.approx(0, abs=20)


def test_while_the_disk_takes_nothing_audio_waits_and_nothing_is_lost(
    recorder: AudioRecorder, tape: Taped, monkeypatch: pytest.MonkeyPatch
) -> None:
    converse(recorder, tape, user_says(speech("0870"), 0), lasts=8_000)
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(Writer, "write", _full)
        for _ in range(5):
            recorder.write()
    assert [line["event"] for line in logs] == ["recordings_not_written"]
    write_all(recorder)
    recorder.send()
    assert place_of(speech("0870"), sound_of(tape)[:, 0]) == pytest.approx(0, abs=20)


def test_what_there_is_no_memory_for_is_silence_and_told(tape: Taped, tmp_path: Path) -> None:
    recorder = AudioRecorder(tmp_path, most_bytes=5 * RATE * 2)
    said = speech("0870")[: 4 * RATE]
    happens = [*user_says(said, 0), *user_says(speech("0880"), 4_000)]
    with capture_logs() as logs:
        converse(recorder, tape, happens, lasts=20_000)
        write_all(recorder)
    recorder.send()
    assert [line["event"] for line in logs] == ["recording_has_a_gap"]
    sound = sound_of(tape)
    assert place_of(said, sound[:, 0]) == pytest.approx(0, abs=20)
    assert np.abs(sound[round(5.1 * RATE) :, 0]).max() < 100


def test_a_session_that_never_ran_has_an_empty_recording(recorder: AudioRecorder, tape: Taped) -> None:
    converse(recorder, tape, (), lasts=0)
    write_all(recorder)
    recorder.send()
    assert tape.recording.state == RecordingState.PROCESSING
    assert tape.recording.duration_ms == 0


def test_parts_wait_for_the_row_of_their_session(recorder: AudioRecorder, alice: Person) -> None:
    late = taped(alice, has_row=False)
    converse(recorder, late, user_says(speech("0870"), 0), lasts=8_000)
    write_all(recorder)
    recorder.send()
    with tenant_context(alice.tenant.id):
        assert kept_parts(late.opened.id) == []
    add_row(late)
    recorder.send()
    assert late.recording.state == RecordingState.PROCESSING


def test_a_recording_with_nothing_written_yet_waits_for_the_row_too(
    recorder: AudioRecorder, alice: Person
) -> None:
    early = taped(alice, has_row=False)
    converse(recorder, early, user_says(speech("0870"), 0), lasts=8_000)
    recorder.send()
    write_all(recorder)
    add_row(early)
    recorder.send()
    assert early.recording.state == RecordingState.PROCESSING
    assert early.recording.parts > 0


def test_of_a_session_that_was_deleted_nothing_more_is_kept(
    recorder: AudioRecorder, tape: Taped, now: "Now"
) -> None:
    happens = [*user_says(speech("0870"), 0), *user_says(speech("0880"), 20_000)]
    converse(recorder, tape, happens, lasts=0, rounds=4)
    now.seconds += 6
    recorder.write()
    recorder.send()
    with tenant_context(tape.owner.tenant.id):
        RealtimeSession.objects.filter(id=tape.opened.id).delete()
        store.delete_all(store.name_of("recordings", tape.opened.id))
    recorder.write()
    recorder.send()
    with tenant_context(tape.owner.tenant.id):
        assert kept_parts(tape.opened.id) == []
    assert not list(recorder._spool.glob("*/*"))


def test_a_recording_that_was_deleted_gets_no_more_parts(recorder: AudioRecorder, tape: Taped) -> None:
    with tenant_context(tape.owner.tenant.id):
        Recording.objects.update(state=RecordingState.DELETED)
    converse(recorder, tape, user_says(speech("0870"), 0), lasts=8_000)
    write_all(recorder)
    recorder.send()
    with tenant_context(tape.owner.tenant.id):
        assert kept_parts(tape.opened.id) == []
    assert tape.recording.state == RecordingState.DELETED


def test_a_recording_that_is_deleted_while_it_is_made_costs_nothing_more(
    recorder: AudioRecorder, tape: Taped
) -> None:
    observe = converse(recorder, tape, user_says(speech("0870"), 0), lasts=0, rounds=2)
    with tenant_context(tape.owner.tenant.id):
        Recording.objects.update(state=RecordingState.DELETED)
    with capture_logs() as logs:
        recorder.send()
        recorder.send()
        recorder.write()
        observe(InputAudioAppend(audio=bytes(100 * 1024 * 1024)), 0.0)
    assert [line["event"] for line in logs] == ["recording_dropped"]
    assert recorder._streams == []
    assert not recorder._waiting.is_full()
    assert not list(recorder._spool.glob("*/*"))


def test_a_recording_whose_end_never_comes_is_processed_with_what_there_is(
    recorder: AudioRecorder, tape: Taped, now: "Now", tmp_path: Path
) -> None:
    happens = [*user_says(speech("0870"), 0), *user_says(speech("0880"), 20_000)]
    converse(recorder, tape, happens, lasts=0, rounds=4)
    now.seconds += 6
    recorder.write()
    recorder.send()
    dies(recorder)
    shutil.rmtree(tmp_path)  # with its machine
    with tenant_context(tape.owner.tenant.id):
        sessions = RealtimeSession.objects.filter(id=tape.opened.id)
        sessions.update(ended_at=timezone.now() - timedelta(minutes=14))
        assert not recordings_without_end()
        sessions.update(ended_at=timezone.now() - timedelta(minutes=16))
        assert recordings_give_up() == 1
        assert recordings_give_up() == 0
    recording = tape.recording
    assert (recording.state, recording.parts) == (RecordingState.PROCESSING, 1)
    assert recording.size_bytes > 0


def test_a_folder_that_is_taken_over_is_nobody_elses(
    recorder: AudioRecorder, tape: Taped, tmp_path: Path
) -> None:
    converse(recorder, tape, (), lasts=0)
    dies(recorder)
    with left_behind(tmp_path) as mine:
        assert len(mine) == 1
        with left_behind(tmp_path) as theirs:
            assert theirs == []


def test_a_recording_that_can_t_begin_does_not_hold_its_session_up(tape: Taped, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("no folder")
    with capture_logs() as logs:
        recorder = AudioRecorder(tmp_path / "spool")
        converse(recorder, tape, user_says(speech("0870"), 0), lasts=8_000)
    assert [line["event"] for line in logs] == ["recording_not_begun"]
    recorder.write()
    assert not recorder.has_more


def test_one_recording_that_breaks_leaves_the_others_alone(
    recorder: AudioRecorder, alice: Person, tape: Taped
) -> None:
    other = taped(alice)
    broken = [(0.0, InputAudioAppend(audio="no bytes"))]  # type: ignore[arg-type]
    with capture_logs() as logs:
        converse(recorder, other, broken, lasts=8_000)
        converse(recorder, tape, user_says(speech("0870"), 0), lasts=8_000)
        write_all(recorder)
    recorder.send()
    assert [line["event"] for line in logs] == ["recording_broke"]
    assert place_of(speech("0870"), sound_of(tape)[:, 0]) == pytest.approx(0, abs=20)
    assert other.recording.state == RecordingState.PROCESSING


class Now:
    """The recorder's clock, as it is but for what is added."""

    def __init__(self) -> None:
        self.seconds = 0.0


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    added = Now()
    real = recorder_module.time.monotonic

    class Clock:
        time = staticmethod(recorder_module.time.time)

        @staticmethod
        def monotonic() -> float:
            return real() + added.seconds

    monkeypatch.setattr(recorder_module, "time", Clock)
    return added


def _full(*given: Any) -> None:
    raise OSError(28, "No space left on device")
