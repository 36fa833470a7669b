"""Time for tests: an event loop whose clock jumps to the next timer as soon as nothing else can happen.

A test directory switches it on in its conftest.py:

    from tests.virtual_clock import no_leaked_tasks, pytest_asyncio_loop_factories

    __all__ = ["no_leaked_tasks", "pytest_asyncio_loop_factories"]

Every async test below it then runs on a `VirtualClockLoop`, and fails if it leaves a task behind.
"""

import asyncio
import selectors
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

import pytest


class Deadlock(AssertionError):
    """Every task waits, and nothing is left that could wake one."""


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """`time()` is virtual, in seconds, and starts at 0.

    While a socket is open or a job runs in an executor, time is real: their progress can't be hurried.
    When no timer is set, sockets and other threads get `patience` real seconds to wake the loop; then it is
    a `Deadlock`.
    """

    def __init__(self, patience: float = 20.0) -> None:
        self.now = 0.0
        self.patience = patience
        self.jobs = 0
        super().__init__(_VirtualSelector(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _: asyncio.Future[Any]) -> None:
        self.jobs -= 1


class _VirtualSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualClockLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if timeout is None:
            return self._wait_for_others()
        if self._is_real():
            return self._real_time(timeout)
        events = super().select(0)
        if not events:
            self._loop.now += timeout
        return events

    def _is_real(self) -> bool:
        return self._loop.jobs > 0 or len(self.get_map()) > 1  # the loop's own wake-up socket is always there

    def _real_time(self, timeout: float) -> list[tuple[selectors.SelectorKey, int]]:
        start = time.monotonic()
        events = super().select(timeout)
        self._loop.now += time.monotonic() - start if events else timeout
        return events

    def _wait_for_others(self) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._real_time(self._loop.patience)
        while not events and self._loop.jobs:  # an executor's job is no deadlock, however long it takes
            events = self._real_time(self._loop.patience)
        if not events:
            waiting = _describe(asyncio.all_tasks(self._loop))
            raise Deadlock(f"Nothing can happen any more: no timer is set and every task waits.\n{waiting}")
        return events


def _describe(tasks: Iterable[asyncio.Task[Any]]) -> str:
    lines = []
    for task in tasks:
        frame = next(iter(task.get_stack(limit=1)), None)
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "finished"
        lines.append(f"  {task.get_name()}: {getattr(task.get_coro(), '__qualname__', '')} at {where}")
    return "\n".join(sorted(lines))


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The hook of pytest-asyncio that chooses the event loop of a test."""
    return {"virtual": VirtualClockLoop}


@pytest.fixture(autouse=True)
async def no_leaked_tasks() -> AsyncIterator[None]:
    """Set up first, so torn down last: after the test's other fixtures have cleaned up."""
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        pytest.fail(f"The test left tasks behind:\n{_describe(left)}", pytrace=False)
