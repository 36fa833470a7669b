"""The kinds of jobs there are. Each application's `jobs.py` declares its own, with `job_kind`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from apps.jobs.running import Running

Work = Callable[["Running"], None]
ATTEMPTS = 8


class JobFailed(Exception):
    """It can't be done, and trying again would not help. The message is a sentence for people."""


class JobNotYet(Exception):
    """What it needs is not there yet: it is looked at again in so many seconds, and no attempt is counted. After a
    day of that it is a dead letter. The note is a sentence for people."""

    def __init__(self, seconds: float, note: str = "") -> None:
        super().__init__(note)
        self.seconds = seconds
        self.note = note


@dataclass(frozen=True, slots=True)
class Kind:
    """`attempts` is how often it is tried before it is a dead letter; `lane` see `apps.jobs.lanes`."""

    name: str
    label: str
    work: Work
    attempts: int
    lane: str = ""


_kinds: dict[str, Kind] = {}


def job_kind(name: str, *, label: str, attempts: int = ATTEMPTS, lane: str = "") -> Callable[[Work], Work]:
    """Declares that jobs of this kind are done by the function below, inside the job's tenant. What may take
    minutes has a `lane`, one of JOB_LANES, so that it can't keep all threads of a worker busy.

    It may run several times, also after it was killed half way: what it leaves must be the same. It ends with
    `with running.finish():` around its last writes, which are kept if and only if the job is done by that.
    """

    def declare(work: Work) -> Work:
        if lane and lane not in settings.JOB_LANES:
            raise ImproperlyConfigured(
                f"JOB_LANES has no lane {lane!r}, which jobs of the kind {name!r} want."
            )
        _kinds[name] = Kind(name, label, work, attempts, lane)
        return work

    return declare


def kind_of(name: str) -> Kind | None:
    return _kinds.get(name)


def kind_list() -> list[Kind]:
    return list(_kinds.values())
