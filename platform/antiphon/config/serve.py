"""One web process: `python -m antiphon.config.serve`. Start as many as there are cores, on the same port.

uvicorn, as measured: websockets-sansio on uvloop without permessage-deflate costs least and has backpressure
both ways. What it lacks is draining: by itself it closes every session at SIGTERM.
"""

import socket
import sys
import time
from types import FrameType
from typing import Protocol

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from antiphon.config.env import Env, env
from antiphon.config.frames import QuickFrames

MAX_FRAME_BYTES = 24 * 1024 * 1024  # 15 MiB of audio in base64, and the event around it
_HAND_ON_AFTER = 0.001  # seconds a computing thread keeps the interpreter from sessions; Python's own is 5 ms
_CLOSE_SECONDS = 5  # for what is left after the drain: sessions closed with 1012, requests under way

# Of each socket. Little enough that a client which comes back after a lost connection gets all it missed from what
# its session remembers (`engine.session`); by default the kernel takes megabytes. At 0.3 s of round trip it still
# lets speech through at five times its pace.
_SEND_BUFFER_BYTES = 64 * 1024
_TAKES_NOTHING_MS = 60_000  # then the kernel drops a client, although it may still be there

_draining = False


class Work(Protocol):
    """What goes on in a process besides its sockets."""

    def drain(self) -> None:
        """The process is about to end: end what only waits."""

    def busy(self) -> bool:
        """Whether the process should stay a little longer."""

    def end(self) -> None:
        """Time is up."""


_works: list[Work] = []


def keep_open_for(work: Work) -> None:
    """This process then drains `work` too, and waits for it as it waits for its sessions' sockets."""
    _works.append(work)


def draining() -> bool:
    """Whether this process takes no new sessions because it is about to end: `/readyz` answers 503 then."""
    return _draining


class DrainingServer(uvicorn.Server):
    """At the first SIGTERM or SIGINT: accept nothing new, and end when the last session has or time is up.

    Sessions that are still open then are closed with 1012. A second signal ends the wait at once.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._deadline: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        global _draining
        if not _draining:
            _draining = True
            self._deadline = time.monotonic() + self._drain_seconds
        else:
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        if self._deadline is not None:
            for listener in self.servers:
                listener.close()
            for work in _works:
                work.drain()
            if not self._is_busy() or time.monotonic() >= self._deadline:
                self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for work in _works:
            work.end()
        await super().shutdown(sockets)

    def _is_busy(self) -> bool:
        return any(work.busy() for work in _works) or any(
            isinstance(connection, WebSocketsSansIOProtocol) for connection in self.server_state.connections
        )


def bind(host: str, port: int) -> socket.socket:
    """A socket that shares its port with the other web processes. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    shared = socket.socket(family, kind, protocol)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    shared.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _TAKES_NOTHING_MS)
    shared.bind(address)
    return shared


def make_config(environment: Env) -> uvicorn.Config:
    return uvicorn.Config(
        "antiphon.config.asgi:application",
        host=environment.host,
        port=environment.port,
        loop="uvloop",
        lifespan="on",
        ws=QuickFrames,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=_CLOSE_SECONDS,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
    )


def main() -> None:
    environment = env()
    sys.setswitchinterval(_HAND_ON_AFTER)
    try:
        shared = bind(environment.host, environment.port)
    except OSError as error:
        sys.exit(f"Cannot listen on {environment.host}:{environment.port}: {error.strerror}.")
    DrainingServer(make_config(environment), environment.antiphon_drain_seconds).run(sockets=[shared])


if __name__ == "__main__":
    # Under its own name, so that `draining()` is about the module that views import.
    from antiphon.config import serve

    serve.main()
