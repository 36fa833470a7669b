"""Lanes: of jobs that may take minutes, or wait for others' servers, one worker runs only so many at the same time:
its other threads are free for those that take a second. JOB_LANES has how many."""

import threading
import uuid
from functools import cache

from django.conf import settings

from apps.jobs.kinds import kind_of


class Lane:
    """Those that come while no place is free wait here, in their order. What waits when a process dies, the sweep
    finds."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: dict[uuid.UUID, uuid.UUID] = {}  # their tenants by the jobs' ids
        self._lock = threading.Lock()

    def enter(self, job_id: uuid.UUID, tenant_id: uuid.UUID) -> bool:
        """Whether there was a place, which the caller leaves when it is done."""
        with self._lock:
            if self._places == 0:
                self._waiting[job_id] = tenant_id
                return False
            self._places -= 1
            return True

    def leave(self) -> tuple[uuid.UUID, uuid.UUID] | None:
        """The job that has waited the longest, and its tenant: it is time to tell workers of it once more."""
        with self._lock:
            self._places += 1
            if not self._waiting:
                return None
            job_id = next(iter(self._waiting))
            return job_id, self._waiting.pop(job_id)


def lane_of(kind_name: str) -> Lane | None:
    """None for jobs of which any number may run."""
    kind = kind_of(kind_name)
    return _lane(kind.lane) if kind is not None and kind.lane else None


@cache
def _lane(name: str) -> Lane:
    return Lane(settings.JOB_LANES[name])
