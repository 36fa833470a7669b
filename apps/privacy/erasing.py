"""Gone means gone: a session, or everything of a person, with a record of every object that was removed.

What goes from the database in one transaction is a step, which is written in that transaction; its files follow,
and then the manifest is signed. So wherever it is interrupted, it goes on from there and the manifest is whole.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.audit import services as audit
from apps.audit.acting import current_actor
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import atomic
from apps.files import store
from apps.jobs.services import job_add
from apps.privacy.exporting import exports_drop
from apps.privacy.models import Erasure, ErasureStep, Subject
from apps.privacy.registry import Rows, SessionRef, kept_list, spool_list
from apps.privacy.removing import person_rows_delete, session_rows_delete
from apps.privacy.signing import signed
from apps.tenants.models import Tenant

ERASE = "privacy.erase"
LONGEST_IDENTIFIER = 512
IDENTIFIER_KEPT = 200  # characters of it that a session's row has


@atomic()
def session_delete(*, session: RealtimeSession) -> Erasure:
    """With all that is kept of it: its rows at once, its files and the manifest soon after. Raises ValidationError
    while it is running."""
    if session.ended_at is None:
        raise ValidationError("The session is still running: end it first, then delete it.")
    audit.record(
        action="session.deleted",
        target=session,
        before={"model": session.model, "started_at": session.started_at, "turns": session.turns},
    )
    erasure = Erasure(
        subject=Subject.SESSION, pseudonym=session.session_id, asked_by=current_actor.get().label
    )
    erasure.save()
    session_erase(erasure, SessionRef.of(session))
    job_add(kind=ERASE, key=str(erasure.id))
    return erasure


@atomic()
def person_erase(*, identifier: str) -> Erasure:
    """Has everything erased of the person whom the current tenant's clients call so (their safety identifier), and
    their running sessions ended. Raises ValidationError, Unsealable."""
    identifier = identifier.strip()
    if not identifier or len(identifier) > LONGEST_IDENTIFIER:
        raise ValidationError(
            {"identifier": f"Give the person's safety identifier, of 1 to {LONGEST_IDENTIFIER} characters."}
        )
    erasure = Erasure(
        subject=Subject.PERSON, pseudonym=pseudonym_of(identifier), asked_by=current_actor.get().label
    )
    erasure.claim()
    erasure.seal_identifier(identifier)
    erasure.save()
    audit.record(action="person.erased", target=erasure, label=erasure.pseudonym)
    job_add(kind=ERASE, key=str(erasure.id))
    return erasure


def pseudonym_of(identifier: str) -> str:
    """Another one each time, since the key that it is made with is kept nowhere."""
    return hmac.digest(secrets.token_bytes(32), identifier.encode(), "sha256").hex()[:32]


def sessions_of_person(identifier: str) -> Rows:
    return RealtimeSession.objects.filter(safety_identifier=identifier[:IDENTIFIER_KEPT])


@atomic()
def session_erase(erasure: Erasure, ref: SessionRef) -> None:
    removed = session_rows_delete(ref)
    _step(
        erasure,
        session_row=ref.id,
        session_id=ref.session_id,
        rows=removed.rows,
        kept=removed.kept,
        folders=removed.folders,
    )


@atomic()
def person_rest_erase(erasure: Erasure, identifier: str) -> None:
    """What names the person besides sessions."""
    if rows := person_rows_delete(identifier).rows:
        _step(erasure, rows=rows, files=[], files_gone_at=timezone.now())


@atomic()
def exports_erase(erasure: Erasure) -> None:
    """The person, or the session, is in them, too."""
    if folders := exports_drop():
        _step(erasure, folders=folders)


def _step(erasure: Erasure, **fields: Any) -> None:
    ErasureStep(erasure=erasure, number=erasure.steps.count() + 1, **fields).save()


# Files


def step_files_erase(step: ErasureStep) -> None:
    """Once more does no harm."""
    if step.files_gone_at is not None:
        return
    ref = SessionRef(step.session_row, step.session_id) if step.session_row is not None else None
    listed = list(step.files or [])
    known = {file["name"] for file in listed}
    in_store = [name for folder in step.folders for name in store.names(folder)]
    spooled = [path for find in spool_list() for path in find(ref) if path.is_file()] if ref else []
    listed += [_told(name, store.read(name)) for name in in_store if name not in known]
    listed += [
        _told(f"spool/{path.name}", _content(path)) for path in spooled if f"spool/{path.name}" not in known
    ]
    ErasureStep.objects.filter(id=step.id).update(files=listed)  # before the first is gone
    for name in in_store:
        store.delete(name)
    for path in spooled:
        path.unlink(missing_ok=True)
    ErasureStep.objects.filter(id=step.id).update(files_gone_at=timezone.now())


def _told(name: str, content: Iterator[bytes]) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    for piece in content:
        digest.update(piece)
        size += len(piece)
    return {"name": name, "sha256": digest.hexdigest(), "size": size}


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(store.READ_AT_ONCE):
            yield piece


# The manifest


def manifest_of(erasure: Erasure, now: datetime) -> dict[str, Any]:
    tenant = Tenant.objects.get(id=erasure.tenant_id)
    removed: list[dict[str, Any]] = []
    remaining: dict[str, dict[str, Any]] = {}
    why = {kept.model._meta.label: kept.why for kept in kept_list()}
    for step in erasure.steps.order_by("number").iterator(chunk_size=500):
        session = {"session": step.session_id} if step.session_id else {}
        removed.append({**session, "rows": step.rows, "files": step.files or []})
        for table, count in step.kept.items():
            remaining.setdefault(table, {"count": 0, "why": why.get(table, "")})["count"] += count
    return {
        "format": 1,
        "erasure": str(erasure.id),
        "tenant": {"id": str(tenant.id), "slug": tenant.slug},
        "subject": erasure.subject,
        "pseudonym": erasure.pseudonym,
        "asked_by": erasure.asked_by,
        "asked_at": erasure.asked_at.isoformat(),
        "finished_at": now.isoformat(),
        "removed": removed,
        "remaining": remaining,
    }


def manifest_name(erasure: Erasure) -> str:
    return store.name_of("privacy", "erasures", f"{erasure.id}.json")


def manifest_keep(erasure: Erasure, now: datetime) -> dict[str, Any]:
    """Signs it and puts it where manifests are. Returns the fields of the erasure that tell of it."""
    manifest = manifest_of(erasure, now)
    content = json.dumps(signed(manifest), indent=1, ensure_ascii=False).encode()
    store.put(manifest_name(erasure), [content])
    removed = manifest["removed"]
    return {
        "finished_at": now,
        "sealed_identifier": "",
        "manifest": manifest_name(erasure),
        "manifest_sha256": hashlib.sha256(content).hexdigest(),
        "sessions": sum("session" in part for part in removed),
        "rows": sum(table["count"] for part in removed for table in part["rows"].values()),
        "files": sum(len(part["files"]) for part in removed),
    }
