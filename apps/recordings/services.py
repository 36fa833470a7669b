import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import ValidationError

from apps.audit import services as audit
from apps.core.tenancy import atomic
from apps.files import store
from apps.jobs.services import job_add
from apps.recordings.models import Recording, RecordingState
from apps.recordings.selectors import kept_parts, recordings_without_end

log = structlog.get_logger(__name__)


@atomic()
def recording_grow(
    *, session_id: uuid.UUID, parts: int, size_bytes: int, duration_ms: int, timeline: Mapping[str, Any]
) -> bool:
    """So many parts are in the storage now; it is known how long they are. False if it is recorded no more."""
    live = Recording.objects.filter(
        session_id=session_id, state__in=[RecordingState.RECORDING, RecordingState.PROCESSING]
    )
    return bool(
        live.update(
            parts=parts,
            size_bytes=size_bytes,
            duration_ms=duration_ms,
            timeline=timeline,
        )
    )


@atomic()
def recording_end(*, session_id: uuid.UUID) -> bool:
    """All its parts are in the storage. False if it was not being recorded."""
    made = Recording.objects.filter(session_id=session_id, state=RecordingState.RECORDING)
    return bool(made.update(state=RecordingState.PROCESSING))


@atomic()
def recording_delete(*, recording: Recording) -> None:
    """Its sound, for good, also while it is recorded; that there was some stays. Its files go once this is
    committed, by a job. Raises ValidationError if it is deleted already."""
    session = recording.session
    if (
        not Recording.objects.filter(id=recording.id)
        .exclude(state=RecordingState.DELETED)
        .update(state=RecordingState.DELETED, size_bytes=0, timeline={})
    ):
        raise ValidationError("The recording is deleted already.")
    audit.record(
        action="recording.deleted",
        target=recording,
        label=session.session_id,
        before={"state": recording.state, "duration_ms": recording.duration_ms},
    )
    job_add(kind="recording.tidy", key=str(session.id), session_id=session.session_id, again=True)
    recording.refresh_from_db()


def recordings_give_up() -> int:
    """Has those recordings of the current tenant processed whose last parts never came, with what is there. Returns
    how many those were."""
    left = list(recordings_without_end())
    for recording in left:
        names = kept_parts(recording.session_id)
        with atomic():
            Recording.objects.filter(id=recording.id).update(
                parts=max((int(name[-5:]) for name in names), default=0),
                size_bytes=sum(store.find(name).size for name in names),
            )
            recording_end(session_id=recording.session_id)
        log.warning("recording_without_its_end", recording=str(recording.id), parts=len(names))
    return len(left)
