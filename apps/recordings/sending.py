"""From the disk of this machine to the storage: the parts of recordings, while and after they are made."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings

from apps.core.tenancy import tenant_context
from apps.files import store
from apps.recordings.models import RecordingState
from apps.recordings.names import part_name
from apps.recordings.selectors import recording_of
from apps.recordings.services import recording_end, recording_grow
from apps.recordings.spool import Folder, left_behind

_UNKNOWN_SECONDS = 3600.0
"""So long the parts of a session wait for its row, which comes late when the database is away."""

log = structlog.get_logger(__name__)


def send_left_behind(spool: Path) -> int:
    """What processes that are gone have left on this machine. Returns how many recordings were sent to their end;
    the rest is for the next time."""
    sent = 0
    with left_behind(spool) as folders:
        for folder in folders:
            try:
                sent += send(folder, is_written=True)
            except Exception as error:  # whatever a storage or a database has
                log.warning("recording_left_behind", session=folder.path.name, error=type(error).__name__)
    return sent


def send(folder: Folder, *, is_written: bool = False) -> bool:
    """The parts that are complete; all of them if it `is_written`: nobody adds anything to it. True once nothing is
    left to be sent: the folder is gone then. Raises whatever the storage and the database do; what was sent is gone
    from the folder, the rest waits."""
    session_id = folder.session_id
    with tenant_context(folder.tenant_id):
        recording = recording_of(session_id)
        if recording is None:
            complete = folder.told().parts  # before they are listed: one may be completed meanwhile
            parts = folder.parts(unfinished=True)
            was_there = parts[0][0] > 1 if parts else complete > 0
            if was_there or folder.age() > _UNKNOWN_SECONDS:
                return _dropped(folder, "its session was deleted")
            return False
        if recording.state not in (RecordingState.RECORDING, RecordingState.PROCESSING):
            return _dropped(folder, f"it is {recording.state}")
        told = folder.told()
        is_over = is_written or told.is_over
        for number, path in folder.parts(unfinished=is_over):
            content = _Counted(folder.read(path, settings.ENCRYPTION_KEYS))
            store.put(part_name(session_id, number), content)
            size = told.size_bytes
            if number > told.parts:  # it was being written when its process died
                size += content.size
            is_wanted = recording_grow(
                session_id=session_id,
                parts=number,
                size_bytes=size,
                duration_ms=told.duration_ms,
                timeline=told.timeline,
            )
            if not is_wanted:  # it was deleted meanwhile
                store.delete(part_name(session_id, number))
            path.unlink()
        if is_over:
            recording_end(session_id=session_id)
            folder.remove()
        return is_over


def _dropped(folder: Folder, why: str) -> bool:
    log.warning("recording_dropped", session=folder.path.name, why=why)
    folder.remove()
    return True


@dataclass(slots=True)
class _Counted:
    """Pieces, and how many bytes of them have passed."""

    pieces: Iterator[bytes]
    size: int = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.size += len(piece)
            yield piece
