"""The threads that run models, shared by every session of a process.

There are as many threads as cores, so that models never fight for a core; who goes first when all are busy is
decided here.
"""

import asyncio
import contextlib
import itertools
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Priority(IntEnum):
    """What runs first. The order is how surely somebody is waiting in silence, right now, for the result."""

    FINAL_TRANSCRIPT = 0  # the turn is over, and nothing else can start before this
    END_OF_TURN = 1  # the turn may be over; should the answer be late, the silence timeout decides
    FIRST_SPEECH = 2  # the reply exists as text, and nothing of it is heard yet
    SPEECH = 3  # earlier speech of the reply is still playing
    PARTIAL = 4  # pleasant to see, never waited for


@dataclass(frozen=True, slots=True)
class _Job:
    call: Callable[[], Any]
    future: asyncio.Future[Any]


_AFTER_ALL = len(Priority)


class InferencePool:
    """Runs blocking calls of any event loop in a fixed number of threads, the most urgent first."""

    def __init__(self, threads: int | None = None) -> None:
        """`threads`: the number of cores, unless given."""
        self.threads = threads or os.cpu_count() or 1
        # By priority, then first come, first served. None ends a thread.
        self._queue: queue.PriorityQueue[tuple[int, int, _Job | None]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._running = 0
        self._counting = threading.Lock()
        self._closed = False
        self._workers = [
            threading.Thread(target=self._work, name=f"inference-{number}", daemon=True)
            for number in range(self.threads)
        ]
        for worker in self._workers:
            worker.start()

    async def run(self, priority: Priority, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Waits for `call(*args, **kwargs)`. Cancelling the wait drops the call, if it has not begun."""
        return await self.submit(priority, call, *args, **kwargs)

    def submit(
        self, priority: Priority, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """Queues a call. The caller owns the future: cancelling it drops the call, if it has not begun.

        Raises RuntimeError after `close`.
        """
        if self._closed:
            raise RuntimeError("The inference pool is closed.")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = _Job(partial(call, *args, **kwargs), future)
        self._queue.put((priority, next(self._numbers), job))
        return future

    @property
    def has_spare(self) -> bool:
        """Whether a call could begin now and still leave a thread for one that is more urgent."""
        return self._queue.empty() and self._running < max(self.threads - 1, 1)

    def close(self) -> None:
        """Cancels what is queued, waits for what runs (a second or so), and ends the threads."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                _, _, job = self._queue.get_nowait()
                if job is not None:
                    _settle(job.future, job.future.cancel)
        for _ in self._workers:
            self._queue.put((_AFTER_ALL, next(self._numbers), None))
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        _, _, job = self._queue.get()
        if job is None:
            return False
        if not job.future.done():
            self._count(+1)
            settle: Callable[[], object]
            try:
                settle = partial(job.future.set_result, job.call())
            except Exception as error:
                settle = partial(job.future.set_exception, error)
            self._count(-1)  # before its owner hears of it and perhaps has more to do
            _settle(job.future, settle)
        return True

    def _count(self, change: int) -> None:
        with self._counting:
            self._running += change


def _settle(future: asyncio.Future[Any], settle: Callable[[], object]) -> None:
    """Settles `future` on its event loop, unless its owner gave it up."""

    def settle_if_wanted() -> None:
        if not future.done():
            settle()

    with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
        future.get_loop().call_soon_threadsafe(settle_if_wanted)
