"""A job at work: claimed under a lease that is renewed while it runs, so that another worker takes it over when
this one dies, and finished in the transaction that writes its result, so that the result is there once."""

import random
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, connections
from django.db.models import F, Q
from django.utils import timezone

from apps.core.tenancy import atomic, current_database
from apps.jobs.kinds import ATTEMPTS, JobFailed, JobNotYet, kind_of
from apps.jobs.models import Job, JobState, new_lease

_HELD_FOR = timedelta(days=1)
_LONGEST_RUN = 6 * 3600.0  # seconds
_FIRST_WAIT = 5.0  # seconds until the second attempt; four times as long each time
_LONGEST_WAIT = 3600.0
_LOST = "Its worker was lost each time, perhaps because it takes more memory than there is."
_TOO_LONG = "It took longer than six hours."
_HELD_TOO_LONG = "What it waits for did not come within a day."

leaving = threading.Event()
"""Set when this process is told to stop: work that asks whether it should go on is left to another."""

log = structlog.get_logger(__name__)


class Stopped(Exception):
    """The job was cancelled, another worker has it, or this process ends: whatever was not written is dropped."""


def wait_after(attempts: int) -> timedelta:
    """Until the next attempt, after so many failed; a quarter of it is chance, so that many that failed together
    don't come back together."""
    seconds = min(_FIRST_WAIT * 4.0 ** min(attempts - 1, 8), _LONGEST_WAIT)
    return timedelta(seconds=seconds * random.uniform(0.75, 1.0))


class Running:
    """What the work of a job is given."""

    def __init__(self, job: Job) -> None:
        self.job_id: uuid.UUID = job.id
        self.tenant_id: uuid.UUID = job.tenant_id
        self.kind = job.kind
        self.key = job.key
        self.session_id = job.session_id
        self.arguments: dict[str, Any] = job.arguments
        self.attempt = job.attempts
        self._lease = job.lease
        self._stopped = threading.Event()

    def progress(self, done: int, steps: int, note: str = "") -> None:
        """Shows how far it is: `done` of `steps`. Not in a transaction, which would hide it, and the lease that
        is renewed by it, until its end. Raises Stopped."""
        self._renew(done=done, steps=steps, note=note[:200])
        self.check()

    def check(self) -> None:
        """Raises Stopped if the work is no longer wanted; costs nothing."""
        if self._stopped.is_set() or leaving.is_set():
            raise Stopped

    @contextmanager
    def finish(self) -> Iterator[None]:
        """What is written inside is kept if and only if the job is done by it. Raises Stopped."""
        with atomic():
            yield
            done = self._mine().update(
                state=JobState.DONE, error="", lease=None, leased_until=None, finished_at=timezone.now()
            )
            if not done:
                raise Stopped

    def _mine(self) -> Any:
        return Job.objects.filter(id=self.job_id, lease=self._lease, state=JobState.RUNNING)

    def _renew(self, **fields: Any) -> None:
        if not self._mine().update(leased_until=timezone.now() + _lease_time(), **fields):
            self._stopped.set()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Renews the lease from a thread of its own, since work may wait for long. Work that hangs is given up
        after _LONGEST_RUN, for another worker to try."""
        over = threading.Event()
        until = time.monotonic() + _LONGEST_RUN
        every = _lease_time().total_seconds() / 3
        context = copy_context()

        def renew() -> None:
            while not over.wait(every):
                if time.monotonic() > until:
                    log.error("job_hangs", kind=self.kind, job_id=str(self.job_id))
                    self._stopped.set()
                    return
                try:
                    self._renew()
                except Error as error:  # the lease is longer than a short absence of the database
                    log.warning("lease_not_renewed", job_id=str(self.job_id), error=str(error))
                finally:
                    connections[current_database()].close()

        thread = threading.Thread(target=lambda: context.run(renew), name="lease of a job", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def job_run(job_id: uuid.UUID) -> bool:
    """Runs a job of the current tenant, if it is due and nobody else runs it. Whether it was run."""
    job = _claim(job_id, timezone.now())
    if job is None:
        return False
    kind = kind_of(job.kind)
    if kind is None:  # perhaps a newer version, which is being rolled out, knows it
        _failed(job, ATTEMPTS, f"This version knows no job of the kind {job.kind!r}.")
        return False
    if job.attempts > kind.attempts:
        _end(job, JobState.FAILED, _LOST)
        return False
    running = Running(job)
    try:
        with running._kept():
            kind.work(running)
    except Stopped:
        log.info("job_stopped", kind=job.kind, job_id=str(job.id))
        # If it is still ours, which it is neither when it was cancelled nor when another worker has it.
        if leaving.is_set():
            _wait(job, timedelta(), attempts=F("attempts") - 1)
        else:
            _failed(job, kind.attempts, _TOO_LONG)
    except JobFailed as failed:
        _end(job, JobState.FAILED, str(failed))
    except JobNotYet as not_yet:
        _hold(job, not_yet)
    except Exception as error:
        log.exception("job_failed", kind=job.kind, job_id=str(job.id), attempt=job.attempts)
        _failed(job, kind.attempts, _told(error))
    else:
        _end(job, JobState.DONE, "")  # unless it finished itself, as it does when it writes something
    return True


def due(now: datetime) -> Q:
    """Jobs that wait for a worker, or lost theirs."""
    return Q(state=JobState.WAITING, run_at__lte=now) | Q(state=JobState.RUNNING, leased_until__lt=now)


def _claim(job_id: uuid.UUID, now: datetime) -> Job | None:
    lease = new_lease()
    claimed = (
        Job.objects.filter(due(now), id=job_id)
        .order_by()
        .update(
            state=JobState.RUNNING,
            lease=lease,
            leased_until=now + _lease_time(),
            attempts=F("attempts") + 1,
            started_at=now,
            nudged_at=None,  # so that who takes it over need not wait for a message that was read long ago
            done=0,
        )
    )
    return Job.objects.filter(id=job_id, lease=lease).first() if claimed else None


def _failed(job: Job, attempts: int, told: str) -> None:
    if job.attempts >= attempts:
        _end(job, JobState.FAILED, told)
    else:
        _wait(job, wait_after(job.attempts), error=told, held_since=None)


def _told(error: Exception) -> str:
    """What kind of error it was, and where: its message may hold what somebody said."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f"{Path(ours[-1].filename).stem}, line {ours[-1].lineno}" if ours else "an unknown place"
    return f"{type(error).__name__} in {place}: the log of the worker has more."


def _hold(job: Job, not_yet: JobNotYet) -> None:
    now = timezone.now()
    since = job.held_since or now
    if now - since > _HELD_FOR:
        _end(job, JobState.FAILED, f"{_HELD_TOO_LONG} {not_yet.note}".strip())
        return
    wait = timedelta(seconds=not_yet.seconds)
    _wait(job, wait, attempts=F("attempts") - 1, note=not_yet.note[:200], held_since=since)


def _wait(job: Job, wait: timedelta, **fields: Any) -> None:
    Job.objects.filter(id=job.id, lease=job.lease, state=JobState.RUNNING).update(
        state=JobState.WAITING,
        lease=None,
        leased_until=None,
        run_at=timezone.now() + wait,
        nudged_at=None,
        **fields,
    )


def _end(job: Job, state: JobState, error: str) -> None:
    Job.objects.filter(id=job.id, lease=job.lease, state=JobState.RUNNING).update(
        state=state, error=error, lease=None, leased_until=None, finished_at=timezone.now()
    )


def _lease_time() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)
