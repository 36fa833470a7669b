"""Runs a case against a server: sends its steps, and holds every event that comes back against what is expected."""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from antiphon.conformance.audio import bytes_per_ms, render
from antiphon.conformance.cases import Case, CaseError, fill
from antiphon.conformance.expecting import Unexpected, parse
from antiphon.conformance.matching import Bindings
from antiphon.conformance.names import Names
from antiphon.conformance.report import Outcome, shown

LARGEST_FRAME = 1 << 20  # bytes: pipecat's client accepts no more, the others between 4 and 8 MiB
PATIENCE = 20.0  # seconds for one case
_CHUNK_MS = 100
_FENCE = {"type": "input_audio_buffer.clear", "event_id": "fence"}  # answered always, and never by an error
_FENCED = "input_audio_buffer.cleared"


@dataclass(frozen=True, slots=True)
class Server:
    """`base` is the URL that ends before `/realtime`, with http or https. `values` fill `{name}` in cases."""

    base: str
    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, url: str, key: str, model: str, values: Mapping[str, str]) -> Self:
        """`url` is a base URL (`http://127.0.0.1:8000/v1`) or that of the endpoint (`ws://.../v1/realtime`)."""
        parts = urlsplit(url)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        path = parts.path.rstrip("/").removesuffix("/realtime")
        given = {"key": key, "model": model, "basic": base64.b64encode(key.encode()).decode(), **values}
        return cls(urlunsplit((scheme, parts.netloc, path, "", "")), given)

    def url(self, path: str) -> str:
        """A path from the root (`/api/v1/...`), or one below the base (`realtime`)."""
        parts = urlsplit(self.base)
        whole = path if path.startswith("/") else f"{parts.path}/{path}"
        return urlunsplit((parts.scheme, parts.netloc, whole, "", ""))


class _Failed(Exception):
    """The case failed; the message says how."""


async def run_case(case: Case, server: Server, patience: float = PATIENCE) -> Outcome:
    """Never raises for what the server does. Raises CaseError for a case that is written wrongly."""
    outcome = Outcome(case.name, case.about)
    begin = time.monotonic()
    async with AsyncExitStack() as stack:
        run = _Run(case, server, outcome, stack)
        try:
            async with asyncio.timeout(patience):
                await run.steps()
                await run.rest()
        except _Failed as failed:
            outcome.problem = str(failed)
        except TimeoutError:
            outcome.problem = f"Nothing came in time. {run.waiting_for()}"
        except OSError as error:
            outcome.problem = f"The server cannot be reached: {error}"
    outcome.seconds = time.monotonic() - begin
    return outcome


class _Run:
    def __init__(self, case: Case, server: Server, outcome: Outcome, stack: AsyncExitStack) -> None:
        self._case = case
        self._server = server
        self._outcome = outcome
        self._stack = stack
        self._expected = parse(case.expected)
        self._bindings: Bindings = {}
        self._names = Names()
        self._socket: ClientConnection | None = None
        self._event_ids: set[str] = set()
        self._fenced = False

    async def steps(self) -> None:
        steps = list(self._case.steps)
        if not any("@connect" in step or "@http" in step for step in steps):
            steps.insert(0, {"@connect": {}})
        for step in steps:
            await self._step(step)

    async def rest(self) -> None:
        """Waits for what is still expected, and then makes sure that nothing else was on its way."""
        while not self._expected.satisfied:
            await self._receive()
        if self._socket is not None and not self._closing_was_told():
            self._fenced = True
            await self._send(json.dumps(_FENCE))
            while self._fenced:
                await self._receive()

    def waiting_for(self) -> str:
        waited = f"Expected {self._expected.next()}"
        return f"{waited}\nThe last event was {self._last()}" if self._outcome.events else waited

    async def _step(self, step: Mapping[str, Any]) -> None:
        values = {**self._server.values, **{k: v for k, v in self._bindings.items() if isinstance(v, str)}}
        filled: dict[str, Any] = fill(step, values)
        control = next(iter(filled), "")
        if control in _CONTROLS:
            await _CONTROLS[control](self, filled.pop(control), **filled)
        elif "type" in filled:
            await self._send(json.dumps(self._names.wire(self._with_audio(filled))))
        else:
            raise CaseError(f"{self._case.name}: {shown(step, 100)} is no step.")

    async def _connect(self, options: Mapping[str, Any]) -> None:
        """Another connection ends the one before it."""
        if self._socket is not None:
            await self._socket.close()
        self._event_ids = set()
        try:
            self._socket = await self._stack.enter_async_context(_opening(self._server, **options))
        except InvalidStatus as refused:
            self._socket = None
            self._take({"@refused": refused.response.status_code})
        except InvalidHandshake as error:
            raise _Failed(f"The server answered the WebSocket handshake wrongly: {error}") from None
        else:
            if options.get("subprotocols"):
                self._take({"@subprotocol": self._socket.subprotocol})

    async def _request(self, options: Mapping[str, Any]) -> None:
        key = self._server.values["key"]
        headers = options.get("headers", {"Authorization": f"Bearer {key}"})
        url = self._server.url(options["path"])
        async with (
            aiohttp.ClientSession() as client,
            client.request(options["method"], url, json=options.get("body"), headers=headers) as response,
        ):
            self._take({"@http": response.status, "body": _loaded(await response.text())})

    async def _pause(self, milliseconds: int) -> None:
        await asyncio.sleep(milliseconds / 1000)

    async def _binary(self, data: str) -> None:
        await self._send(base64.b64decode(data))

    async def _wait(self, kind: str, nth: int = 1) -> None:
        while sum(event.get("type") == kind for event in self._outcome.events) < nth:
            await self._receive()

    async def _play(
        self, parts: list[Mapping[str, Any]], format: str = "audio/pcm", rate: int = 0, pace: bool = False
    ) -> None:
        """`pace`: at real-time speed, rather than as fast as the server takes it."""
        audio = render(parts, self._case.clips, format, rate)
        size = _CHUNK_MS * bytes_per_ms(format, rate)
        begin = time.monotonic()
        for number, start in enumerate(range(0, len(audio), size), start=1):
            chunk = base64.b64encode(audio[start : start + size]).decode()
            await self._send(json.dumps({"type": "input_audio_buffer.append", "audio": chunk}))
            if pace:
                await asyncio.sleep(begin + number * _CHUNK_MS / 1000 - time.monotonic())

    def _with_audio(self, value: Any) -> Any:
        """`{"@audio": [parts]}` within an event becomes base64."""
        if isinstance(value, list):
            return [self._with_audio(element) for element in value]
        if not isinstance(value, dict):
            return value
        if "@audio" in value:
            options = {key: option for key, option in value.items() if key != "@audio"}
            return base64.b64encode(render(value["@audio"], self._case.clips, **options)).decode()
        return {key: self._with_audio(element) for key, element in value.items()}

    async def _send(self, frame: str | bytes) -> None:
        if self._socket is None:
            raise CaseError(f"{self._case.name} sends before it is connected.")
        try:
            await self._socket.send(frame)
        except ConnectionClosed:
            await self._receive()

    async def _receive(self) -> None:
        """The next event, which must be an expected one. Raises _Failed."""
        if self._socket is None or (self._socket.close_code is not None and self._closing_was_told()):
            raise _Failed(f"The connection is closed. {self.waiting_for()}")
        try:
            frame = await self._socket.recv()
        except ConnectionClosed:
            self._take({"@close": self._socket.close_code, "reason": self._socket.close_reason})
            return
        self._take(self._names.canonical(self._checked(frame)))

    def _closing_was_told(self) -> bool:
        return bool(self._outcome.events) and "@close" in self._outcome.events[-1]

    def _checked(self, frame: str | bytes) -> dict[str, Any]:
        """What holds for every server event, whatever the case (protocol reference 0.1, 8.1)."""
        if isinstance(frame, bytes):
            raise _Failed("A binary frame came: events are text frames.")
        self._outcome.frames.append(frame)
        try:
            event = json.loads(frame)
        except ValueError:
            raise _Failed(f"A frame came that is not JSON: {shown(frame, 200)}") from None
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            raise _Failed(f"A frame came that is not an object with a type: {shown(event, 200)}")
        event_id = event.get("event_id")
        if not isinstance(event_id, str) or not event_id:
            raise _Failed(f"An event without event_id: {shown(event, 300)}")
        if event_id in self._event_ids:
            raise _Failed(f"The event_id {event_id} came twice: {shown(event, 300)}")
        self._event_ids.add(event_id)
        if len(frame.encode()) > LARGEST_FRAME:
            raise _Failed(f"A frame of {len(frame.encode())} bytes: {event['type']}. Pipecat takes 1 MiB.")
        return event

    def _take(self, event: dict[str, Any]) -> None:
        self._outcome.events.append(event)
        if self._fenced and event.get("type") == _FENCED:
            self._fenced = False
            return
        try:
            self._expected.take(event, self._bindings)
        except Unexpected as problem:
            wanted = f"Expected {self._expected.next()}"
            raise _Failed(f"{problem}\n{wanted}\nGot {shown(event, 600)}") from None

    def _last(self) -> str:
        return shown(self._outcome.events[-1], 300)


_CONTROLS: Mapping[str, Callable[..., Awaitable[None]]] = {
    "@connect": _Run._connect,
    "@http": _Run._request,
    "@wait": _Run._wait,
    "@pause": _Run._pause,
    "@raw": _Run._send,
    "@binary": _Run._binary,
    "@audio": _Run._play,
}


def _opening(
    server: Server,
    path: str = "realtime",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] = (),
) -> connect:
    """The default is the model under test, with the key as a bearer token."""
    query = {"model": server.values["model"]} if query is None else query
    url = server.url(path).replace("http", "ws", 1) + (f"?{urlencode(query)}" if query else "")
    return connect(
        url,
        additional_headers={"Authorization": f"Bearer {server.values['key']}"}
        if headers is None
        else headers,
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        compression=None,
        max_size=None,
        max_queue=None,
        proxy=None,
    )


def _loaded(text: str) -> Any:
    """A body as JSON where it is JSON, else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
