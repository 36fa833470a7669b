from collections.abc import Callable, Iterator

import pytest

from apps.core.tenancy import tenant_context
from apps.jobs import kinds
from apps.jobs.kinds import Work, job_kind
from tests.cast import Person

Declare = Callable[..., str]


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Declares a kind for the test and returns its name."""
    monkeypatch.setattr(kinds, "_kinds", dict(kinds._kinds))

    def declare(work: Work, *, name: str = "test.work", attempts: int = 3, lane: str = "") -> str:
        job_kind(name, label="Work of a test", attempts=attempts, lane=lane)(work)
        return name

    return declare


@pytest.fixture
def acme(alice: Person) -> Iterator[Person]:
    """Alice, whose tenant everything works for."""
    with tenant_context(alice.tenant.id):
        yield alice
