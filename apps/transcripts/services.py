"""A session's transcript, times and search text, which are kept together."""

from collections.abc import Iterator, Sequence

from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.agents.spec import AgentSpec, read_spec
from apps.audit import services as audit
from apps.conversations.latencies import Turn
from apps.conversations.models import RealtimeSession, SessionText
from apps.core.tenancy import atomic
from apps.jobs.models import JobState
from apps.jobs.services import job_add, job_retry
from apps.privacy.redacting import kinds_of
from apps.transcripts import reading
from apps.transcripts.entries import Entry, document_of
from apps.transcripts.models import FORMAT, Source, Transcript, TurnTime
from apps.transcripts.selectors import AFTER_CALL, INSIGHTS, job_of
from apps.webhooks.outbox import sessions_url
from apps.webhooks.services import session_event_publish

_SEARCHED = ("user", "assistant", "system")
_ROWS_AT_ONCE = 500


def spec_of(session: RealtimeSession) -> AgentSpec:
    """Of the agent's version that the session ran on; the defaults for one without an agent."""
    version = session.agent_version
    return read_spec(version.spec) if version is not None else AgentSpec()


@atomic()
def transcript_keep(
    *, session: RealtimeSession, entries: Sequence[Entry], turns: Sequence[Turn]
) -> Transcript:
    """In place of what was kept before, with the times of the turns and the text that is searched, and told to the
    tenant's endpoints."""
    transcript = _keep_entries(session, entries, Source.LOG)
    TurnTime.objects.filter(session=session).delete()
    TurnTime.objects.bulk_create(_turn_times(session, entries, turns), batch_size=_ROWS_AT_ONCE)
    told = {"transcript_url": f"{sessions_url()}{session.session_id}/transcript", "words": transcript.words}
    session_event_publish(type="transcript.ready", session_row_id=session.id, data=told)
    return transcript


@atomic()
def transcript_improve(*, session: RealtimeSession, entries: Sequence[Entry]) -> Transcript:
    """What was heard when the session was heard once more, in place of what it had."""
    return _keep_entries(session, entries, Source.RETRANSCRIBED)


@atomic()
def after_call_again(*, session: RealtimeSession, kind: str) -> None:
    """Has it made once more: what failed, or a summary that was made. Raises ValidationError."""
    job = job_of(session, kind) if kind in AFTER_CALL else None
    if job is None:
        raise ValidationError("There is nothing of the kind to run again.")
    audit.record(action="session.processed_again", target=session, after={"kind": kind})
    if kind == INSIGHTS and job.state == JobState.DONE:
        job_add(kind=kind, key=job.key, session_id=job.session_id, again=True)
    else:
        job_retry(job=job)


def _keep_entries(session: RealtimeSession, entries: Sequence[Entry], source: Source) -> Transcript:
    fields = {
        "entries": document_of(entries),
        "languages": reading.languages_of(entries),
        "words": reading.words_of(entries),
        "is_redacted": bool(kinds_of(session)),
        "source": source,
        "format": FORMAT,
        "made_at": timezone.now(),
    }
    transcript, _ = Transcript.objects.update_or_create(session=session, defaults=fields)
    if text := "\n".join(entry.text for entry in entries if entry.kind in _SEARCHED and entry.text):
        SessionText.objects.update_or_create(session=session, defaults={"text": text})
    else:
        SessionText.objects.filter(session=session).delete()
    return transcript


def _turn_times(
    session: RealtimeSession, entries: Sequence[Entry], turns: Sequence[Turn]
) -> Iterator[TurnTime]:
    languages = {entry.item_id: entry.language for entry in entries if entry.kind == "user"}
    for turn in turns:
        took = {stage.name: stage.ms for stage in turn.stages}
        yield TurnTime(
            session=session,
            number=turn.number,
            at=turn.stopped,
            item_id=turn.item_id,
            transcript_ms=_ms(took.get("transcript")),
            first_token_ms=_ms(took.get("first token")),
            first_audio_ms=_ms(took.get("first audio")),
            total_ms=_ms(turn.total),
            interrupted=turn.interrupted,
            agent_version_id=session.agent_version_id,
            model=session.model,
            language=languages.get(turn.item_id, ""),
        )


def _ms(value: int | None) -> int | None:
    """An answer that was begun early may be ahead of the end of speech."""
    return None if value is None else max(value, 0)
