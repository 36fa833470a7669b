"""What becomes of a recording once its session is over."""

import uuid

import structlog
from soundfile import SoundFileError

from apps.files import store
from apps.jobs.kinds import JobFailed, JobNotYet, job_kind
from apps.jobs.running import Running, Stopped
from apps.jobs.services import job_add
from apps.privacy.redacting import bleeps_of
from apps.recordings.bleeping import Bleep
from apps.recordings.models import Recording, RecordingState
from apps.recordings.names import folder_of, part_name
from apps.recordings.processing import hearing, keep, parts_of, prepare
from apps.transcripts.retranscribe import retranscribe
from apps.webhooks.services import session_event_publish

MAKE, TIDY = "session.recording", "recording.tidy"

_PARTS_COME_IN = 3  # seconds until it is looked again
_HEARD_AGAIN_AT_MOST = 3  # attempts; then it is done without
_NOTHING = "Nothing of its sound reached the storage before the server that recorded it was lost."
_NO_SOUND = "What reached the storage is no sound: the beginning is lost."

log = structlog.get_logger(__name__)


@job_kind(MAKE, label="Recording", lane="long")
def make(running: Running) -> None:
    """Makes of the parts a file to be played, and its waveform; its key is the id of the session's row."""
    recording = Recording.objects.select_related("session").filter(session_id=uuid.UUID(running.key)).first()
    if recording is None or recording.state in (RecordingState.READY, RecordingState.DELETED):
        return
    if recording.state == RecordingState.RECORDING:
        raise JobNotYet(_PARTS_COME_IN, "Its last seconds are on their way to the storage.")
    try:
        _make(running, recording)
    except JobFailed:
        Recording.objects.filter(id=recording.id).update(state=RecordingState.FAILED)
        raise


def _make(running: Running, recording: Recording) -> None:
    parts = parts_of(recording)
    if not parts:
        raise JobFailed(_NOTHING)
    try:
        _hear_again(running, recording, parts)
        bleeps = _bleeps(recording)
        prepared = prepare(parts, bleeps, lambda done, of: running.progress(done, of, "Reading the sound"))
    except SoundFileError:
        raise JobFailed(_NO_SOUND) from None
    running.check()
    with running.finish():
        # The files are written while the row is held: who deletes it waits, and then finds them.
        if not Recording.objects.select_for_update().filter(
            id=recording.id, state__in=[RecordingState.PROCESSING, RecordingState.FAILED]
        ):
            raise Stopped
        size = keep(recording, prepared)
        Recording.objects.filter(id=recording.id).update(
            state=RecordingState.READY, size_bytes=size, duration_ms=prepared.duration_ms
        )
        session_event_publish(
            type="recording.ready",
            session_row_id=recording.session_id,
            data={"duration_ms": prepared.duration_ms, "size_bytes": size},
        )
        job_add(kind=TIDY, key=running.key, session_id=running.session_id, again=True)


def _hear_again(running: Running, recording: Recording, parts: list[store.Kept]) -> None:
    """With a better model, if the agent has one. Its vendor's trouble keeps nobody from listening."""
    with hearing(parts) as hear:
        try:
            retranscribe(recording.session, hear)
        except SoundFileError:
            raise
        except Exception as error:
            if running.attempt < _HEARD_AGAIN_AT_MOST:
                raise
            log.warning("not_heard_again", job_id=str(running.job_id), error=type(error).__name__)


def _bleeps(recording: Recording) -> list[Bleep]:
    found = bleeps_of(recording.session)
    return [Bleep(bleep.channel, bleep.start_ms, bleep.end_ms) for bleep in found]


@job_kind(TIDY, label="Tidying of a recording")
def tidy(running: Running) -> None:
    """Removes the parts of one that is ready, and everything of one that was deleted."""
    session_id = uuid.UUID(running.key)
    recording = Recording.objects.filter(session_id=session_id).first()
    if recording is None or recording.state == RecordingState.DELETED:
        store.delete_all(folder_of(session_id))
    elif recording.state == RecordingState.READY:
        for number in range(1, recording.parts + 1):
            store.delete(part_name(session_id, number))
            running.check()
