import uuid
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from apps.files import store
from apps.recordings.models import Recording, RecordingState
from apps.recordings.names import folder_of, part_name

GIVEN_UP_AFTER = timedelta(minutes=15)
"""After the end of its session, for parts that a crashed process has left on a disk."""


def recording_of(session_id: uuid.UUID) -> Recording | None:
    """By the id of the session's row; None if it was not recorded."""
    return Recording.objects.filter(session_id=session_id).first()


def kept_parts(session_id: uuid.UUID) -> list[str]:
    """The names of the parts that are in the storage, in their order."""
    before = f"{folder_of(session_id)}/part-"
    return sorted(name for name in store.names(folder_of(session_id)) if name.startswith(before))


def stream_of(recording: Recording) -> Iterator[bytes]:
    """The Ogg stream that its parts are. One that is missing is left out. Raises Unsealable."""
    for number in range(1, recording.parts + 1):
        try:
            yield from store.read(part_name(recording.session_id, number))
        except store.NoSuchFile:
            continue


def recordings_without_end() -> QuerySet[Recording]:
    """Whose sessions ended GIVEN_UP_AFTER ago, and whose last parts never came."""
    before = timezone.now() - GIVEN_UP_AFTER
    return Recording.objects.filter(state=RecordingState.RECORDING, session__ended_at__lt=before)


def tenants_with_lost_ends() -> list[uuid.UUID]:
    return list(recordings_without_end().order_by().values_list("tenant_id", flat=True).distinct())
