"""The kinds of jobs there are. Each application's `jobs.py` declares its own, with `job_kind`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apps.jobs.running import Running

Work = Callable[["Running"], None]


class JobFailed(Exception):
    """It can't be done, and trying again would not help. The message is a sentence for people."""


class JobNotYet(Exception):
    """What it needs is not there yet: it is looked at again in so many seconds, and no attempt is counted."""

    def __init__(self, seconds: float, note: str = "") -> None:
        super().__init__(note)
        self.seconds = seconds
        self.note = note


@dataclass(frozen=True, slots=True)
class Kind:
    """`attempts` is how often it is tried before it is a dead letter."""

    name: str
    label: str
    work: Work
    attempts: int


_kinds: dict[str, Kind] = {}


def job_kind(name: str, *, label: str, attempts: int = 8) -> Callable[[Work], Work]:
    """Declares that jobs of this kind are done by the function below, inside the job's tenant.

    It may run several times, also after it was killed half way: what it leaves must be the same. It ends with
    `with running.finish():` around its last writes, which are kept if and only if the job is done by that.
    """

    def declare(work: Work) -> Work:
        _kinds[name] = Kind(name, label, work, attempts)
        return work

    return declare


def kind_of(name: str) -> Kind | None:
    return _kinds.get(name)


def kind_list() -> list[Kind]:
    return list(_kinds.values())
