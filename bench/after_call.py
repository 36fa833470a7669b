"""Measures what it costs to process a session that is over, and prints one table.

    python bench/after_call.py                 a session of 60 minutes
    python bench/after_call.py --minutes 10

Starts a PostgreSQL of its own in a temporary folder, where files are kept, too. The session's log is that of a
receptionist, over and over, every tenth turn with a phone number; its sound is noise in the rhythm of speech, as a
recorder leaves it. Its jobs are those of a session that really ended. CPU time is of this process, all its threads,
and of its server process of PostgreSQL; the budget of all jobs together is one second for each minute.
"""

import argparse
import itertools
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("platform", "")]

import numpy as np  # noqa: E402
import psutil  # noqa: E402
from usage_pages import own_database  # noqa: E402

TURN_SECONDS = 10
PART_SECONDS = 5
BUDGET = 1.0  # seconds of CPU time for each minute
_PHONE = "My number is +44 20 7946 0958, did you get that?"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=60)
    minutes = parser.parse_args().minutes
    with own_database():
        from apps.accounts.services import user_create
        from apps.core.tenancy import tenant_context
        from apps.tenants.services import tenant_create

        owner = user_create(email="owner@example.com", password=uuid.uuid4().hex)
        tenant = tenant_create(slug="bench", name="Bench", owner=owner)
        print(f"{'':<34} {'seconds':>9} {'CPU s':>8} {'database':>9}")
        # No worker is told of jobs: they are run here, one after the other.
        with tenant_context(tenant.id), mock.patch("apps.jobs.services.nudge", return_value=True):
            run(f"A session of {minutes} minutes", make_session(minutes, ()), minutes)
            run("The same, redacted", make_session(minutes, ("phone",)), minutes)


def run(name: str, session: Any, minutes: int) -> None:
    print(name)
    print_row("Sound, while it is recorded", lambda: make_sound(session, minutes))
    spent = sum(process(session))
    late = "  over the budget" if spent > minutes * BUDGET else ""
    print(f"  {'All jobs':<32} {'':>9} {spent:>8.1f}{late}", flush=True)


def make_session(minutes: int, redacts: tuple[str, ...]) -> Any:
    """Of an agent that redacts these kinds, with its log."""
    from django.utils import timezone

    from apps.agents.models import Agent
    from apps.agents.services import agent_create, agent_publish
    from apps.conversations.models import EndReason, RealtimeSession, SessionEvent, SessionKind
    from apps.conversations.sample_events import sample_events
    from apps.conversations.sample_words import DIALOGUES

    agent = agent_create(slug=f"agent-{len(redacts)}", name="Agent", template="receptionist")
    draft = agent.draft | {"privacy": {"redact": list(redacts), "record": True}}
    Agent.objects.filter(id=agent.id).update(draft=draft)
    agent.refresh_from_db()
    turns = minutes * 60 // TURN_SECONDS
    talk = list(itertools.islice(itertools.cycle(itertools.chain.from_iterable(DIALOGUES)), turns))
    talk[5::10] = [(_PHONE, answer) for _, answer in talk[5::10]]
    began = timezone.now() - timedelta(minutes=minutes)
    session = RealtimeSession.objects.create(
        session_id=f"sess_{uuid.uuid4().hex}",
        call_id=f"rtc_{uuid.uuid4().hex[:20]}",
        agent_version=agent_publish(agent=agent),
        model="local/dialogue",
        kind=SessionKind.REALTIME,
        started_at=began,
        alive_at=began + timedelta(minutes=minutes),
        ended_at=began + timedelta(minutes=minutes),
        end_reason=EndReason.CLIENT_CLOSED,
        close_code=1000,
        turns=turns,
        responses=turns,
        interruptions=turns // 8,
        errors=0,
        user_audio_ms=minutes * 30_000,
        assistant_audio_ms=minutes * 30_000,
        cost_micro=0,
        response_ms=[500] * turns,
    )
    events = sample_events(session, tuple(talk), random.Random(1))
    SessionEvent.objects.bulk_create(events, batch_size=1000)
    return session


def make_sound(session: Any, minutes: int) -> None:
    from apps.files import store
    from apps.recordings.encoding import Encoder
    from apps.recordings.models import Recording, RecordingState
    from apps.recordings.names import part_name

    encoder, parts = Encoder(), 0
    for piece in pieces(encoder, minutes):
        parts += 1
        store.put(part_name(session.id, parts), [piece])
    Recording.objects.create(
        session=session,
        started_at=session.started_at,
        state=RecordingState.PROCESSING,
        parts=parts,
        duration_ms=minutes * 60_000,
        timeline={"user": [[0, 0]], "items": {}},
    )


def pieces(encoder: Any, minutes: int) -> Iterator[bytes]:
    """Either side speaks for half of each turn; syllables are a quarter of a second long."""
    from apps.recordings.models import SAMPLE_RATE

    chance = np.random.default_rng(1)
    voice = (chance.normal(0, 3000, SAMPLE_RATE) * np.hanning(SAMPLE_RATE // 4).repeat(4)).astype(np.int16)
    part = b""
    for second in range(minutes * 60):
        block = np.zeros((SAMPLE_RATE, 2), np.int16)
        block[:, 0 if second % TURN_SECONDS < TURN_SECONDS // 2 else 1] = np.roll(voice, second * 977)
        part += encoder.encode(block)
        if second % PART_SECONDS == PART_SECONDS - 1:
            yield part
            part = b""
    yield part + encoder.finish()


def process(session: Any) -> Iterator[float]:
    """Runs its jobs, and those that they add. The CPU time of each."""
    from apps.jobs.kinds import kind_of
    from apps.jobs.models import Job, JobState
    from apps.jobs.running import job_run

    Job.objects.create(
        kind="session.transcript",
        key=str(session.id),
        session_id=session.session_id,
        run_at=session.ended_at,
    )
    while job := Job.objects.filter(session_id=session.session_id, state=JobState.WAITING).first():
        Job.objects.filter(id=job.id).update(run_at=session.ended_at)
        kind = kind_of(job.kind)
        yield print_row(kind.label if kind else job.kind, lambda job=job: job_run(job.id))  # type: ignore[misc]
        job.refresh_from_db()
        assert job.state == JobState.DONE, f"{job}: {job.state}, {job.error or job.note}"


def print_row(name: str, work: Callable[[], object]) -> float:
    """The CPU time that it took, in seconds."""
    wall, cpu, database = time.monotonic(), time.process_time(), _of_database()
    work()
    own, others = time.process_time() - cpu, _of_database() - database
    print(f"  {name:<32} {time.monotonic() - wall:>9.1f} {own:>8.1f} {others:>9.1f}", flush=True)
    return own + others


def _of_database() -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
