"""A receiver of webhooks: a real server on loopback, which answers as it is told to and keeps what it got."""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Got:
    """A request. `headers` by lower-case name, as verifying needs them."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """`answers` are given one after the other, then `usual` ever after."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: deque[Answer] = deque()
        self.usual: Answer = status(200)
        self.url = ""
        self.most_at_once = 0
        self._at_once = 0

    async def take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self.got.append(Got(request.path, headers, await request.read()))
            answer = self.answers.popleft() if self.answers else self.usual
            return await answer(request)
        finally:
            self._at_once -= 1


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    started, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", receiver.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        receiver.url = f"http://{host}:{port}/in"
        started.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="receiver")
    thread.start()
    started.wait()
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def status(code: int, body: str = "", **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=body, headers=named)

    return answer


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def begins_and_stalls(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_length = 100
    await response.prepare(request)
    return await never(request)


async def closes_mid_answer(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_length = 100
    await response.prepare(request)
    await response.write(b"half")
    assert request.transport is not None
    request.transport.close()
    return response


async def hangs_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def huge(request: web.Request) -> web.StreamResponse:
    """An answer of a gigabyte, of which nobody should read much."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1024):
        await response.write(b"x" * 1024 * 1024)
    return response
