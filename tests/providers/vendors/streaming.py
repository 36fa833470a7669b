"""What fake language models of vendors have in common: a server that checks requests and streams answers."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Self

import msgspec
from aiohttp import web

from antiphon.providers.scripted.server import Canned, Exchange, Received


class StreamingServer:
    """Gives the answers that it was told to, in turn, and else its `usual` one; keeps the requests.

    A request that breaks the vendor's rules gets a status 400 that says which.
    """

    version = "/v1"
    route = ""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.asked = asyncio.Event()
        self.base_url = ""
        self._canned: deque[Canned] = deque()

    def check(self, request: Received) -> None:
        """Raises AssertionError for what the vendor refuses."""

    def usual(self) -> Sequence[bytes]:
        raise NotImplementedError

    def next_answer(self, canned: Canned) -> None:
        self._canned.append(canned)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post(self.version + self.route, self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}{self.version}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        peer = "{}:{}".format(*request.get_extra_info("peername"))
        received = Received(request.path_qs, request.headers, peer)
        self.requests.append(received)
        exchange = Exchange(request, received)
        exchange.response.content_type = "text/event-stream"
        try:
            received.body = msgspec.json.decode(await request.read())
            self.asked.set()
            self.check(received)
            await exchange.give(self._canned.popleft() if self._canned else Canned(self.usual()))
            received.state = "finished"
        except AssertionError as broken:
            received.state = "failed"
            return web.json_response({"error": {"message": str(broken)}}, status=400)
        except (asyncio.CancelledError, ConnectionError):
            received.state = "cancelled"
            raise
        finally:
            received.ended.set()
        return exchange.response


def without_iterators(value: Any) -> Any:
    """What pydantic validated, in which it leaves iterables for later."""
    if isinstance(value, dict):
        return {key: without_iterators(child) for key, child in value.items()}
    if isinstance(value, str | bytes | int | float | None):
        return value
    return [without_iterators(child) for child in value]


def event(body: dict[str, Any], name: str | None = None) -> bytes:
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + msgspec.json.encode(body) + b"\n\n"
