"""Jobs that may take minutes never keep all threads of a worker busy."""

import threading
import uuid
from collections.abc import Iterator
from unittest import mock

import pytest
from django.conf import settings

from apps.core.tenancy import tenant_context
from apps.jobs import lanes, tasks
from apps.jobs.lanes import Lane, lane_of
from apps.jobs.running import Running
from tests.jobs.conftest import Declare

TENANT = uuid.uuid4()


@pytest.fixture(autouse=True)
def empty_lanes() -> Iterator[None]:
    lanes._lane.cache_clear()
    yield
    lanes._lane.cache_clear()


def nothing(running: Running) -> None: ...


def test_those_that_find_no_place_come_in_their_order() -> None:
    lane = Lane(2)
    jobs = [uuid.uuid4() for _ in range(5)]
    assert [lane.enter(job, TENANT) for job in jobs] == [True, True, False, False, False]
    assert not lane.enter(jobs[2], TENANT)  # told of once more
    assert lane.leave() == (jobs[2], TENANT)
    assert lane.enter(jobs[2], TENANT)
    assert [lane.leave(), lane.leave()] == [(jobs[3], TENANT), (jobs[4], TENANT)]
    assert [lane.enter(job, TENANT) for job in jobs] == [True, True, False, False, False]


def test_kinds_without_a_lane_need_no_place(declare: Declare) -> None:
    assert lane_of(declare(nothing)) is None
    assert lane_of("test.of_tomorrow") is None
    long = lane_of(declare(nothing, name="test.long", lane="long"))
    assert long is lane_of("test.long")


def test_no_more_of_a_lane_run_at_once_than_it_has_places_and_all_run_in_the_end(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = settings.JOB_LANES["long"]
    long, short = declare(nothing, name="test.long", lane="long"), declare(nothing, name="test.short")
    ids = {uuid.uuid4(): long for _ in range(6)} | {uuid.uuid4(): short for _ in range(4)}
    busy, ran, may_end = 0, list[uuid.UUID](), threading.Event()
    lock, started = threading.Lock(), threading.Semaphore(0)

    def run(job_id: uuid.UUID) -> None:
        nonlocal busy
        if ids[job_id] == long:
            with lock:
                busy += 1
                assert busy <= most
            started.release()
            assert may_end.wait(10)
            with lock:
                busy -= 1
        ran.append(job_id)

    told: list[uuid.UUID] = []
    monkeypatch.setattr(tasks, "job_run", run)
    monkeypatch.setattr(tasks, "nudge", lambda kind, job_id, tenant_id: told.append(job_id))

    def receive(job_id: uuid.UUID) -> None:
        tasks.run_job.run(TENANT, str(job_id), ids[job_id])

    threads = [threading.Thread(target=receive, args=[job_id]) for job_id in ids if ids[job_id] == long]
    for thread in threads:
        thread.start()
    for _ in range(most):
        assert started.acquire(timeout=10)
    for job_id in (job_id for job_id in ids if ids[job_id] == short):
        receive(job_id)  # at once, though all places of the lane are taken
    assert len(ran) == 4
    may_end.set()
    for thread in threads:
        thread.join(10)
    while told:
        receive(told.pop())
    assert sorted(ran) == sorted(ids)


def test_a_place_is_free_again_after_an_error(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    long = declare(nothing, lane="long")
    monkeypatch.setattr(tasks, "job_run", mock.Mock(side_effect=OSError))
    for _ in range(settings.JOB_LANES["long"] + 1):
        with tenant_context(TENANT), pytest.raises(OSError):
            tasks.run_job.run(TENANT, str(uuid.uuid4()), long)
