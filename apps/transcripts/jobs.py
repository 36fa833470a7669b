"""What is done when a session is over."""

import uuid
from datetime import timedelta

from django.utils import timezone

from apps.conversations.models import RealtimeSession
from apps.jobs.kinds import JobNotYet, job_kind
from apps.jobs.running import Running
from apps.jobs.services import job_add
from apps.privacy.redacting import keep_bleeps, redact_session
from apps.privacy.redacting_log import redact_log
from apps.recordings.models import Recording, RecordingState
from apps.recordings.selectors import recording_of
from apps.transcripts.entries import document_of, entries_from
from apps.transcripts.insights import insights_keep, insights_make, is_heard_again
from apps.transcripts.selectors import (
    INSIGHTS,
    RECORDING,
    TRANSCRIPT,
    has_log,
    transcript_find,
    transcript_read,
)
from apps.transcripts.services import spec_of, transcript_keep

_WAITS_FOR_RECORDING = timedelta(minutes=1)  # which knows exactly when what was heard
_LOOKS_AGAIN = 2.0  # seconds
_LOOKS_FOR_BETTER = 10.0


@job_kind(TRANSCRIPT, label="Transcript")
def transcript(running: Running) -> None:
    """Keeps what was said in the session whose row's id is the key, and has what follows from it made."""
    session = _session(running)
    if session is None:
        return
    recording = recording_of(session.id)
    if _is_being_recorded(session, recording):
        raise JobNotYet(_LOOKS_AGAIN, "Waits for the end of the recording")
    read = transcript_read(session) if has_log(session) else None
    said = document_of(read.entries) if read is not None else []
    clean, bleeps = redact_session(session, said)
    with running.finish():
        if read is not None:
            redact_log(session, said)
            keep_bleeps(session, bleeps)
            kept = transcript_keep(session=session, entries=entries_from(clean), turns=read.turns)
            if kept.words and spec_of(session).after_call.summary:
                _then(session, INSIGHTS, again=True)
        if recording is not None and recording.state != RecordingState.DELETED:
            _then(session, RECORDING, again=False)


@job_kind(INSIGHTS, label="Summary", lane="vendors")
def insights(running: Running) -> None:
    """Of the session whose row's id is the key, from its transcript."""
    session = _session(running)
    transcript = transcript_find(session) if session is not None else None
    if session is None or transcript is None:
        return
    if is_heard_again(session, transcript):
        raise JobNotYet(_LOOKS_FOR_BETTER, "Waits for the better transcript")
    found = insights_make(session, transcript, name=f"after_{uuid.uuid4().hex}")
    with running.finish():
        insights_keep(session=session, found=found)


def _session(running: Running) -> RealtimeSession | None:
    sessions = RealtimeSession.objects.select_related("agent_version")
    return sessions.filter(id=uuid.UUID(running.key)).first()


def _is_being_recorded(session: RealtimeSession, recording: Recording | None) -> bool:
    if recording is None or recording.state != RecordingState.RECORDING or session.ended_at is None:
        return False
    return timezone.now() < session.ended_at + _WAITS_FOR_RECORDING


def _then(session: RealtimeSession, kind: str, *, again: bool) -> None:
    job_add(kind=kind, key=str(session.id), session_id=session.session_id, again=again)
