"""Kinds of jobs whose workers are killed. A worker loads them with `--include`."""

import os
import signal
import threading
import time
import uuid
from random import Random

from apps.audit.services import record
from apps.jobs.kinds import job_kind
from apps.jobs.models import Job
from apps.jobs.running import Running

PARENT = "KILLED_JOBS_PARENT"
"""The test's process, in the environment of workers: if it is killed itself, it leaves none behind."""
SHORT, LONG = "test.killed.short", "test.killed.long"
DONE = "test.killed"
_random = Random(os.urandom(8))


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


if PARENT in os.environ:
    threading.Thread(target=_end_with, args=[int(os.environ[PARENT])], daemon=True).start()


def _work(running: Running, steps: int) -> None:
    for step in range(steps):
        running.progress(step, steps, f"by {os.getpid()}")
        time.sleep(_random.uniform(0.1, 0.5))  # without asking whether the job is still its own
    with running.finish():
        record(action=DONE, target=Job(id=uuid.uuid4()), label=running.key)
        time.sleep(_random.uniform(0, 0.1))


@job_kind(SHORT, label="Killed", attempts=1000)
def short(running: Running) -> None:
    _work(running, 1)


@job_kind(LONG, label="Killed, and long", attempts=1000, lane="long")
def long(running: Running) -> None:
    _work(running, 3)
