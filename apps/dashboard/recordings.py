"""Hearing the recording of a session."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.conversations.models import RealtimeSession
from apps.conversations.selectors import session_find
from apps.recordings.listening import peaks_link, recording_open
from apps.recordings.models import Recording, RecordingState
from apps.recordings.selectors import recording_of
from apps.recordings.services import recording_delete
from apps.tenants.access import tenant_page
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership

_ON_THE_WAY = (RecordingState.RECORDING, RecordingState.PROCESSING)


@dataclass(frozen=True, slots=True)
class Player:
    """What a page shows of a recording. `peaks` is where its waveform is, for those who may hear it."""

    recording: Recording
    is_coming: bool
    peaks: str = ""


def player_of(session: RealtimeSession, membership: PersonalMembership) -> Player | None:
    """None if it was not recorded."""
    recording = recording_of(session.id)
    if recording is None:
        return None
    may_hear = recording.is_ready and membership.allows(May.LISTEN_IN)
    is_coming = recording.state in _ON_THE_WAY and not session.is_open
    return Player(recording, is_coming, peaks_link(recording) if may_hear else "")


@require_safe
@tenant_page()
def state(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    """What the page asks for while a recording is prepared; it comes anew once that is over."""
    player = player_of(_recording(session_id).session, membership)
    if player is None or not player.is_coming:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(
        request, "dashboard/sessions/player.html", {"session": player.recording.session, "player": player}
    )


@require_POST
@tenant_page(May.LISTEN_IN)
def play(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    """Where its sound is, for a while: JSON for the player."""
    try:
        link = recording_open(recording=_recording(session_id))
    except ValidationError as error:
        return JsonResponse({"error": " ".join(error.messages)}, status=409)
    return JsonResponse({"url": link.path, "expires_at": link.expires_at})


@require_safe
@tenant_page(May.LISTEN_IN)
def download(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    try:
        return redirect(recording_open(recording=_recording(session_id), to_keep=True).path)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("session-transcript", membership.tenant_slug, session_id)


@require_POST
@tenant_page(May.DELETE_SESSIONS)
def delete(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    try:
        recording_delete(recording=_recording(session_id))
        messages.success(request, "The recording is deleted. What was said is still written here.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("session-transcript", membership.tenant_slug, session_id)


def _recording(session_id: str) -> Recording:
    session = session_find(session_id)
    recording = recording_of(session.id) if session is not None else None
    if recording is None:
        raise Http404("No such recording.")
    return recording
