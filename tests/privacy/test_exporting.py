"""Everything of a tenant, and no secret, in one file."""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from apps.audit.acting import Actor, acting
from apps.core.tenancy import across_tenants, tenant_context
from apps.files import store
from apps.jobs.models import Job
from apps.jobs.running import job_run
from apps.keys.services import api_key_create
from apps.privacy.erasing import ERASE, person_erase
from apps.privacy.exporting import (
    EXPORT,
    export_request,
    exported_fields,
    exported_tables,
    exports_folder,
)
from apps.privacy.models import Erasure, TenantExport
from apps.privacy.retention import exports_expire, orphans_delete
from apps.privacy.services import export_cancel
from apps.tenants.deletion import tenant_purge
from apps.transcripts.models import Transcript
from tests.cast import Person
from tests.privacy.spoken import talk


@pytest.fixture
def acme(alice: Person) -> Iterator[Person]:
    with (
        tenant_context(alice.tenant.id),
        acting(Actor.person(alice.user, address=None)),
    ):
        yield alice


def made() -> TenantExport:
    export = export_request()
    for kind in ("privacy.export", "privacy.export_mail"):
        assert job_run(Job.objects.get(kind=kind, key=str(export.id)).id)
    export.refresh_from_db()
    return export


def opened(export: TenantExport) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(store.read(export.file))))


def test_it_has_tables_transcripts_files_and_an_index(acme: Person, mallory: Person) -> None:
    with tenant_context(mallory.tenant.id):
        talk("sess_theirs", who="x", words="not yours")
    session = talk("sess_1", who="x", words="hello")
    entry = {"kind": "user", "start_ms": 0, "end_ms": 900, "text": "hello"}
    Transcript.objects.update(entries=[entry])
    secret = api_key_create(name="key").text
    export = made()
    zipped = opened(export)
    assert zipped.testzip() is None
    everything = b"".join(zipped.read(name) for name in zipped.namelist()).decode()
    assert "sess_theirs" not in everything
    assert secret not in everything
    [row] = zipped.read("tables/conversations.RealtimeSession.jsonl").splitlines()
    assert json.loads(row)["session_id"] == "sess_1"
    assert "User: hello" in zipped.read("transcripts/sess_1.txt").decode()
    assert json.loads(zipped.read("transcripts/sess_1.json"))["entries"][0]["text"] == "hello"
    assert zipped.read(f"recordings/{session.id}/part-00001") == b"hello"
    index = json.loads(zipped.read("index.json"))
    assert (index["transcripts"], index["files"]) == (1, 2)
    assert index["rows"]["keys.ApiKey"] == 1
    assert export.size == store.find(export.file).size
    [told] = mail.outbox
    assert told.to == [acme.user.email]
    assert "/acme/privacy/" in told.body


def test_no_table_gives_away_a_secret_or_what_the_operator_pays() -> None:
    names = {f"{model._meta.label}.{name}" for model in exported_tables() for name in exported_fields(model)}
    assert [name for name in names if any(part in name for part in ("sealed", "digest", "pepper"))] == []
    assert "usage.UsageLine.cost_micro" not in names
    assert {"usage.UsageLine.price_micro", "audit.AuditEvent.actor_label"} <= names


def test_its_file_goes_after_a_week(acme: Person) -> None:
    export = made()
    assert exports_expire(now=timezone.now() + timedelta(days=6)) == 0
    assert exports_expire(now=timezone.now() + timedelta(days=8)) == 1
    assert list(store.names(store.name_of("privacy"))) == []
    export.refresh_from_db()
    assert export.file == ""


def told(words: str) -> None:
    talk("sess_1", who="patient", words=words)
    Transcript.objects.update(entries=[{"kind": "user", "start_ms": 0, "end_ms": 900, "text": words}])


def erased(who: str) -> Erasure:
    erasure = person_erase(identifier=who)
    assert job_run(Job.objects.get(kind=ERASE, key=str(erasure.id)).id)
    erasure.refresh_from_db()
    return erasure


def test_one_that_has_a_person_who_is_erased_goes_and_the_manifest_says_so(acme: Person) -> None:
    told("Wellington")
    export = made()
    name = export.file
    erasure = erased("patient")
    export.refresh_from_db()
    assert export.file == ""
    assert list(store.names(store.name_of("privacy", "exports"))) == []
    manifest = json.loads(b"".join(store.read(erasure.manifest)))["manifest"]
    assert name in [file["name"] for part in manifest["removed"] for file in part["files"]]
    again = made()
    assert "Wellington" not in str({name: opened(again).read(name) for name in opened(again).namelist()})


def test_one_that_is_made_while_a_person_is_erased_is_made_anew(
    acme: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("Wellington")
    export = export_request()
    job = Job.objects.get(kind=EXPORT, key=str(export.id))
    really_put = store.put

    def meanwhile(name: str, content: Iterable[bytes]) -> int:
        monkeypatch.undo()
        erased("patient")
        return really_put(name, content)

    monkeypatch.setattr(store, "put", meanwhile)
    assert job_run(job.id)
    export.refresh_from_db()
    assert export.file == ""
    assert list(store.names(store.name_of("privacy", "exports"))) == []
    assert job_run(job.id)
    export.refresh_from_db()
    assert "Wellington" not in str({name: opened(export).read(name) for name in opened(export).namelist()})


def test_a_file_that_no_export_knows_goes_unless_one_is_being_made(acme: Person) -> None:
    export = made()
    store.put(f"{exports_folder()}/lost/export.zip", [b"Wellington"])
    waiting = export_request()
    assert orphans_delete() == 0
    export_cancel(export=waiting)
    assert orphans_delete() == 1
    assert list(store.names(exports_folder())) == [export.file]


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_the_files_of_a_deleted_tenant_go_with_it(alice: Person, mallory: Person) -> None:
    for person in (alice, mallory):
        with tenant_context(person.tenant.id):
            store.put(store.name_of("recordings", "x", "part-00001"), [b"sound"])
    tenant_id = alice.tenant.id
    with across_tenants(reason="test"):
        tenant_purge(tenant=alice.tenant)
        assert list(store.names(str(tenant_id))) == []
        assert len(list(store.names(str(mallory.tenant.id)))) == 1
