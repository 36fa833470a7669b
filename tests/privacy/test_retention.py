"""What is kept of sessions goes when its time is over: the tenant's, or that of the agent."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.agents.models import AgentVersion
from apps.agents.services import agent_create, agent_publish, agent_save_draft
from apps.agents.spec import AgentSpec, Privacy, Prompt
from apps.conversations.models import RealtimeSession, SessionEvent, SessionText
from apps.core.tenancy import tenant_context
from apps.files import store
from apps.privacy import retention
from apps.privacy.retention import Days, days_of, orphans_delete, retention_apply
from apps.privacy.tasks import apply_retention, delete_orphans
from apps.recordings.models import Recording, RecordingState
from apps.tenants.models import Tenant
from apps.transcripts.models import Insights, Transcript
from tests.cast import Person
from tests.privacy.spoken import talk


@pytest.fixture
def acme(alice: Person) -> Iterator[Person]:
    with tenant_context(alice.tenant.id):
        yield alice


def ended(name: str, *, days: float, **fields: Any) -> RealtimeSession:
    session = talk(name, who="somebody", words=f"words of {name}", **fields)
    then = timezone.now() - timedelta(days=days)
    RealtimeSession.objects.filter(id=session.id).update(started_at=then, ended_at=then)
    return session


def version_with(privacy: Privacy) -> AgentVersion:
    agent = agent_create(slug="helper", name="Helper")
    agent_save_draft(
        agent=agent, spec=AgentSpec(prompt=Prompt(instructions="Help."), privacy=privacy), revision=0
    )
    return agent_publish(agent=agent)


def left(session: RealtimeSession) -> list[str]:
    """Which parts there are."""
    recordings = Recording.objects.filter(session_id=session.id).exclude(state=RecordingState.DELETED)
    parts = {
        "log": SessionEvent.objects.filter(session_id=session.id),
        "transcript": Transcript.objects.filter(session_id=session.id),
        "recording": recordings,
        "session": RealtimeSession.objects.filter(id=session.id),
    }
    return [name for name, rows in parts.items() if rows.exists()]


def files(session: RealtimeSession) -> list[str]:
    return list(store.names(store.name_of("recordings", session.id)))


def test_each_kind_goes_in_its_time_and_the_session_with_the_last(acme: Person) -> None:
    tenant = acme.tenant
    tenant.log_days, tenant.recording_days, tenant.transcript_days = 5, 10, 20
    sessions = [ended(f"sess_{days}", days=days) for days in (4, 6, 11, 21)]
    retention_apply(tenant=tenant, now=timezone.now())
    assert [left(session) for session in sessions] == [
        ["log", "transcript", "recording", "session"],
        ["transcript", "recording", "session"],
        ["transcript", "session"],
        [],
    ]
    assert [len(files(session)) for session in sessions] == [1, 1, 0, 0]
    assert SessionText.objects.count() == Insights.objects.count() == 3
    assert retention_apply(tenant=tenant, now=timezone.now()) == retention.Expired()


def test_a_session_that_runs_keeps_everything(acme: Person) -> None:
    session = ended("sess_1", days=400)
    RealtimeSession.objects.update(ended_at=None)
    retention_apply(tenant=acme.tenant, now=timezone.now())
    assert left(session) == ["log", "transcript", "recording", "session"]


def test_the_agents_own_days_go_before_the_tenants(acme: Person) -> None:
    acme.tenant.recording_days = 3
    version = version_with(Privacy(transcript_days=2, recording_days=100))
    short = ended("sess_1", days=4, agent_version=version)
    usual = ended("sess_2", days=4)
    retention_apply(tenant=acme.tenant, now=timezone.now())
    assert left(short) == ["recording", "session"]
    assert left(usual) == ["log", "transcript", "session"]


def test_a_log_never_outlives_the_transcript() -> None:
    assert days_of(Tenant(log_days=60, transcript_days=7)).log == 7
    assert days_of(Tenant(log_days=7), {"log_days": 60}).log == 60


def test_what_nobody_set_is_the_platforms(settings: Settings) -> None:
    settings.SESSION_LOG_DAYS, settings.TRANSCRIPT_DAYS, settings.RECORDING_DAYS = 3, 5, 4
    assert days_of(Tenant()) == Days(log=3, transcript=5, recording=4)
    assert days_of(Tenant(log_days=9)) == Days(log=9, transcript=9, recording=4)
    assert Days(3, 5, 4).longest == 5


def test_every_tenants_are_gone_through_and_in_small_steps(
    alice: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    monkeypatch.setattr(retention, "_EVENTS_AT_ONCE", 1)
    for person in (alice, mallory):
        with tenant_context(person.tenant.id):
            for number in range(3):
                ended(f"sess_{number}", days=100)
                ended(f"half_{number}", days=31)
    apply_retention()
    for person in (alice, mallory):
        with tenant_context(person.tenant.id):
            assert RealtimeSession.objects.count() == 3
            assert SessionEvent.objects.count() == 0


def test_files_that_nobody_knows_go(acme: Person) -> None:
    known = ended("sess_1", days=0)
    lost = ended("sess_2", days=0)
    Recording.objects.filter(session=lost).delete()
    delete_orphans()
    assert (len(files(known)), len(files(lost))) == (1, 0)
    assert orphans_delete() == 0
