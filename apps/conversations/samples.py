"""Made-up sessions of a tenant, for trying pages out and for tests of their speed. Not one of them was held."""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from apps.agents.models import AgentVersion
from apps.conversations.models import EndReason, RealtimeSession, SessionEvent, SessionKind, SessionText
from apps.conversations.sample_events import agent_ms, sample_events, user_ms
from apps.conversations.sample_sound import lasts_ms, recording_of_sample, voices_of
from apps.conversations.sample_usage import sample_cost, sample_lines, sample_lines_create, sample_sums_create
from apps.conversations.sample_words import DIALOGUES, Dialogue
from apps.core.tenancy import atomic, require_tenant
from apps.files import store
from apps.jobs.models import Job, JobState
from apps.jobs.running import job_run
from apps.keys.models import ApiKey
from apps.recordings.models import Recording
from apps.recordings.names import folder_of

MARK = "sess_sample"
TRANSCRIPT = "session.transcript"
_AT_ONCE = 1000
_MODELS = {"local/dialogue": 5, "groq/openai/gpt-oss-120b": 3, "openai/gpt-4.1-mini": 2, "router/main": 1}
_REASONS = {
    EndReason.CLIENT_CLOSED: 80,
    EndReason.CONNECTION_LOST: 12,
    EndReason.HUNG_UP: 4,
    EndReason.EXPIRED: 2,
    EndReason.SERVER_STOPPED: 1,
    EndReason.CRASHED: 1,
}
_DAILY = [1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 18, 16, 14, 16, 18, 18, 16, 12, 8, 6, 4, 3, 2, 1]  # by hour


def sessions_exist() -> bool:
    """Whether the current tenant has sessions that are no samples."""
    return RealtimeSession.objects.exclude(session_id__startswith=MARK).exists()


def samples_create(
    *, sessions: int, days: int, with_events: int = 300, with_usage: int | None = None, seed: int = 1
) -> int:
    """Makes that many sessions of the current tenant over the last `days`; the newest `with_events` have a log, the
    newest `with_usage` (as many, if it is None) lines of usage.

    Those with a log get jobs, which make their transcripts as if they had been held. Returns how many were made.
    The same seed makes the same words and numbers.
    """
    chance = random.Random(seed)
    keys = list(ApiKey.objects.all()[:20])
    versions = list(AgentVersion.objects.all()[:20])
    moments = sorted((_moment(chance, days) for _ in range(sessions)), reverse=True)
    with_usage = with_events if with_usage is None else with_usage
    made = 0
    for first in range(0, sessions, _AT_ONCE):
        batch = [_sample(chance, at, keys, versions) for at in moments[first : first + _AT_ONCE]]
        with atomic():
            RealtimeSession.objects.bulk_create([session for session, _ in batch])
            SessionText.objects.bulk_create([_text(session, dialogue) for session, dialogue in batch])
            logged = batch[: max(0, with_events - made)]
            for session, dialogue in logged:
                SessionEvent.objects.bulk_create(sample_events(session, dialogue, chance))
            Job.objects.bulk_create(_transcript_job(session) for session, _ in logged)
            used = batch[: max(0, with_usage - made)]
            sample_lines_create([line for each in used for line in sample_lines(*each, chance)])
        made += len(batch)
    if with_usage:
        sample_sums_create()
    return made


def sample_with_sound(*, seed: int = 1) -> RealtimeSession:
    """One more, of some minutes ago, that can be listened to."""
    chance, tenant_id = random.Random(seed), require_tenant()
    assert isinstance(tenant_id, uuid.UUID)
    at, versions = timezone.now() - timedelta(minutes=10), list(AgentVersion.objects.all()[:1])
    session, dialogue = _sample(chance, at, [], versions, DIALOGUES[3])
    asked, answered = voices_of(tenant_id, dialogue)
    session.kind, session.interruptions, session.errors = SessionKind.REALTIME, 1, 0
    session.end_reason = EndReason.CLIENT_CLOSED
    events = sample_events(
        session,
        dialogue,
        chance,
        lambda words: lasts_ms(asked[words]),
        lambda words: lasts_ms(answered[words]),
    )
    session.alive_at = session.ended_at = events[-1].at + timedelta(seconds=1)
    session.user_audio_ms = sum(map(lasts_ms, asked.values()))
    session.assistant_audio_ms = sum(map(lasts_ms, answered.values()))
    recording = recording_of_sample(session, events, asked, answered)
    with atomic():
        session.save(force_insert=True)
        recording.save(force_insert=True)
        SessionEvent.objects.bulk_create(events)
        sample_lines_create(list(sample_lines(session, dialogue, chance)))
        _transcript_job(session).save()
    return session


def _sample(
    chance: random.Random,
    started_at: datetime,
    keys: list[ApiKey],
    versions: list[AgentVersion],
    said: Dialogue | None = None,
) -> tuple[RealtimeSession, Dialogue]:
    """With the whole of what is `said`, or a part of any dialogue."""
    dialogue = said or chance.choice(DIALOGUES)
    turns = len(dialogue) if said else chance.randint(1, len(dialogue))
    talk = [line for turn in dialogue[:turns] for line in turn]
    asked_ms, answered_ms = sum(map(user_ms, talk[::2])), sum(map(agent_ms, talk[1::2]))
    lasted = timedelta(milliseconds=asked_ms + answered_ms + turns * chance.randint(900, 4000))
    ended_at = min(started_at + lasted, timezone.now())
    number = uuid.UUID(int=chance.getrandbits(128))
    session = RealtimeSession(
        session_id=f"{MARK}_{number.hex[:16]}",
        call_id=f"rtc_sample_{number.hex[:14]}",
        api_key=chance.choice([None, *keys]),
        agent_version=chance.choice([None, *versions]),
        model=_weighted(chance, _MODELS),
        kind=SessionKind.REALTIME if chance.random() < 0.95 else SessionKind.TRANSCRIPTION,
        started_at=started_at,
        alive_at=ended_at,
        ended_at=ended_at,
        end_reason=_weighted(chance, _REASONS),
        close_code=1000,
        turns=turns,
        responses=turns,
        interruptions=sum(chance.random() < 0.12 for _ in range(turns)),
        errors=sum(chance.random() < 0.02 for _ in range(turns)),
        user_audio_ms=asked_ms,
        assistant_audio_ms=answered_ms,
        cost_micro=sample_cost(dialogue[:turns]),
        response_ms=[round(chance.lognormvariate(6.1, 0.35)) for _ in range(turns)],
    )
    return session, dialogue[:turns]


def _transcript_job(session: RealtimeSession) -> Job:
    return Job(kind=TRANSCRIPT, key=str(session.id), session_id=session.session_id, run_at=timezone.now())


def samples_finish() -> int:
    """Does what is to be done of the current tenant's samples, rather than to leave it to workers. Returns how many
    jobs it did."""
    waiting = Job.objects.filter(session_id__startswith=MARK, state=JobState.WAITING).order_by("created_at")
    done = 0
    while ids := list(waiting.filter(run_at__lte=timezone.now()).values_list("id", flat=True)[:_AT_ONCE]):
        done += sum(job_run(id) for id in ids)
    return done


def _text(session: RealtimeSession, dialogue: Dialogue) -> SessionText:
    return SessionText(session=session, text="\n".join(line for turn in dialogue for line in turn))


def _moment(chance: random.Random, days: int) -> datetime:
    """More of them by day than by night, and at the end of the time than at its beginning."""
    day = days * (1 - chance.random() ** 1.3)
    hour = chance.choices(range(24), _DAILY)[0]
    at = (timezone.now() - timedelta(days=days - day)).replace(hour=hour, minute=chance.randrange(60))
    return at if at < timezone.now() else at - timedelta(days=1)


def _weighted(chance: random.Random, weights: "dict[str, int] | dict[EndReason, int]") -> str:
    return str(chance.choices(list(weights), list(weights.values()))[0])


def samples_delete() -> Iterator[int]:
    """Deletes the current tenant's samples in small steps; yields how many went in each."""
    samples = RealtimeSession.objects.filter(session_id__startswith=MARK)
    while ids := list(samples.values_list("id", flat=True)[:_AT_ONCE]):
        SessionEvent.objects.filter(session_id__in=ids).order_by().delete()
        for session_id in Recording.objects.filter(session_id__in=ids).values_list("session_id", flat=True):
            store.delete_all(folder_of(session_id))
        Job.objects.filter(key__in=[str(id) for id in ids]).delete()
        RealtimeSession.objects.filter(id__in=ids).delete()
        yield len(ids)
