from collections.abc import Sequence
from dataclasses import dataclass

from apps.conversations import latencies
from apps.conversations.models import RealtimeSession, SessionEvent
from apps.conversations.selectors import session_events
from apps.jobs.models import Job
from apps.jobs.selectors import jobs_of_session
from apps.recordings.selectors import recording_of
from apps.transcripts import reading
from apps.transcripts.entries import Entry, entries_from
from apps.transcripts.models import Insights, Transcript

TRANSCRIPT, INSIGHTS, RECORDING = "session.transcript", "session.insights", "session.recording"
AFTER_CALL = (TRANSCRIPT, RECORDING, INSIGHTS)
"""The kinds of jobs after each session."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a session's log tells of what was said."""

    entries: list[Entry]
    turns: Sequence[latencies.Turn]


def has_log(session: RealtimeSession) -> bool:
    """Whether more is kept of it than what it used."""
    return SessionEvent.objects.filter(session=session).exclude(type="usage").order_by().exists()


def transcript_read(session: RealtimeSession) -> Read:
    """From the log as far as it is written."""
    recording = recording_of(session.id)
    entries = reading.transcript_of(
        session_events(session, types=reading.TYPES),
        began=session.started_at,
        timeline=recording.timeline if recording is not None else None,
    )
    turns = latencies.turns_of(session_events(session, types=latencies.TYPES))
    return Read(entries, turns)


def transcript_find(session: RealtimeSession) -> Transcript | None:
    return Transcript.objects.filter(session=session).first()


def insights_find(session: RealtimeSession) -> Insights | None:
    return Insights.objects.filter(session=session).first()


def entries_of(session: RealtimeSession) -> list[Entry]:
    """What was said in it, from its transcript or, while that is not made, from its log."""
    kept = transcript_find(session)
    return entries_from(kept.entries) if kept is not None else transcript_read(session).entries


def jobs_after(session: RealtimeSession) -> Sequence[Job]:
    """What is made of it when it is over, in the order in which it is made."""
    found = {job.kind: job for job in jobs_of_session(session.session_id).filter(kind__in=AFTER_CALL)}
    return [found[kind] for kind in AFTER_CALL if kind in found]


def job_of(session: RealtimeSession, kind: str) -> Job | None:
    return jobs_of_session(session.session_id).filter(kind=kind).first()
