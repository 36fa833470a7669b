"""Everything of a tenant in one file: tables as JSON lines, transcripts, files, and an index of them."""

import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import IO, Any

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from apps.api.models import IdempotentRequest
from apps.audit import services as audit
from apps.audit.acting import ActorKind, current_actor
from apps.conversations.models import RealtimeSession
from apps.core.models import TenantModel
from apps.core.tenancy import atomic
from apps.files import store
from apps.files.links import link_to
from apps.jobs.services import job_add, jobs_restart
from apps.privacy.models import TenantExport
from apps.tenants.models import Tenant
from apps.transcripts.presenting import as_text, document

EXPORT = "privacy.export"
KEPT = timedelta(days=7)
FOLDERS = ("recordings", "reports", "privacy/erasures")

_AT_ONCE = 2000
_FORMAT = 1
# Secrets, also sealed ones, digests of them, and what only processes of the platform have a use for.
_NEVER = ("sealed_", "digest", "pepper", "lookup", "session_preset", "lease", "nudged_at")
_TABLES_NEVER: frozenset[type[TenantModel]] = frozenset({IdempotentRequest})  # sealed answers, for a day
_OF_OPERATOR = {"usage": {"cost_micro"}}  # what the operator pays is no business of tenants

Progress = Callable[[int, int, str], None]


@atomic()
def export_request() -> TenantExport:
    """Has it made for the current tenant. Who asked gets a mail when it is there, if it is a person."""
    actor = current_actor.get()
    export = TenantExport(asked_by=actor.label, mail_to=actor.label if actor.kind == ActorKind.PERSON else "")
    export.save()
    audit.record(action="export.requested", target=export)
    job_add(kind=EXPORT, key=str(export.id))
    return export


def new_name(export: TenantExport) -> str:
    """Of its file: in another folder each time that it is made."""
    return f"{exports_folder()}/{export.id}-{uuid.uuid4().hex[:8]}/export.zip"


def exports_folder() -> str:
    return store.name_of("privacy", "exports")


@atomic()
def exports_drop() -> list[str]:
    """Whoever was erased is still in the exports that there are: they expire, and those that are being made begin
    anew. Returns the folders of the files, which are still there."""
    jobs_restart(kind=EXPORT)
    TenantExport.objects.exclude(file="").update(file="")
    return [name.rpartition("/")[0] for name in store.names(exports_folder())]


def export_link(export: TenantExport) -> str:
    """A path that leads to its file for a quarter of an hour."""
    name = f"antiphon-export-{export.asked_at:%Y-%m-%d}.zip"
    return link_to(export.file, content_type="application/zip", filename=name)


def exported_tables() -> list[type[TenantModel]]:
    return sorted(
        (
            model
            for model in apps.get_models()
            if issubclass(model, TenantModel) and model not in _TABLES_NEVER
        ),
        key=lambda model: model._meta.label,
    )


def exported_fields(model: type[TenantModel]) -> list[str]:
    hidden = _OF_OPERATOR.get(model._meta.app_label, set())
    return [
        field.attname
        for field in model._meta.concrete_fields
        if not isinstance(field, models.BinaryField | models.GeneratedField)
        and not field.attname.startswith(_NEVER)
        and field.attname not in hidden
    ]


def export_write(file: IO[bytes], tenant: Tenant, progress: Progress) -> list[str]:
    """Writes all of the current tenant into a file, at constant memory. Returns the names of the tables."""
    tables = exported_tables()
    rows: dict[str, int] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for number, model in enumerate(tables):
            label = model._meta.label
            progress(number, len(tables) + 2, f"Table {label}")
            rows[label] = _put(zipped, f"tables/{label}.jsonl", _lines(model))
        progress(len(tables), len(tables) + 2, "Transcripts")
        transcripts = _transcripts(zipped, lambda: progress(len(tables), len(tables) + 2, "Transcripts"))
        files = 0
        for name in (name for folder in FOLDERS for name in store.names(store.name_of(folder))):
            progress(len(tables) + 1, len(tables) + 2, "Files")
            _put(zipped, name.partition("/")[2], store.read(name))
            files += 1
        index = {
            "format": _FORMAT,
            "tenant": {"id": str(tenant.id), "slug": tenant.slug, "name": tenant.name},
            "made_at": timezone.now().isoformat(),
            "rows": rows,
            "transcripts": transcripts,
            "files": files,
        }
        zipped.writestr("index.json", json.dumps(index, indent=1))
    return list(rows)


def _put(zipped: zipfile.ZipFile, name: str, content: Iterator[bytes]) -> int:
    """Returns of how many pieces it is."""
    count = 0
    with zipped.open(name, "w", force_zip64=True) as entry:
        for piece in content:
            entry.write(piece)
            count += 1
    return count


def _lines(model: type[TenantModel]) -> Iterator[bytes]:
    fields = exported_fields(model)
    rows: Any = model.objects.order_by("pk").values(*fields)
    last = None
    while chunk := list((rows if last is None else rows.filter(pk__gt=last))[:_AT_ONCE]):
        for row in chunk:
            yield (json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n").encode()
        last = chunk[-1][model._meta.pk.attname]


def _transcripts(zipped: zipfile.ZipFile, progress: Callable[[], None]) -> int:
    """Those of sessions that are over, for programs and for people."""
    count = 0
    sessions: Any = RealtimeSession.objects.filter(transcript__isnull=False).order_by("pk")
    last = None
    while chunk := list((sessions if last is None else sessions.filter(pk__gt=last))[:200]):
        progress()
        for session in chunk:
            told = document(session)
            text = json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
            zipped.writestr(f"transcripts/{session.session_id}.json", text)
            zipped.writestr(f"transcripts/{session.session_id}.txt", as_text(told))
            count += 1
        last = chunk[-1].pk
    return count
