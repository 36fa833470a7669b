"""The privacy page, and what the settings and the agent's editor say of privacy."""

import json
from collections.abc import Iterator

import pytest
from django.test import Client

from apps.agents.checking import problems
from apps.agents.spec import AgentSpec, Privacy, Prompt
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.files import store
from apps.jobs.models import Job, JobState
from apps.jobs.running import job_run
from apps.privacy.models import Erasure, TenantExport
from apps.privacy.signing import manifest_check
from tests.cast import Person, member_of
from tests.privacy.spoken import talk
from tests.tenants.signed_in import signed_in

WHO = "patient-4711"


@pytest.fixture
def acme(alice: Person) -> Iterator[Person]:
    with tenant_context(alice.tenant.id):
        yield alice


def work() -> None:
    for job in Job.objects.filter(state=JobState.WAITING, kind__startswith="privacy"):
        job_run(job.id)


def erase(client: Client, **fields: str) -> str:
    asked = {"identifier": WHO, "confirmation": WHO, **fields}
    return client.post("/acme/privacy/erase/", asked, follow=True).content.decode()


def test_a_person_is_erased_and_the_manifest_is_there(acme: Person) -> None:
    talk("sess_1", who=WHO, words="hello")
    client = signed_in(acme)
    assert "is being erased" in erase(client)
    assert "Waiting" in client.get("/acme/privacy/", headers={"HX-Request": "true"}).content.decode()
    work()
    erasure = Erasure.objects.get()
    page = client.get("/acme/privacy/").content.decode()
    assert erasure.pseudonym in page
    assert WHO not in page
    assert not RealtimeSession.objects.exists()
    link = client.get(f"/acme/privacy/erasures/{erasure.id}/manifest/")["location"]
    document = json.loads(b"".join(store.read(erasure.manifest)))
    assert link.startswith("/files/")
    keys = client.get("/.well-known/antiphon-manifest-keys").json()["public_keys"]
    assert manifest_check(document, keys)["pseudonym"] == erasure.pseudonym


def test_the_identifier_must_be_typed_twice(acme: Person) -> None:
    assert "This is not the same" in erase(signed_in(acme), confirmation="somebody else")
    assert Erasure.objects.count() == 0


def test_an_erasure_that_failed_can_go_on(acme: Person) -> None:
    client = signed_in(acme)
    erase(client)
    Job.objects.update(state=JobState.FAILED, error="The storage was away.")
    erasure = Erasure.objects.get()
    assert "The storage was away." in client.get("/acme/privacy/").content.decode()
    client.post(f"/acme/privacy/erasures/{erasure.id}/retry/")
    work()
    erasure.refresh_from_db()
    assert erasure.finished_at is not None


def test_an_export_is_for_the_owner(acme: Person) -> None:
    admin = member_of(acme.tenant, "ada", "admin")
    assert signed_in(admin).post("/acme/privacy/exports/").status_code == 403
    client = signed_in(acme)
    client.post("/acme/privacy/exports/")
    export = TenantExport.objects.get()
    early = client.get(f"/acme/privacy/exports/{export.id}/", follow=True).content.decode()
    assert "There is no file" in early
    work()
    assert client.get(f"/acme/privacy/exports/{export.id}/")["location"].startswith("/files/")


def test_an_export_can_be_cancelled(acme: Person) -> None:
    client = signed_in(acme)
    client.post("/acme/privacy/exports/")
    export = TenantExport.objects.get()
    for told in ("Cancelled", "nothing to cancel"):
        page = client.post(f"/acme/privacy/exports/{export.id}/cancel/", follow=True)
        assert told in page.content.decode()
    work()
    assert TenantExport.objects.get().file == ""


def test_deleting_a_session_is_on_the_page_too(acme: Person) -> None:
    talk("sess_1", who=WHO, words="hello")
    client = signed_in(acme)
    client.post("/acme/sessions/sess_1/delete/")
    work()
    assert "sess_1" in client.get("/acme/privacy/").content.decode()


def test_the_settings_say_how_long_things_are_kept(acme: Person) -> None:
    fields = {"name": "Acme", "log_days": "5", "transcript_days": "9", "recording_days": "2"}
    client = signed_in(acme)
    client.post("/acme/settings/", fields)
    acme.tenant.refresh_from_db()
    assert (acme.tenant.log_days, acme.tenant.transcript_days, acme.tenant.recording_days) == (5, 9, 2)
    assert "9 days" in client.get("/acme/privacy/").content.decode()


@pytest.mark.parametrize(
    ("privacy", "path"),
    [
        (Privacy(redact=["email", "shoe_size"]), "privacy.redact"),
        (Privacy(log_days=0), "privacy.log_days"),
        (Privacy(recording_days=4000), "privacy.recording_days"),
        (Privacy(record=True, redact=["email"], keep_log=False), "privacy.record"),
    ],
)
def test_what_an_agent_can_not_have_is_told(privacy: Privacy, path: str) -> None:
    spec = AgentSpec(prompt=Prompt(instructions="Help."), privacy=privacy)
    assert [problem.path for problem in problems(spec, longest_session=3600)] == [path]


def test_what_an_agent_can_have_is_taken() -> None:
    privacy = Privacy(record=True, redact=["email", "card"], log_days=1, transcript_days=3650)
    spec = AgentSpec(prompt=Prompt(instructions="Help."), privacy=privacy)
    assert problems(spec, longest_session=3600) == []
