import uuid
from datetime import datetime
from typing import Any, Literal

from ninja import Query, Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.paging import Page, PageQuery, page_of
from apps.api.v1.problems import not_found
from apps.core.addresses import site_url
from apps.keys.models import Scope
from apps.privacy.erasing import LONGEST_IDENTIFIER, person_erase
from apps.privacy.exporting import export_request
from apps.privacy.models import Erasure, Subject, TenantExport
from apps.privacy.selectors import (
    Progress,
    erasure_find,
    erasure_list,
    export_find,
    export_list,
    progress_of,
)
from apps.privacy.services import erasure_retry, export_cancel

area = Area("Privacy")

State = Literal["waiting", "running", "done", "failed", "cancelled", "expired"]


class ErasureOut(Schema):
    """That a session, or everything of a person, is erased."""

    id: uuid.UUID
    subject: Subject
    pseudonym: str = Field(
        description="Of a person: what stands for them from now on; of a session: its id.",
        examples=["8c1f0e5d2a7b4c3f9e6d1a0b5c8e7f42"],
    )
    state: State
    percent: int | None = Field(description="How far it is; null while nobody knows.")
    error: str = Field(description="Why it failed; else empty.")
    asked_by: str
    asked_at: datetime
    finished_at: datetime | None
    sessions: int
    rows: int
    files: int
    manifest_url: str | None = Field(
        description="Of the signed list of all that was removed. Works for 15 minutes, without a key; null: it is "
        "not made yet."
    )
    manifest_sha256: str


class ErasurePage(Page[ErasureOut]):
    pass


class NewErasure(BaseModel):
    model_config = ConfigDict(extra="forbid")

    identifier: str = Field(
        min_length=1,
        max_length=LONGEST_IDENTIFIER,
        description="The person's safety identifier, as your apps give it when they open sessions.",
        examples=["user-4711"],
    )


class ExportOut(Schema):
    """Everything of the workspace in one ZIP file."""

    id: uuid.UUID
    state: State = Field(description="Expired: its file was kept for a week.")
    percent: int | None
    error: str
    asked_by: str
    asked_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    size: int = Field(description="In bytes.")
    download_url: str | None = Field(
        description="Works for 15 minutes, without a key; null: there is no file."
    )


class ExportPage(Page[ExportOut]):
    pass


@area.operation("GET", "/erasures", "erasures_list", scope=Scope.PRIVACY_READ, response=ErasurePage)
def list_erasures(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List erasures, the newest first."""
    page = page_of(erasure_list(), query, by="asked_at")
    return {**page, "data": [_erasure(progress) for progress in progress_of(page["data"])]}


@area.operation(
    "POST", "/erasures", "erasures_create", scope=Scope.PRIVACY_ERASE, response=ErasureOut, status=201
)
def create_erasure(request: ApiRequest, body: NewErasure) -> Any:
    """Erase everything of a person.

    Their running sessions end; then all their sessions go, with everything that is kept of them. Nobody can bring
    them back.
    """
    return _erasure(*progress_of([person_erase(identifier=body.identifier)]))


@area.operation(
    "GET",
    "/erasures/{uuid:erasure_id}",
    "erasures_get",
    scope=Scope.PRIVACY_READ,
    response=ErasureOut,
)
def get_erasure(request: ApiRequest, erasure_id: uuid.UUID) -> Any:
    """Show an erasure, with an address of its manifest."""
    return _erasure(*progress_of([_find_erasure(erasure_id)]))


@area.operation(
    "POST",
    "/erasures/{uuid:erasure_id}/retry",
    "erasures_retry",
    scope=Scope.PRIVACY_ERASE,
    response=ErasureOut,
)
def retry_erasure(request: ApiRequest, erasure_id: uuid.UUID) -> Any:
    """Go on with an erasure that failed."""
    erasure = _find_erasure(erasure_id)
    erasure_retry(erasure=erasure)
    return _erasure(*progress_of([erasure]))


@area.operation("GET", "/exports", "exports_list", scope=Scope.PRIVACY_EXPORT, response=ExportPage)
def list_exports(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """List exports, the newest first."""
    page = page_of(export_list(), query, by="asked_at")
    return {**page, "data": [_export(progress) for progress in progress_of(page["data"])]}


@area.operation(
    "POST", "/exports", "exports_create", scope=Scope.PRIVACY_EXPORT, response=ExportOut, status=201
)
def create_export(request: ApiRequest) -> Any:
    """Have everything of the workspace put into one file."""
    return _export(*progress_of([export_request()]))


@area.operation(
    "GET", "/exports/{uuid:export_id}", "exports_get", scope=Scope.PRIVACY_EXPORT, response=ExportOut
)
def get_export(request: ApiRequest, export_id: uuid.UUID) -> Any:
    """Show an export, with an address of its file."""
    return _export(*progress_of([_find_export(export_id)]))


@area.operation(
    "POST",
    "/exports/{uuid:export_id}/cancel",
    "exports_cancel",
    scope=Scope.PRIVACY_EXPORT,
    response=ExportOut,
)
def cancel_export(request: ApiRequest, export_id: uuid.UUID) -> Any:
    """Cancel an export that is being made."""
    export = _find_export(export_id)
    export_cancel(export=export)
    return _export(*progress_of([export]))


def _erasure(progress: Progress) -> dict[str, Any]:
    erasure = progress.row
    assert isinstance(erasure, Erasure)
    return {
        "id": erasure.id,
        "subject": erasure.subject,
        "pseudonym": erasure.pseudonym,
        "asked_by": erasure.asked_by,
        "asked_at": erasure.asked_at,
        "finished_at": erasure.finished_at,
        "sessions": erasure.sessions,
        "rows": erasure.rows,
        "files": erasure.files,
        "manifest_sha256": erasure.manifest_sha256,
        "manifest_url": site_url(progress.link) if progress.link else None,
        **_state(progress),
    }


def _export(progress: Progress) -> dict[str, Any]:
    export = progress.row
    assert isinstance(export, TenantExport)
    return {
        "id": export.id,
        "asked_by": export.asked_by,
        "asked_at": export.asked_at,
        "finished_at": export.finished_at,
        "expires_at": export.expires_at,
        "size": export.size,
        "download_url": site_url(progress.link) if progress.link else None,
        **_state(progress),
    }


def _state(progress: Progress) -> dict[str, Any]:
    return {"state": progress.state, "percent": progress.percent, "error": progress.error}


def _find_erasure(erasure_id: uuid.UUID) -> Erasure:
    """Raises Problem."""
    erasure = erasure_find(erasure_id)
    if erasure is None:
        raise not_found("erasure")
    return erasure


def _find_export(export_id: uuid.UUID) -> TenantExport:
    """Raises Problem."""
    export = export_find(export_id)
    if export is None:
        raise not_found("export")
    return export
