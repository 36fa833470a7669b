"""What is made of sample sessions is made by what makes it of real ones."""

import io
from datetime import timedelta

import numpy as np
import pytest
import soundfile
from django.core.management import call_command
from django.utils import timezone

from apps.analytics.measures import measures_of
from apps.conversations.models import RealtimeSession
from apps.conversations.samples import sample_with_sound, samples_create, samples_delete, samples_finish
from apps.core.tenancy import tenant_context
from apps.files import store
from apps.jobs.models import Job, JobState
from apps.recordings.models import Recording
from apps.recordings.names import file_name, folder_of
from apps.transcripts.models import Insights, Transcript, TurnTime
from apps.usage.periods import Period
from tests.cast import Person

pytestmark = pytest.mark.django_db
SESSIONS = 6


def test_it_works(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        samples_create(sessions=SESSIONS, days=2, with_events=SESSIONS, seed=4)
        assert samples_finish() == 2 * SESSIONS  # transcripts, and what came of them
        assert set(Job.objects.values_list("state", flat=True)) == {JobState.DONE}
        for session in RealtimeSession.objects.prefetch_related("turn_times"):
            times = sorted(session.turn_times.all(), key=lambda turn: turn.number)
            assert [turn.total_ms for turn in times] == pytest.approx(session.response_ms, abs=2)
            assert sum(turn.interrupted for turn in times) == session.interruptions
            entries = [
                entry for entry in session.transcript.entries if entry["kind"] in ("user", "assistant")
            ]
            assert len(entries) == 2 * session.turns
            said = session.said.text
            assert all(entry["text"] in said for entry in entries)
            assert session.insights.summary
        assert {language for each in Transcript.objects.all() for language in each.languages} <= {"en", "de"}
        today = timezone.now().date()
        (row,) = measures_of(Period(today - timedelta(days=4), today))
        assert row.measures.sessions == SESSIONS
        assert row.measures.spoken == TurnTime.objects.count() == row.measures.answered


def test_the_command_leaves_nothing_to_workers_and_all_of_it_goes_again(alice: Person) -> None:
    sizes = ("--sessions", "3", "--days", "2", "--with-events", "2", "--with-usage", "0")
    call_command("seed_sessions", "--tenant", "acme", *sizes)
    with tenant_context(alice.tenant.id):
        assert Insights.objects.count() == 2
        assert sum(samples_delete()) == 3
        for model in (RealtimeSession, Transcript, TurnTime, Insights, Job):
            assert not model.objects.exists(), model


def test_one_can_be_listened_to(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        session = sample_with_sound()
        samples_finish()
        states = dict(Job.objects.values_list("kind", "state"))
        assert set(states.values()) == {JobState.DONE}, states
        recording = Recording.objects.get(session=session)
        assert recording.is_ready
        sound, rate = soundfile.read(io.BytesIO(b"".join(store.read(file_name(session.id)))), dtype="float32")
        entries = [entry for entry in session.transcript.entries if entry["kind"] in ("user", "assistant")]
        assert len(entries) == 2 * session.turns
        for entry in entries:
            heard = sound[entry["start_ms"] * rate // 1000 : entry["end_ms"] * rate // 1000]
            loudness = np.sqrt(np.mean(heard**2, axis=0))
            speaks, listens = loudness if entry["kind"] == "user" else loudness[::-1]
            assert speaks > 20 * listens, entry["text"]
        assert sum(entry.get("is_cut", False) for entry in entries) == session.interruptions == 1
        assert sum(samples_delete()) == 1
        assert not list(store.names(folder_of(session.id)))
