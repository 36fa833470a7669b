"""What is made of a session when it is over: once, and the same however often it is tried."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.agents.services import agent_create, agent_publish, agent_save_draft
from apps.agents.spec import AfterCall, AgentSpec, Privacy, Prompt
from apps.conversations.models import RealtimeSession, SessionEvent, SessionText
from apps.conversations.samples import samples_create
from apps.conversations.selectors import session_list
from apps.core.tenancy import tenant_context
from apps.jobs.models import Job, JobState
from apps.jobs.running import job_run
from apps.jobs.services import job_add
from apps.privacy.models import Redaction
from apps.recordings.models import Recording, RecordingState
from apps.transcripts.models import Insights, Outcome, Sentiment, Transcript, TurnTime
from apps.transcripts.selectors import entries_of, job_of, transcript_find
from apps.webhooks.models import Endpoint, WebhookEvent
from tests.cast import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(alice: Person) -> Any:
    with tenant_context(alice.tenant.id):
        samples_create(sessions=1, days=1, with_events=1, with_usage=0)
        SessionText.objects.all().delete()
        yield RealtimeSession.objects.get()


def run(session: RealtimeSession) -> Job:
    """The session's end, and what follows from it of its transcript."""
    job = job_add(kind="session.transcript", key=str(session.id), session_id=session.session_id, again=True)
    assert job_run(job.id)
    if summary := job_of(session, "session.insights"):
        job_run(summary.id)
    job.refresh_from_db()
    return job


def give_agent(session: RealtimeSession, **parts: Any) -> None:
    agent = agent_create(slug="front-desk", name="Front desk")
    spec = AgentSpec(prompt=Prompt(instructions="Help."), **parts)
    agent_save_draft(agent=agent, spec=spec, revision=agent.draft_revision)
    session.agent_version = agent_publish(agent=agent, notes="")
    session.save()


def log(session: RealtimeSession, *bodies: dict[str, Any]) -> None:
    """In place of what it had."""
    SessionEvent.objects.filter(session=session).delete()
    SessionEvent.objects.bulk_create(
        SessionEvent(
            session=session,
            seq=seq,
            at=session.started_at + timedelta(seconds=seq),
            direction="server",
            type=body["type"],
            item_id=body.get("item_id") or body.get("item", {}).get("id"),
            response_id=body.get("response_id"),
            body=body,
        )
        for seq, body in enumerate(bodies)
    )


def heard(text: str, number: int = 1) -> dict[str, Any]:
    return {"type": "turn.transcribed", "item_id": f"item_u{number}", "text": text, "audio_ms": 1000}


def said(text: str, number: int = 1) -> dict[str, Any]:
    item = {"id": f"item_a{number}", "type": "message", "role": "assistant", "status": "completed"}
    return {
        "type": "response.output_item.done",
        "response_id": f"resp_{number}",
        "item": item | {"content": [{"type": "output_audio", "transcript": text}]},
    }


def test_it_works(session: RealtimeSession) -> None:
    job = run(session)
    assert job.state == JobState.DONE, job.error
    kept = transcript_find(session)
    assert kept is not None
    entries = entries_of(session)
    assert [entry.kind for entry in entries if entry.kind != "problem"] == [
        "user",
        "assistant",
    ] * session.turns
    assert kept.words > 0
    times = TurnTime.objects.filter(session=session)
    assert [time.total_ms for time in times] == pytest.approx(session.response_ms, abs=3)
    assert sum(time.interrupted for time in times) == session.interruptions
    assert list(session_list(text=entries[0].text.split()[0])) == [session]


def test_what_was_made_twice_is_there_once(session: RealtimeSession) -> None:
    run(session)
    before = Transcript.objects.get().entries
    run(session)
    assert Transcript.objects.get().entries == before
    assert TurnTime.objects.count() == session.turns
    assert SessionText.objects.count() == 1


def test_nobody_finds_what_nobody_heard(session: RealtimeSession) -> None:
    cut = said("Your table is booked", 1)
    cut["item"]["status"] = "incomplete"
    words = {"type": "response.output_audio_transcript.delta", "item_id": "item_a1", "response_id": "resp_1"}
    log(session, heard("A table please"), words | {"delta": "Your table is booked for seven."}, cut)
    run(session)
    assert entries_of(session)[1].unheard == "for seven."
    assert list(session_list(text="booked")) == [session]
    assert list(session_list(text="seven")) == []


def test_a_summary_follows(session: RealtimeSession) -> None:
    run(session)
    job = job_of(session, "session.insights")
    assert job is not None
    assert job.state == JobState.DONE
    assert Insights.objects.get().model == "local/extract"


def test_an_agent_may_do_without_a_summary(session: RealtimeSession) -> None:
    give_agent(session, after_call=AfterCall(summary=False))
    run(session)
    assert job_of(session, "session.insights") is None


def test_a_session_without_words_has_no_summary(session: RealtimeSession) -> None:
    log(session, {"type": "session.created", "session": {"id": session.session_id}})
    run(session)
    assert Transcript.objects.get().words == 0
    assert job_of(session, "session.insights") is None
    assert not SessionText.objects.exists()


def test_a_session_whose_log_is_not_kept_has_no_transcript(session: RealtimeSession) -> None:
    log(session, {"type": "usage"})
    assert run(session).state == JobState.DONE
    assert not Transcript.objects.exists()


def test_a_session_that_is_gone_is_no_failure(session: RealtimeSession) -> None:
    job = job_add(kind="session.transcript", key=str(session.id), run_at=timezone.now() + timedelta(hours=1))
    SessionEvent.objects.all().delete()
    session.delete()
    Job.objects.filter(id=job.id).update(run_at=timezone.now())
    assert job_run(job.id)
    job.refresh_from_db()
    assert job.state == JobState.DONE


class TestRecordedSessions:
    def record(self, session: RealtimeSession, state: str, **fields: Any) -> Recording:
        return Recording.objects.create(session=session, state=state, started_at=session.started_at, **fields)

    def test_it_waits_for_the_recording_that_knows_when_what_was_said(self, session: RealtimeSession) -> None:
        session.ended_at = timezone.now()
        session.save()
        self.record(session, RecordingState.RECORDING)
        job = run(session)
        assert (job.state, job.attempts) == (JobState.WAITING, 0)
        assert job.note == "Waits for the end of the recording"

    def test_it_does_not_wait_for_ever(self, session: RealtimeSession) -> None:
        session.ended_at = timezone.now() - timedelta(minutes=2)
        session.save()
        self.record(session, RecordingState.RECORDING)
        assert run(session).state == JobState.DONE

    def test_the_recording_is_prepared_then(self, session: RealtimeSession) -> None:
        self.record(session, RecordingState.PROCESSING)
        run(session)
        job = job_of(session, "session.recording")
        assert job is not None
        assert job.key == str(session.id)

    def test_the_recordings_times_are_the_transcripts(self, session: RealtimeSession) -> None:
        item = {"item_id": "item_a1", "response_id": "resp_1"}
        audio = {"type": "response.output_audio.delta", "audio_start_ms": 0, "audio_ms": 900}
        log(session, heard("Hello"), audio | item, said("Hi there"))
        self.record(session, RecordingState.PROCESSING, timeline={"items": {"item_a1": [[0, 4321, 900]]}})
        run(session)
        assert (entries_of(session)[1].start_ms, entries_of(session)[1].end_ms) == (4321, 5221)


class TestRedaction:
    def test_what_the_agent_strikes_out_is_nowhere(self, session: RealtimeSession) -> None:
        give_agent(session, privacy=Privacy(redact=["email"]))
        log(session, heard("I am ann.lee@example.com, hello"), said("Is it ann.lee@example.com?"))
        run(session)
        assert "ann.lee" not in json.dumps(Transcript.objects.get().entries)
        assert "ann.lee" not in SessionText.objects.get().text
        assert "ann.lee" not in json.dumps(list(SessionEvent.objects.values_list("body", flat=True)))
        assert "ann.lee" not in Insights.objects.get().summary
        assert Transcript.objects.get().is_redacted
        assert Redaction.objects.filter(session=session).exists()


class TestTold:
    def test_endpoints_are_told_once(self, session: RealtimeSession) -> None:
        Endpoint.objects.create(url="https://hooks.example.com/")
        run(session)
        run(session)
        types = [event.type for event in WebhookEvent.objects.order_by("id")]
        assert types == ["transcript.ready", "summary.ready"]
        told = WebhookEvent.objects.get(type="transcript.ready").data
        assert told["transcript_url"].endswith(f"/sessions/{session.session_id}/transcript")


class TestOutcomes:
    def outcome(self, session: RealtimeSession, *bodies: dict[str, Any]) -> tuple[str, str]:
        log(session, *bodies)
        run(session)
        found = Insights.objects.get()
        return found.outcome, found.sentiment

    def test_thanks_mean_that_it_was_done(self, session: RealtimeSession) -> None:
        told = self.outcome(
            session,
            heard("I want to book a table for two."),
            said("It is booked for seven."),
            heard("Perfect, thank you so much.", 2),
            said("You are welcome.", 2),
        )
        assert told == (Outcome.RESOLVED, Sentiment.POSITIVE)

    def test_giving_up_means_that_it_was_not(self, session: RealtimeSession) -> None:
        told = self.outcome(
            session,
            heard("My router is still broken."),
            said("Did you turn it off and on?"),
            heard("Forget it, this is useless.", 2),
        )
        assert told == (Outcome.UNRESOLVED, Sentiment.NEGATIVE)

    def test_a_tool_that_hands_over_means_that(self, session: RealtimeSession) -> None:
        call = {"id": "item_c", "type": "function_call", "name": "transfer_call", "arguments": "{}"}
        done = {"type": "response.output_item.done", "response_id": "resp_1", "item": call}
        assert self.outcome(session, heard("Ich möchte einen Menschen sprechen."), done) == (
            Outcome.TRANSFERRED,
            Sentiment.UNKNOWN,
        )


class TestCommand:
    def printed(self, session: RealtimeSession, *options: str) -> str:
        out = StringIO()
        call_command("transcript", session.session_id, "--tenant=acme", *options, stdout=out)
        return out.getvalue()

    def test_it_works(self, session: RealtimeSession) -> None:
        run(session)
        told = json.loads(self.printed(session, "--json"))
        assert told["session_id"] == session.session_id
        assert told["is_final"]
        assert told["entries"] == Transcript.objects.get().entries
        assert told["summary"] == Insights.objects.get().summary
        assert told["format"] == 1

    def test_a_session_that_runs_is_read_from_its_log(self, session: RealtimeSession) -> None:
        before = json.loads(self.printed(session, "--json"))
        assert not before["is_final"]
        run(session)
        assert json.loads(self.printed(session, "--json"))["entries"] == before["entries"]

    def test_people_get_lines(self, session: RealtimeSession) -> None:
        words = {
            "type": "response.output_audio_transcript.delta",
            "item_id": "item_a1",
            "response_id": "resp_1",
        }
        cut = said("Hi there,")
        cut["item"]["status"] = "incomplete"
        log(session, heard("Hello"), words | {"delta": "Hi there, you."}, cut)
        assert self.printed(session) == "00:00  User: Hello\n00:02  Agent: Hi there, [not heard: you.]\n"

    @pytest.mark.django_db(transaction=True, databases=["default", "across"])
    def test_a_session_is_found_whosever_it_is(self, session: RealtimeSession) -> None:
        out = StringIO()
        call_command("transcript", session.session_id, "--json", stdout=out)
        assert json.loads(out.getvalue())["session_id"] == session.session_id

    @pytest.mark.django_db(transaction=True, databases=["default", "across"])
    def test_a_session_that_nobody_has_is_none(self) -> None:
        with pytest.raises(CommandError, match="There is no session 'sess_none'"):
            call_command("transcript", "sess_none")

    def test_another_tenants_session_is_none(self, session: RealtimeSession, mallory: Person) -> None:
        with pytest.raises(CommandError, match="has no session"):
            call_command("transcript", session.session_id, f"--tenant={mallory.tenant.slug}")
