"""A web process: what it does with sessions when it is told to end."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import websockets

from tests.embedded.processes import PATIENCE, PLATFORM

# The server as it is, around an application that echoes and says whether it drains.
SERVE = """
import os
from antiphon.config import serve
from antiphon.config.env import env

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        print("ready", flush=True)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"{len(message['text'])} {serve.draining()}"})

class Calls:
    told = False

    def drain(self):
        if not self.told:
            print("drain", flush=True)
        self.told = True

    def busy(self):
        return os.environ["BUSY"] == "1"

    def end(self):
        print("end", flush=True)

serve.keep_open_for(Calls())
config = serve.make_config(env())
config.app = application
serve.DrainingServer(config, env().antiphon_drain_seconds).run(sockets=[serve.bind("127.0.0.1", env().port)])
"""


@contextmanager
def web_process(drain_seconds: float, *, busy: bool = False) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        env={
            **os.environ,
            "PYTHONPATH": str(PLATFORM),
            "PORT": str(port),
            "ANTIPHON_DRAIN_SECONDS": str(drain_seconds),
            "BUSY": str(int(busy)),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process, f"ws://127.0.0.1:{port}/v1/realtime"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def connected(url: str) -> websockets.ClientConnection:
    """Connects as soon as the socket listens, which is a moment after the application is ready."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await websockets.connect(url, max_size=None, compression="deflate")
            except OSError:
                await asyncio.sleep(0.01)


async def ask(session: websockets.ClientConnection, text: str) -> str | bytes:
    await session.send(text)
    return await session.recv()


async def refused(url: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                session = await websockets.connect(url)
            except OSError:
                return
            await session.close()
            await asyncio.sleep(0.01)


async def test_it_works() -> None:
    with web_process(drain_seconds=0) as (_, url):
        session = await connected(url)
        assert await ask(session, "hello") == "5 False"
        assert not session.protocol.extensions  # no permessage-deflate, though it was offered
        await session.close()


async def test_a_message_of_20_mib_passes_and_one_of_25_does_not() -> None:
    with web_process(drain_seconds=0) as (_, url):
        session = await connected(url)
        assert await ask(session, "x" * (20 << 20)) == f"{20 << 20} False"
        with pytest.raises(websockets.ConnectionClosed):
            await ask(session, "x" * (25 << 20))


async def test_a_session_goes_on_while_new_ones_are_refused() -> None:
    with web_process(drain_seconds=60) as (process, url):
        session = await connected(url)
        process.send_signal(signal.SIGTERM)
        await refused(url)
        assert await ask(session, "still here") == "10 True"
        await session.close()
        assert process.wait(PATIENCE) == 0  # long before the 60 s are over


async def test_what_is_open_when_the_time_is_up_is_closed_with_1012() -> None:
    with web_process(drain_seconds=0.3) as (process, url):
        session = await connected(url)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await session.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert process.wait(PATIENCE) == 0


async def test_a_second_signal_ends_the_wait() -> None:
    with web_process(drain_seconds=60) as (process, url):
        session = await connected(url)
        process.send_signal(signal.SIGTERM)
        await refused(url)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(websockets.ConnectionClosed):
                await session.recv()
        process.wait(PATIENCE)


async def test_without_sessions_it_ends_at_once() -> None:
    with web_process(drain_seconds=60) as (process, url):
        await (await connected(url)).close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


async def test_sessions_whose_sockets_are_elsewhere_are_waited_for_and_then_ended() -> None:
    with web_process(drain_seconds=0.5, busy=True) as (process, url):
        await (await connected(url)).close()
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "drain\n"
        began = time.monotonic()
        assert process.stdout.readline() == "end\n"
        assert time.monotonic() - began > 0.3
        assert process.wait(PATIENCE) == 0
