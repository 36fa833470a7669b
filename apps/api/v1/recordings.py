from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.problems import not_found
from apps.api.v1.sessions import find_session
from apps.keys.models import Scope
from apps.recordings.listening import peaks_link, recording_open
from apps.recordings.models import Recording, RecordingState
from apps.recordings.selectors import recording_of
from apps.recordings.services import recording_delete
from apps.tenants.endpoints import platform_url

area = Area("Recordings")


class RecordingOut(Schema):
    """The sound of a session, as Opus in Ogg: the user left, the agent right. The session and it begin together."""

    state: RecordingState
    started_at: datetime
    duration_ms: int
    size_bytes: int
    sample_rate: int = Field(examples=[24_000])
    url: str | None = Field(
        description="Where it can be had until `expires_at`, in parts (`Range`), too. Null unless it is ready."
    )
    peaks_url: str | None = Field(
        description="JSON to draw a waveform of: `channels`, each a list of loudness in 0..1, `per_second` of them."
    )
    expires_at: datetime | None


@area.operation(
    "GET",
    "/sessions/{session_id}/recording",
    "recordings_get",
    scope=Scope.RECORDINGS_READ,
    response=RecordingOut,
)
def get(request: ApiRequest, session_id: str) -> dict[str, Any]:
    """Show a session's recording, with an address to hear it at.

    The address works for a quarter of an hour, for whoever has it. The audit log notes that it was given."""
    recording = _recording(session_id)
    names = ("state", "started_at", "duration_ms", "size_bytes", "sample_rate")
    facts: dict[str, Any] = {name: getattr(recording, name) for name in names}
    if not recording.is_ready:
        return facts | {"url": None, "peaks_url": None, "expires_at": None}
    site = platform_url(request.build_absolute_uri("/")).rstrip("/")
    link = recording_open(recording=recording)
    return facts | {
        "url": site + link.path,
        "peaks_url": site + peaks_link(recording),
        "expires_at": link.expires_at,
    }


@area.operation(
    "DELETE",
    "/sessions/{session_id}/recording",
    "recordings_delete",
    scope=Scope.SESSIONS_DELETE,
    response=None,
    status=204,
)
def delete(request: ApiRequest, session_id: str) -> None:
    """Delete the sound of a session for good. What was said stays written."""
    recording_delete(recording=_recording(session_id))


def _recording(session_id: str) -> Recording:
    recording = recording_of(find_session(session_id).id)
    if recording is None:
        raise not_found("recording")
    return recording
