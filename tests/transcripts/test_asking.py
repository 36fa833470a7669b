"""What models of a tenant's choice make of a session, and what that costs."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from channels.db import database_sync_to_async
from django.utils import timezone

from antiphon.providers.base.stt import FinalTranscript, SaidWord
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.server import Canned, StubServer
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from apps.agents.models import AgentVersion
from apps.agents.services import agent_create, agent_publish, agent_save_draft
from apps.agents.spec import AfterCall, AgentSpec, Prompt
from apps.conversations import runtime
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.credentials.services import provider_put
from apps.jobs.models import Job, JobState
from apps.jobs.running import job_run
from apps.jobs.services import job_add
from apps.transcripts.entries import Entry
from apps.transcripts.models import Insights, Source, Transcript
from apps.transcripts.retranscribe import _replace, retranscribe
from apps.transcripts.services import transcript_keep
from apps.usage.models import UsageLine
from apps.usage.recorder import Recorder
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

FIELDS = {
    "type": "object",
    "properties": {"order": {"type": "integer"}, "mood": {"enum": ["calm", "hurried"]}},
    "required": ["order"],
}
GOOD = {
    "summary": "The user asked for order 12.",
    "outcome": "resolved",
    "sentiment": "neutral",
    "data": {"order": 12, "more": "nobody asked"},
}


@pytest.fixture(autouse=True)
def recorder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Any:
    settings.OUTBOUND_ALLOW = ("127.0.0.1",)
    recorder = Recorder(tmp_path, books=runtime.BOOKS)
    recorder.start()
    monkeypatch.setattr(runtime, "_recorder", recorder)
    yield recorder
    recorder.stop()


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    async with StubServer(stt=ScriptedStt(Heard("I want order twelve."))) as running:
        yield running


async def for_alice(alice: Person, work: Callable[..., Any], *args: Any) -> Any:
    """In a thread of a worker's kind."""

    def inside() -> Any:
        with tenant_context(alice.tenant.id):
            return work(*args)

    return await database_sync_to_async(inside, thread_sensitive=False)()


def make_session(server: StubServer, **after_call: Any) -> RealtimeSession:
    """One of an agent with this in its spec, with a transcript."""
    provider_put(slug="acme", dialect="openai", base_url=server.base_url, key="acme-secret-0001")
    agent = agent_create(slug="front-desk", name="Front desk")
    spec = AgentSpec(prompt=Prompt(instructions="Help."), after_call=AfterCall(**after_call))
    agent_save_draft(agent=agent, spec=spec, revision=agent.draft_revision)
    version: AgentVersion = agent_publish(agent=agent, notes="")
    now = timezone.now()
    session = RealtimeSession.objects.create(
        session_id="sess_1",
        model="agent/front-desk",
        agent_version=version,
        started_at=now - timedelta(minutes=1),
        alive_at=now,
        ended_at=now,
    )
    entries = [
        Entry(kind="user", start_ms=1000, end_ms=3000, text="I want or the twelve."),
        Entry(kind="assistant", start_ms=3500, end_ms=5000, text="Here is order twelve."),
    ]
    transcript_keep(session=session, entries=entries, turns=[])
    return session


def summarise(session: RealtimeSession) -> Job:
    job = job_add(kind="session.insights", key=str(session.id), session_id=session.session_id, again=True)
    job_run(job.id)
    return Job.objects.get(id=job.id)


def answers(*texts: str) -> ScriptedLlm:
    return ScriptedLlm(*(say(text) for text in texts))


async def test_it_works(alice: Person, server: StubServer, recorder: Recorder) -> None:
    server.llm = answers(f"Here it is:\n```json\n{json.dumps(GOOD)}\n```")
    session = await for_alice(alice, lambda: make_session(server, model="acme/writer", fields=FIELDS))
    job = await for_alice(alice, summarise, session)
    assert job.state == JobState.DONE, job.error
    found = await for_alice(alice, Insights.objects.get)
    assert (found.summary, found.outcome, found.sentiment) == (
        "The user asked for order 12.",
        "resolved",
        "neutral",
    )
    assert found.data == {"order": 12}
    assert found.model == "acme/writer"
    asked = server.requests[-1].body
    assert "I want or the twelve." in asked["messages"][-1]["content"]
    assert '"order"' in asked["messages"][0]["content"]


async def test_what_it_uses_is_the_sessions(alice: Person, server: StubServer, recorder: Recorder) -> None:
    server.llm = answers(json.dumps(GOOD))
    session = await for_alice(alice, lambda: make_session(server, model="acme/writer", fields=FIELDS))
    await for_alice(alice, summarise, session)
    await database_sync_to_async(recorder.stop, thread_sensitive=False)()
    lines = await for_alice(alice, lambda: list(UsageLine.objects.filter(session_id="sess_1")))
    assert {(line.kind, line.model) for line in lines} == {("response", "acme/writer")}
    assert "output_text_token" in {line.unit for line in lines}


async def test_an_answer_that_does_not_fit_is_asked_for_once_more(alice: Person, server: StubServer) -> None:
    server.llm = answers(json.dumps(GOOD | {"data": {"order": "twelve"}}), json.dumps(GOOD))
    session = await for_alice(alice, lambda: make_session(server, model="acme/writer", fields=FIELDS))
    assert (await for_alice(alice, summarise, session)).state == JobState.DONE
    assert "data.order must be integer." in server.requests[-1].body["messages"][-1]["content"]


async def test_one_that_never_fits_fails_with_why(alice: Person, server: StubServer) -> None:
    server.llm = answers("I would rather not.")
    session = await for_alice(alice, lambda: make_session(server, model="acme/writer"))
    job = await for_alice(alice, summarise, session)
    assert job.state == JobState.FAILED
    assert job.error == "acme/writer answered twice what can't be used: There is no JSON object in it."


async def test_a_model_that_nobody_has_fails_at_once(alice: Person, server: StubServer) -> None:
    session = await for_alice(alice, lambda: make_session(server, model="nobody/writer"))
    job = await for_alice(alice, summarise, session)
    assert job.state == JobState.FAILED
    assert "No model is called 'nobody/writer'." in job.error


async def test_a_refusal_of_the_vendors_fails_and_its_trouble_is_tried_again(
    alice: Person, server: StubServer
) -> None:
    session = await for_alice(alice, lambda: make_session(server, model="acme/writer"))
    server.next_answer(Canned([b'{"error": {"message": "Wrong key."}}'], status=401))
    assert (await for_alice(alice, summarise, session)).state == JobState.FAILED
    server.next_answer(Canned([b"{}"], status=503))
    assert (await for_alice(alice, summarise, session)).state == JobState.WAITING


def test_words_have_the_times_that_the_recogniser_told() -> None:
    entry = Entry(kind="user", start_ms=1000, end_ms=3000, text="I want")
    said = (SaidWord("I", 100, 300), SaidWord("wanted", 300, 2400))
    _replace(entry, FinalTranscript("I wanted", 2000, words=said))
    assert (entry.text, entry.exact) == ("I wanted", True)
    assert entry.words == [(1100, 1300, "I"), (1300, 3000, "wanted")]


async def test_a_session_is_heard_once_more(alice: Person, server: StubServer) -> None:
    session = await for_alice(alice, lambda: make_session(server, transcription_model="acme/ears"))
    ranges: list[tuple[int, int]] = []

    def hear(start_ms: int, end_ms: int) -> Any:
        ranges.append((start_ms, end_ms))
        return np.zeros((end_ms - start_ms) * 16, np.float32)

    await for_alice(alice, retranscribe, session, hear)
    kept = await for_alice(alice, Transcript.objects.get)
    assert ranges == [(1000, 3000)]
    assert [entry["text"] for entry in kept.entries] == ["I want order twelve.", "Here is order twelve."]
    assert [word for _, _, word in kept.entries[0]["words"]] == ["I", "want", "order", "twelve."]
    assert kept.source == Source.RETRANSCRIBED
    await for_alice(alice, retranscribe, session, hear)
    assert len(ranges) == 1  # nobody pays twice
