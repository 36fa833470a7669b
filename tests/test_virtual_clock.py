import asyncio
import threading
import time

import pytest

from tests.virtual_clock import Deadlock, VirtualClockLoop

pytest_plugins = ["pytester"]


def run(main, patience=5.0):
    with asyncio.Runner(loop_factory=lambda: VirtualClockLoop(patience)) as runner:
        return runner.run(main)


async def test_it_works_with_an_ordinary_loop_beside_it():
    assert not isinstance(asyncio.get_running_loop(), VirtualClockLoop)


def test_an_hour_passes_at_once():
    async def main():
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    start = time.monotonic()
    assert run(main()) == pytest.approx(3600)
    assert time.monotonic() - start < 1


def test_timers_fire_in_order_with_their_own_time():
    async def main():
        seen = []

        async def note(after):
            await asyncio.sleep(after)
            seen.append(asyncio.get_running_loop().time())

        await asyncio.gather(note(0.3), note(0.1), note(0.2))
        return seen

    assert run(main()) == pytest.approx([0.1, 0.2, 0.3])


def test_a_timeout_expires():
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()

    run(main())


def test_work_in_a_thread_is_finished_before_time_jumps():
    release = threading.Event()

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, release.set)
        await asyncio.wait_for(asyncio.to_thread(release.wait), timeout=10)
        return loop.time()

    assert 0.05 <= run(main()) < 5


def test_another_thread_can_wake_the_loop():
    async def main():
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set,))
        thread.start()
        await woken.wait()
        thread.join()

    run(main())


def test_a_socket_keeps_real_time():
    async def main():
        loop = asyncio.get_running_loop()

        async def echo(reader, writer):
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            async with asyncio.timeout(3600):
                line = await reader.readline()
            writer.close()
            await writer.wait_closed()
        return line, loop.time()

    line, now = run(main())
    assert line == b"hello\n"
    assert now < 60


def test_a_deadlock_is_an_error_that_names_the_task():
    async def main():
        await asyncio.create_task(asyncio.Event().wait(), name="the one that waits")

    with pytest.raises(Deadlock, match="the one that waits"):
        run(main(), patience=0.01)


def test_a_leaked_task_fails_the_test(pytester):
    pytester.makeconftest("from tests.virtual_clock import no_leaked_tasks, pytest_asyncio_loop_factories\n")
    pytester.makepyfile(
        """
        import asyncio

        async def test_tidy():
            await asyncio.sleep(1000)

        async def test_leaky():
            asyncio.get_running_loop().kept = asyncio.create_task(asyncio.sleep(1000), name="forgotten")
        """
    )
    result = pytester.runpytest_inprocess(
        "-p", "no:django", "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*left tasks behind*", "*forgotten*"])
