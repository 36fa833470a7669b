"""Two web processes behind one address: whichever a socket lands in, it reaches the session that it names."""

import asyncio
import http.client
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import psutil
import pybase64
import pytest
import redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.platform_fixture import Platform, running_platform
from tests.prepared import copy_prepared

LEASE_SECONDS = 2
LAST = "rate_limits.updated"  # comes after a response
PATIENCE = 30.0  # seconds for any one thing


@pytest.fixture(scope="module")
def pair(
    paced_server: str, prepared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """A platform of two web processes."""
    data_dir = tmp_path_factory.mktemp("pair")
    copy_prepared(prepared_cache, data_dir)
    variables = {
        "ANTIPHON_WEB_PROCESSES": "2",
        "ANTIPHON_LEASE_SECONDS": str(LEASE_SECONDS),
        "SESSION_RESUME_SECONDS": "20",
    }
    with running_platform(paced_server, data_dir, **variables) as running:
        yield running


class Client:
    """A socket in a process of our choice, and all that comes over it."""

    def __init__(self, connection: ClientConnection, process: int) -> None:
        self.connection = connection
        self.process = process
        self.frames: list[str] = []
        self._news = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async for frame in self.connection:
                self.frames.append(str(frame))
                self._news.set()
        except ConnectionClosed:
            pass
        self._news.set()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.frames]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    async def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while len(self.of(kind)) < count:
                assert not self._listening.done(), f"closed before {kind}: {self.ending}, {self.frames[-1:]}"
                self._news.clear()
                await self._news.wait()
        return self.of(kind)[count - 1]

    async def send(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def say(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.send("conversation.item.create", item=item)
        await self.send("response.create")

    async def drop(self) -> None:
        """The network fails: nobody says good-bye."""
        self.connection.transport.abort()
        await self.closed()

    async def closed(self) -> tuple[int | None, str | None]:
        async with asyncio.timeout(PATIENCE):
            await self._listening
        return self.ending

    @property
    def ending(self) -> tuple[int | None, str | None]:
        return self.connection.close_code, self.connection.close_reason

    @property
    def session(self) -> dict[str, Any]:
        session: dict[str, Any] = self.of("session.created")[0]["session"]
        return session

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
        await self._listening


async def opened(
    platform: Platform, query: str, *, process: int | None = None, other_than: int = 0
) -> Client:
    """A connection that landed in the process that was asked for, or in any but one."""
    async with asyncio.timeout(PATIENCE):
        while True:
            plain, landed = await landed_socket(platform)
            if landed == process or (process is None and landed != other_than):
                break
            plain.close()
    url = platform.socket(f"?{query}")
    connection = await connect(url, sock=plain, additional_headers=platform.headers, max_size=None)
    return Client(connection, landed)


async def landed_socket(platform: Platform) -> tuple[socket.socket, int]:
    """A connected socket, and the process that accepted it."""
    port = int(platform.base_url.rpartition(":")[2].removesuffix("/v1"))
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)  # as if little of it were local
    plain.connect(("127.0.0.1", port))
    while (landed := process_of(platform, plain.getsockname()[1])) is None:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # until it has been accepted
    return plain, landed


def process_of(platform: Platform, port: int) -> int | None:
    for process in web_processes(platform):
        for connection in process.net_connections("tcp"):
            if connection.raddr and connection.raddr.port == port:
                return process.pid
    return None


def web_processes(platform: Platform) -> list[psutil.Process]:
    family = psutil.Process(platform.process.pid).children(recursive=True)
    return [child for child in family if "antiphon.config.serve" in child.cmdline()]


@asynccontextmanager
async def session(platform: Platform, model: str = "") -> AsyncIterator[Client]:
    async with await opened(platform, f"model={model or platform.paced_model}") as client:
        await client.wait_for("session.created")
        yield client


@asynccontextmanager
async def sideband(platform: Platform, client: Client) -> AsyncIterator[Client]:
    """In the other process."""
    query = f"call_id={client.session['call_id']}"
    async with await opened(platform, query, other_than=client.process) as attached:
        await attached.wait_for("session.created")
        yield attached


def directory(platform: Platform) -> list[bytes]:
    """What Redis has about calls."""
    return kept(platform, "antiphon:call:*") + kept(platform, "antiphon:resume:*")


def leases(platform: Platform) -> list[bytes]:
    """What Redis has about sessions that run at the same time."""
    return kept(platform, "antiphon:*:sessions*")


def kept(platform: Platform, names: str) -> list[bytes]:
    url = json.loads((platform.data_dir / "running.json").read_text())["REDIS_URL"]
    with redis.from_url(url) as client:
        return sorted(client.keys(names))


async def post(platform: Platform, path: str, *, other_than: int = 0) -> tuple[int, bytes]:
    while True:
        plain, landed = await landed_socket(platform)
        if landed != other_than:
            break
        plain.close()
    request = http.client.HTTPConnection("localhost")
    request.sock = plain

    def answer() -> tuple[int, bytes]:
        request.request("POST", path, headers=platform.headers)
        response = request.getresponse()
        return response.status, response.read()

    try:
        return await asyncio.to_thread(answer)
    finally:
        request.close()


async def test_a_sideband_in_the_other_process_sees_every_event_in_order(pair: Platform) -> None:
    async with session(pair) as client, sideband(pair, client) as attached:
        assert attached.session["id"] == client.session["id"]
        assert attached.connection.response is not None
        assert attached.connection.response.headers["x-call-id"] == client.session["call_id"]
        assert "resume_token" not in attached.session
        await client.say("Talk.")
        await client.wait_for(LAST)
        await attached.wait_for(LAST)
        assert attached.frames[1:] == client.frames[1:]
        assert len(attached.of("response.output_audio.delta")) > 10


async def test_a_sideband_updates_the_session_and_cancels_its_response(pair: Platform) -> None:
    async with session(pair) as client, sideband(pair, client) as attached:
        await attached.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
        updated = await client.wait_for("session.updated")
        assert updated["session"]["instructions"] == "Be brief."
        await client.say("Talk.")
        await attached.wait_for("response.output_audio_transcript.delta")
        await attached.send("response.cancel")
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "cancelled"


async def test_errors_go_to_whom_they_answer(pair: Platform) -> None:
    async with session(pair) as client, sideband(pair, client) as attached:
        await attached.send("response.cancel", event_id="mine")
        assert (await attached.wait_for("error"))["error"]["event_id"] == "mine"
        await attached.send("input_audio_buffer.append", audio="AAAA")
        assert "attached connection" in (await attached.wait_for("error", 2))["error"]["message"]
        await client.send("response.cancel")
        await client.wait_for("error")
        await client.send("input_audio_buffer.clear")
        await attached.wait_for("input_audio_buffer.cleared")
        assert (len(client.of("error")), len(attached.of("error"))) == (1, 2)


async def test_a_sideband_that_leaves_does_not_end_the_session(pair: Platform) -> None:
    async with session(pair) as client:
        async with sideband(pair, client):
            pass
        await client.say("Talk.")
        assert (await client.wait_for("response.done"))["response"]["status"] == "completed"


async def test_hanging_up_through_the_other_process_closes_every_socket(pair: Platform) -> None:
    async with session(pair) as client, sideband(pair, client) as attached:
        path = f"/v1/realtime/calls/{client.session['call_id']}/hangup"
        assert await post(pair, path, other_than=client.process) == (200, b"")
        assert await client.closed() == (1000, "hung up")
        assert await attached.closed() == (1000, "session ended")
        status, _ = await post(pair, path, other_than=client.process)
        assert status == 404


async def test_hanging_up_through_the_same_process_works_without_the_version_too(pair: Platform) -> None:
    async with session(pair) as client:
        path = f"/realtime/calls/{client.session['call_id']}/hangup"
        [other] = {child.pid for child in serving(pair)} - {client.process}
        assert await post(pair, path, other_than=other) == (200, b"")
        assert await client.closed() == (1000, "hung up")


async def test_a_client_goes_on_in_the_other_process_and_misses_nothing(pair: Platform) -> None:
    async with session(pair) as client, sideband(pair, client) as witness:
        await client.say("Talk.")
        await client.wait_for("response.output_audio.delta", 2)
        await client.drop()
        token = client.session["resume_token"]
        seen = client.events[-1]["event_id"]
        query = f"resume={token}&last_event_id={seen}"
        async with await opened(pair, query, other_than=client.process) as resumed:
            await resumed.wait_for(LAST)
            await witness.wait_for(LAST)
            assert resumed.session["id"] == client.session["id"]
            assert resumed.session["resume_token"] == token
            assert client.frames[1:] + resumed.frames[1:] == witness.frames[1:]
            assert resumed.of("response.output_audio.delta"), "the drop was in the middle of the speech"
            await resumed.say("And again.")
            await resumed.wait_for("response.done", 2)
            silence = pybase64.b64encode_as_string(bytes(9600))
            await resumed.send("input_audio_buffer.append", audio=silence)
            await resumed.send("input_audio_buffer.commit")
            await resumed.wait_for("input_audio_buffer.committed")


@pytest.mark.parametrize("relayed", [False, True])
async def test_all_that_a_dead_network_swallows_is_sent_again(pair: Platform, relayed: bool) -> None:
    """Whatever fits into buffers on the way is remembered, with the client's own process or another between."""
    async with session(pair) as client, sideband(pair, client) as witness:
        reading = client
        if relayed:
            query = f"resume={client.session['resume_token']}&last_event_id={client.events[-1]['event_id']}"
            reading = await opened(pair, query, other_than=client.process)
            await reading.wait_for("session.created")
        await reading.say("Talk.")
        await reading.wait_for("response.output_audio.delta")
        reading.connection.transport.pause_reading()
        await settled(witness)
        assert not witness.of("response.done"), "the buffers are full"
        query = f"resume={client.session['resume_token']}&last_event_id={reading.events[-1]['event_id']}"
        async with await opened(pair, query, process=client.process) as resumed:
            await resumed.wait_for(LAST)
            await witness.wait_for(LAST)
            seen = reading.frames[1:] + resumed.frames[1:]
            assert seen == witness.frames[1:]
        reading.connection.transport.abort()
        await reading.closed()


async def settled(client: Client) -> None:
    """Until nothing has come for a while."""
    count = -1
    async with asyncio.timeout(PATIENCE):
        while len(client.frames) != count:
            count = len(client.frames)
            await asyncio.sleep(2)


async def test_a_client_that_comes_back_replaces_the_socket_that_seems_to_live(pair: Platform) -> None:
    async with session(pair) as client:
        seen = client.events[-1]["event_id"]
        query = f"resume={client.session['resume_token']}&last_event_id={seen}"
        async with await opened(pair, query, other_than=client.process) as resumed:
            await resumed.wait_for("session.created")
            assert await client.closed() == (4001, "resumed elsewhere")
            again = f"resume={client.session['resume_token']}&last_event_id={resumed.events[0]['event_id']}"
            async with await opened(pair, again, process=client.process) as back:
                await back.wait_for("session.created")
                assert await resumed.closed() == (4001, "resumed elsewhere")
                await back.say("Talk.")
                await back.wait_for("response.created")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("call_id=rtc_nobody", "invalid_call_id"),
        ("resume=guessed&last_event_id=event_1", "resume_token_invalid"),
    ],
)
async def test_what_nobody_runs_is_refused(pair: Platform, query: str, code: str) -> None:
    async with await opened(pair, query) as client:
        assert (await client.wait_for("error"))["error"]["code"] == code
        assert await client.closed() == (4000, f"invalid_request_error.{code}")


async def test_an_event_that_was_never_sent_is_refused_and_the_session_still_waits(pair: Platform) -> None:
    async with session(pair) as client:
        await client.drop()
        token, seen = client.session["resume_token"], client.events[-1]["event_id"]
        query = f"resume={token}&last_event_id=event_unknown"
        async with await opened(pair, query, other_than=client.process) as refused:
            assert (await refused.wait_for("error"))["error"]["code"] == "resume_not_possible"
            assert (await refused.closed())[0] == 4000
        query = f"resume={token}&last_event_id={seen}"
        async with await opened(pair, query, other_than=client.process) as resumed:
            await resumed.wait_for("session.created")


@pytest.mark.parametrize("code", [1000, None, 4321])
async def test_a_client_that_closes_ends_the_session_at_once(pair: Platform, code: int | None) -> None:
    async with session(pair) as client, sideband(pair, client) as attached:
        async with client.connection.send_context():
            client.connection.protocol.send_close(code)
        assert await attached.closed() == (1000, "session ended")


async def test_nothing_is_left_of_all_that(pair: Platform) -> None:
    """Sessions that were resumed, relayed, hung up: no socket and no entry stays behind."""
    async with asyncio.timeout(PATIENCE):
        while directory(pair) or leases(pair):  # noqa: ASYNC110  other processes clear it
            await asyncio.sleep(0.1)
    before = {process.pid: process.num_fds() for process in serving(pair)}
    for _ in range(3):
        async with session(pair) as client, sideband(pair, client) as attached:
            assert len(directory(pair)) == 2
            assert leases(pair)
            await client.drop()
            query = f"resume={client.session['resume_token']}&last_event_id={client.events[-1]['event_id']}"
            async with await opened(pair, query, other_than=client.process) as resumed:
                await resumed.wait_for("session.created")
            assert await attached.closed() == (1000, "session ended")
    async with asyncio.timeout(PATIENCE):
        # A pool of connections to Redis may have grown by one or two; three sessions would leave more.
        while (  # noqa: ASYNC110
            directory(pair) or leases(pair) or any(p.num_fds() > before[p.pid] + 2 for p in serving(pair))
        ):
            await asyncio.sleep(0.1)


async def test_when_a_process_is_killed_its_sidebands_end_and_its_calls_are_forgotten(pair: Platform) -> None:
    """Their places are free again, too."""
    async with session(pair) as client, sideband(pair, client) as attached:
        assert len(directory(pair)) == 2
        assert leases(pair)
        os.kill(client.process, signal.SIGKILL)
        async with asyncio.timeout(1):
            assert await attached.closed() == (1012, "the process of the session has ended")
        async with asyncio.timeout(LEASE_SECONDS + 1):
            while directory(pair) or leases(pair):  # noqa: ASYNC110
                await asyncio.sleep(0.1)


def serving(platform: Platform) -> list[psutil.Process]:
    """The web processes without those that guard them."""
    return [process for process in web_processes(platform) if process.num_threads() > 1]
