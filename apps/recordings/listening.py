"""Who hears a recording gets an address that works for a quarter of an hour, and that is noted."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.audit import services as audit
from apps.core.tenancy import atomic
from apps.files.links import LIVES, link_to
from apps.recordings.models import Recording, RecordingState
from apps.recordings.names import file_name, peaks_name

CONTENT_TYPE = "audio/ogg"


@dataclass(frozen=True, slots=True)
class Link:
    """A path on this host."""

    path: str
    expires_at: datetime


@atomic()
def recording_open(*, recording: Recording, to_keep: bool = False) -> Link:
    """For the current actor, to play, or to download. Raises ValidationError if there is nothing to hear."""
    if recording.state != RecordingState.READY:
        raise ValidationError(
            f"There is nothing to hear. The recording's state: {recording.get_state_display()}."
        )
    session = recording.session
    audit.record(
        action="recording.opened", target=recording, label=session.session_id, after={"download": to_keep}
    )
    filename = f"{session.session_id}.ogg" if to_keep else ""
    path = link_to(file_name(session.id), content_type=CONTENT_TYPE, filename=filename)
    return Link(path, timezone.now() + LIVES)


def peaks_link(recording: Recording) -> str:
    """To the JSON of which a waveform is drawn: `apps.recordings.peaks`."""
    return link_to(peaks_name(recording.session_id), content_type="application/json")
