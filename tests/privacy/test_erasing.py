"""Gone means gone, and a signed manifest says what."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.conversations.models import RealtimeSession
from apps.conversations.selectors import session_list
from apps.core.models import TenantModel
from apps.core.tenancy import tenant_context
from apps.files import store
from apps.jobs.models import Job, JobState
from apps.jobs.running import job_run
from apps.keys.models import ClientSecret
from apps.keys.services import api_key_create, client_secret_create
from apps.privacy import erasing
from apps.privacy.models import Erasure
from apps.privacy.registry import holding_list, kept_list
from apps.privacy.signing import BadManifest, manifest_check, public_keys
from apps.usage.models import UsageLine
from tests.cast import Person
from tests.privacy.spoken import talk
from tests.tripwire import Tripwire

WHO, WORDS = "patient-4711@example.org", "my cat is called Wellington"


@pytest.fixture
def acme(alice: Person) -> Iterator[Person]:
    with tenant_context(alice.tenant.id):
        yield alice


def work(erasure: Erasure) -> Erasure:
    job = Job.objects.get(kind=erasing.ERASE, key=str(erasure.id))
    assert job_run(job.id)
    erasure.refresh_from_db()
    return erasure


def manifest_file(erasure: Erasure) -> Any:
    return json.loads(b"".join(store.read(erasure.manifest)))


def everything(tripwire: Tripwire) -> str:
    """All rows of all tables as text, and all files."""
    with tripwire.disarmed(), connection.cursor() as cursor:
        parts = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT row_to_json(row)::text FROM {connection.ops.quote_name(table)} AS row")
            parts += [text for (text,) in cursor.fetchall()]
    parts += [b"".join(store.read(name)).decode() for name in store.names(store.name_of())]
    return "\n".join(parts)


def test_a_deleted_session_leaves_nothing_but_money_and_the_record_of_it(
    acme: Person, sql_tripwire: Tripwire
) -> None:
    session = talk("sess_1", who=WHO, words=WORDS)
    assert WORDS in everything(sql_tripwire)
    row = session.id
    erasure = work(erasing.session_delete(session=session))
    left = everything(sql_tripwire)
    assert WORDS not in left
    assert WHO not in left
    assert UsageLine.objects.filter(session_id="sess_1").count() == 1
    manifest = manifest_check(manifest_file(erasure), public_keys())
    [removed] = manifest["removed"]
    assert removed["session"] == "sess_1"
    assert removed["rows"]["conversations.RealtimeSession"] == {"count": 1, "ids": [str(row)]}
    assert removed["rows"]["conversations.SessionEvent"]["count"] == 1
    assert store.name_of("recordings", row, "part-00001") in [file["name"] for file in removed["files"]]
    assert manifest["remaining"]["usage.UsageLine"]["count"] == 1
    assert (erasure.sessions, erasure.rows, erasure.files) == (1, 12, 2)


def test_a_running_session_is_not_deleted(acme: Person) -> None:
    session = talk("sess_1", who=WHO, words=WORDS, ended=False)
    with pytest.raises(ValidationError, match="still running"):
        erasing.session_delete(session=session)
    assert RealtimeSession.objects.count() == 1


def test_nothing_is_left_of_a_person(
    acme: Person, sql_tripwire: Tripwire, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        talk(f"sess_{number}", who=WHO, words=WORDS)
    talk("sess_other", who="somebody else", words="the dog is called Nelson")
    key = api_key_create(name="key").key
    client_secret_create(
        key_id=key.id, session_preset="{}", expires_after=timedelta(minutes=5), safety_identifier=WHO
    )
    erasure = erasing.person_erase(identifier=WHO)
    told = f"{list(Job.objects.filter(session_id='').values())} {list(Erasure.objects.values())}"
    assert WHO not in told, "it is sealed while the work lasts"
    erasure = work(erasure)
    left = everything(sql_tripwire)
    assert WHO not in left
    assert WORDS not in left
    assert "Nelson" in left
    assert WHO not in caplog.text
    assert not session_list(text="Wellington").exists()
    assert ClientSecret.objects.count() == 0
    manifest = manifest_check(manifest_file(erasure), public_keys())
    assert [part.get("session") for part in manifest["removed"]] == ["sess_0", "sess_1", "sess_2", None]
    assert manifest["pseudonym"] == erasure.pseudonym
    assert AuditEvent.objects.get(action="person.erased").target_label == erasure.pseudonym
    assert erasure.sealed_identifier == ""


def test_the_same_person_has_another_pseudonym_each_time(acme: Person) -> None:
    assert erasing.pseudonym_of(WHO) != erasing.pseudonym_of(WHO)


def test_a_person_has_to_be_named(acme: Person) -> None:
    for identifier in ("", "  ", "x" * 513):
        with pytest.raises(ValidationError, match="safety identifier"):
            erasing.person_erase(identifier=identifier)


def test_a_worker_that_dies_half_way_loses_nothing_of_the_manifest(
    acme: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        talk(f"sess_{number}", who=WHO, words=WORDS)
    erasure = erasing.person_erase(identifier=WHO)
    deleted: list[str] = []

    def dies(name: str) -> None:
        deleted.append(name)
        if len(deleted) == 2:
            raise SystemExit
        really_delete(name)

    really_delete = store.delete
    monkeypatch.setattr(store, "delete", dies)
    with pytest.raises(SystemExit):
        work(erasure)
    monkeypatch.undo()
    job = Job.objects.get(kind=erasing.ERASE)
    Job.objects.filter(id=job.id).update(leased_until=timezone.now() - timedelta(seconds=1))
    erasure = work(erasure)
    manifest = manifest_check(manifest_file(erasure), public_keys())
    assert [part["session"] for part in manifest["removed"]] == ["sess_0", "sess_1", "sess_2"]
    assert [len(part["files"]) for part in manifest["removed"]] == [2, 2, 2]
    assert list(store.names(store.name_of("recordings"))) == []
    assert list(store.names(store.name_of("reports"))) == []


def test_a_session_that_can_not_be_ended_is_waited_for(acme: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.privacy.jobs.hang_up", lambda call_id, tenant_id: False)
    session = talk("sess_1", who=WHO, words=WORDS, ended=False)
    erasure = work(erasing.person_erase(identifier=WHO))
    job = Job.objects.get(kind=erasing.ERASE)
    assert (job.state, erasure.finished_at) == (JobState.WAITING, None)
    assert WHO not in job.error + job.note
    RealtimeSession.objects.filter(id=session.id).update(ended_at=timezone.now())
    Job.objects.filter(id=job.id).update(run_at=timezone.now())
    assert work(erasure).sessions == 1


def test_a_changed_manifest_and_one_of_another_platform_are_found_out(acme: Person, tmp_path: Path) -> None:
    erasure = work(erasing.session_delete(session=talk("sess_1", who=WHO, words=WORDS)))
    document = manifest_file(erasure)
    with pytest.raises(BadManifest, match="not this platform's"):
        manifest_check(document, ["00" * 32])
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(document))
    call_command("verify_manifest", str(file))
    document["manifest"]["removed"] = []
    with pytest.raises(BadManifest, match="was changed"):
        manifest_check(document, public_keys())
    with pytest.raises(BadManifest, match="no signed manifest"):
        manifest_check({"manifest": {}}, public_keys())
    file.write_text(json.dumps(document))
    with pytest.raises(CommandError, match="was changed"):
        call_command("verify_manifest", str(file))


SUSPICIOUS = ("session_id", "identifier", "call_id")


def test_every_table_that_may_hold_something_of_a_session_says_so() -> None:
    """A table with a link to a session, with its id, or with room for what somebody said."""
    spoken_for = {holding.model for holding in holding_list()} | {kept.model for kept in kept_list()}
    forgotten = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        if issubclass(model, TenantModel) and model not in spoken_for
        for field in model._meta.concrete_fields
        if field.related_model is RealtimeSession
        or isinstance(field, models.JSONField | models.TextField)
        or any(part in field.name for part in SUSPICIOUS)
    ]
    assert forgotten == [], "Say in its application's holdings.py whether it goes with sessions or stays."
