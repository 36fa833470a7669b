import asyncio
import contextlib
import threading

import pytest

from antiphon.providers.local.pool import InferencePool, Priority


@pytest.fixture
def pool():
    with contextlib.closing(InferencePool(threads=1)) as pool:
        yield pool


@contextlib.asynccontextmanager
async def busy(pool):
    """The pool's one thread is held up while this context lasts."""
    started, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold():
        loop.call_soon_threadsafe(started.set)
        release.wait()

    held = pool.submit(Priority.FINAL_TRANSCRIPT, hold)
    await started.wait()
    try:
        yield
    finally:
        release.set()
        await held


async def test_it_works_off_the_event_loop(pool):
    name = await pool.run(
        Priority.SPEECH, lambda greeting, name: (greeting, name, threading.current_thread()), "hi", name="A"
    )
    assert name[:2] == ("hi", "A")
    assert name[2] is not threading.current_thread()


async def test_there_are_as_many_threads_as_asked_for():
    with contextlib.closing(InferencePool(threads=3)) as pool:
        together = threading.Barrier(3)
        assert sorted(
            await asyncio.gather(*(pool.run(Priority.PARTIAL, together.wait) for _ in range(3)))
        ) == [0, 1, 2]


async def test_the_most_urgent_goes_first_and_equals_in_order(pool):
    done = []
    async with busy(pool):
        jobs = [
            pool.submit(priority, done.append, (priority, number))
            for number in range(2)
            for priority in reversed(Priority)
        ]
    await asyncio.gather(*jobs)
    assert done == [(priority, number) for priority in Priority for number in range(2)]
    assert done[0][0] is Priority.FINAL_TRANSCRIPT


async def test_an_error_reaches_the_caller_and_the_thread_goes_on(pool):
    with pytest.raises(ZeroDivisionError):
        await pool.run(Priority.SPEECH, lambda: 1 / 0)
    assert await pool.run(Priority.SPEECH, lambda: 1) == 1


async def test_cancelling_the_wait_drops_work_that_has_not_begun(pool):
    done = []
    async with busy(pool):
        waiting = asyncio.create_task(pool.run(Priority.SPEECH, done.append, "dropped"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await pool.run(Priority.PARTIAL, done.append, "later")
    assert done == ["later"]


async def test_giving_up_work_that_runs_leaves_the_thread_usable(pool):
    started, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold():
        loop.call_soon_threadsafe(started.set)
        release.wait()

    job = pool.submit(Priority.SPEECH, hold)
    await started.wait()
    job.cancel()
    release.set()
    assert await pool.run(Priority.SPEECH, lambda: 1) == 1


async def test_closing_cancels_what_is_queued_and_ends_the_threads():
    before = set(threading.enumerate())
    pool = InferencePool(threads=1)
    started, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold():
        loop.call_soon_threadsafe(started.set)
        release.wait()
        return "finished"

    running = pool.submit(Priority.PARTIAL, hold)
    await started.wait()
    queued = pool.submit(Priority.FINAL_TRANSCRIPT, lambda: "never")
    closing = threading.Thread(target=pool.close)
    closing.start()
    with pytest.raises(asyncio.CancelledError):
        await queued
    release.set()
    closing.join()
    assert await running == "finished"
    assert set(threading.enumerate()) <= before
    with pytest.raises(RuntimeError, match="pool is closed"):
        await pool.run(Priority.SPEECH, lambda: 1)


def test_work_whose_loop_is_gone_harms_nobody(pool):
    release = threading.Event()

    async def give_up():
        pool.submit(Priority.SPEECH, release.wait)

    asyncio.run(give_up())
    release.set()
    assert asyncio.run(pool.run(Priority.SPEECH, lambda: 1)) == 1
