"""How long what is kept of sessions is kept, and its end."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from apps.agents.models import AgentVersion
from apps.conversations.models import RealtimeSession, SessionEvent, SessionText
from apps.core.tenancy import atomic
from apps.files import store
from apps.jobs.models import JobState
from apps.jobs.selectors import job_list
from apps.privacy.exporting import EXPORT, exports_folder
from apps.privacy.models import TenantExport
from apps.privacy.registry import Rows, SessionRef
from apps.privacy.removing import session_rows_delete
from apps.recordings.models import Recording, RecordingState
from apps.tenants.models import Tenant
from apps.transcripts.models import Insights, Transcript

_AT_ONCE = 200
_EVENTS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Days:
    """How long after a session's end its log, its transcript (with what was made of it) and its recording go. The
    session itself, which by then is facts without words, goes with the last of them."""

    log: int
    transcript: int
    recording: int

    @property
    def longest(self) -> int:
        return max(self.log, self.transcript, self.recording)


@dataclass(frozen=True, slots=True)
class Expired:
    """How many of each have gone."""

    recordings: int = 0
    transcripts: int = 0
    logs: int = 0
    sessions: int = 0


def days_of(tenant: Tenant, privacy: Mapping[str, Any] | None = None) -> Days:
    """What an agent's spec says goes before what the tenant says, and that before the platform's.

    A log has the words, too, so it never outlives the transcript; and where nobody says how long transcripts are
    kept, they don't go before the log.
    """
    asked = privacy or {}
    log = asked.get("log_days") or tenant.log_days or settings.SESSION_LOG_DAYS
    transcript = asked.get("transcript_days") or tenant.transcript_days or max(settings.TRANSCRIPT_DAYS, log)
    recording = asked.get("recording_days") or tenant.recording_days or settings.RECORDING_DAYS
    return Days(min(log, transcript), transcript, recording)


def retention_apply(*, tenant: Tenant, now: datetime) -> Expired:
    """Deletes what the current tenant has kept for long enough. In small steps, each of which is a transaction of
    its own, so that nobody waits long for a lock; once more does no harm."""
    counts = [0, 0, 0, 0]
    for days, sessions in _groups(tenant):
        ended = [
            sessions & Q(ended_at__lt=now - timedelta(days=kept))
            for kept in (days.recording, days.transcript, days.log, days.longest)
        ]
        for index, (delete, which) in enumerate(zip(_DELETE, ended, strict=True)):
            counts[index] += delete(RealtimeSession.objects.filter(which))
    return Expired(*counts)


def _groups(tenant: Tenant) -> Iterable[tuple[Days, Q]]:
    """The tenant's sessions by how long they are kept, as the versions of agents say that held them."""
    versions: defaultdict[Days, list[Any]] = defaultdict(list)
    for version in AgentVersion.objects.only("id", "spec").iterator(chunk_size=_AT_ONCE):
        versions[days_of(tenant, version.spec.get("privacy"))].append(version.id)
    usual = days_of(tenant)
    others = [id for days, ids in versions.items() if days != usual for id in ids]
    yield usual, ~Q(agent_version__in=others)
    for days, ids in versions.items():
        if days != usual:
            yield days, Q(agent_version__in=ids)


def _recordings_delete(sessions: Rows) -> int:
    """That there was one stays."""
    count = 0
    kept = Recording.objects.filter(session__in=sessions).exclude(state=RecordingState.DELETED)
    while some := list(kept.values_list("id", "session_id")[:_AT_ONCE]):
        Recording.objects.filter(id__in=[id for id, _ in some]).update(
            state=RecordingState.DELETED, size_bytes=0, timeline={}
        )
        for _, session_id in some:  # should this be interrupted, `orphans_delete` finds them
            store.delete_all(store.name_of("recordings", session_id))
        count += len(some)
    return count


def _transcripts_delete(sessions: Rows) -> int:
    count = 0
    for model in (Transcript, Insights, SessionText):
        rows = model.objects.filter(session__in=sessions).order_by()
        while ids := list(rows.values_list("id", flat=True)[:_AT_ONCE]):
            model.objects.filter(id__in=ids).delete()
            count += len(ids) if model is Transcript else 0
    return count


def _logs_delete(sessions: Rows) -> int:
    count = 0
    logged = sessions.filter(Exists(SessionEvent.objects.filter(session_id=OuterRef("id"))))
    while ids := list(logged.order_by().values_list("id", flat=True)[:_AT_ONCE]):
        events = SessionEvent.objects.filter(session_id__in=ids).order_by()
        while events.filter(id__in=events.values("id")[:_EVENTS_AT_ONCE]).delete()[0]:
            pass
        count += len(ids)
    return count


def _sessions_delete(sessions: Rows) -> int:
    count = 0
    while some := list(sessions.order_by("started_at")[:_AT_ONCE]):
        for session in some:
            removed = session_rows_delete(SessionRef.of(session))
            for folder in removed.folders:
                store.delete_all(folder)
        count += len(some)
    return count


_DELETE = (_recordings_delete, _transcripts_delete, _logs_delete, _sessions_delete)


def orphans_delete() -> int:
    """Files of recordings and exports that nobody knows any more: what was put while its session was deleted, or
    was to go when a worker died. Returns how many files those were."""
    orphans = _orphans_of_recordings() + _orphans_of_exports()
    for name in orphans:
        store.delete(name)
    return len(orphans)


def _orphans_of_exports() -> list[str]:
    found = list(store.names(exports_folder()))  # before one that is finished meanwhile could be among them
    if not found or TenantExport.objects.filter(id__in=_live_exports()).exists():
        return []
    known = set(TenantExport.objects.values_list("file", flat=True))
    return [name for name in found if name not in known]


def _live_exports() -> list[uuid.UUID]:
    live = job_list(kinds=[EXPORT], states=[JobState.WAITING, JobState.RUNNING])
    return [uuid.UUID(key) for key in live.values_list("key", flat=True)]


def _orphans_of_recordings() -> list[str]:
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for name in store.names(store.name_of("recordings")):
        folders[name.split("/")[2]].append(name)
    known = set(
        map(
            str,
            Recording.objects.filter(session_id__in=list(folders))
            .exclude(state=RecordingState.DELETED)
            .values_list("session_id", flat=True),
        )
    )
    return [name for folder, names in folders.items() if folder not in known for name in names]


@atomic()
def exports_expire(*, now: datetime | None = None) -> int:
    """Deletes the files of exports whose time is over; that there was one is told further on."""
    over = TenantExport.objects.filter(expires_at__lt=now or timezone.now()).exclude(file="")
    for export in over:
        store.delete(export.file)
        TenantExport.objects.filter(id=export.id).update(file="")
    return len(over)
