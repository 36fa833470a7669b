import time

from django.utils import timezone

from apps.conversations.outside import hang_up
from apps.credentials.sealing import Unsealable
from apps.jobs.kinds import JobFailed, job_kind
from apps.jobs.running import Running
from apps.privacy import erasing
from apps.privacy.models import Erasure, ErasureStep
from apps.privacy.registry import SessionRef

_PATIENCE = 20.0  # seconds for sessions that were hung up to be over
_LOOK = 0.25


class StillRunning(Exception):
    """A session of the person can't be ended yet; it is over two minutes after its process was lost."""


@job_kind(erasing.ERASE, label="Erasure", attempts=12)
def erase(running: Running) -> None:
    erasure = Erasure.objects.filter(id=running.key).first()
    if erasure is None or erasure.finished_at is not None:
        return
    if erasure.sealed_identifier:
        _erase_rows(running, erasure)
    steps = ErasureStep.objects.filter(erasure=erasure, files_gone_at=None).order_by("number")
    count = steps.count()
    for number, step in enumerate(steps.iterator(chunk_size=100)):
        running.progress(number, count, "Deleting files")
        erasing.step_files_erase(step)
    fields = erasing.manifest_keep(erasure, timezone.now())
    with running.finish():
        Erasure.objects.filter(id=erasure.id).update(**fields)


def _erase_rows(running: Running, erasure: Erasure) -> None:
    try:
        identifier = erasure.unseal_identifier()
    except Unsealable as error:
        raise JobFailed(f"{error} Ask for the erasure again.") from None
    sessions = erasing.sessions_of_person(identifier).exclude(ended_at=None)
    _end(running, erasure, identifier)
    done = erasure.steps.count()
    while session := sessions.order_by("started_at").first():
        running.progress(done, done + sessions.count(), "Deleting sessions")
        erasing.session_erase(erasure, SessionRef.of(session))
        done += 1
    erasing.person_rest_erase(erasure, identifier)


def _end(running: Running, erasure: Erasure, identifier: str) -> None:
    """Raises StillRunning."""
    still = erasing.sessions_of_person(identifier).filter(ended_at=None)
    for session in still:
        running.progress(0, 0, "Ending sessions")
        hang_up(session.call_id, str(session.tenant_id))
    until = time.monotonic() + _PATIENCE
    while still.exists():
        running.check()
        if time.monotonic() > until:
            raise StillRunning("A session of this person is still running.")
        time.sleep(_LOOK)
