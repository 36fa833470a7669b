"""Calls of one process found and joined from another, over real sockets and a real Valkey."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import redis.asyncio
import uvloop
from msgspec import structs

from antiphon.engine.ports import Disconnected
from antiphon.engine.session import RunningSession
from antiphon.protocol import errors
from antiphon.protocol.server_events import Error, ResponseDone
from antiphon.transports import relay_link
from antiphon.transports.memory import MemoryTransport
from antiphon.transports.relay_link import Link, Listener, Request
from apps.conversations.calls import BALANCE_USED_UP, Calls, NoSuchCall, token_digest
from apps.conversations.directory import OutOfReach, Place
from tests.engine.session_harness import Stage

ACME, MALLORY = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
SECRET = "the same in every process, and long enough"
LEASE_SECONDS = 1.0
NOWHERE = "unix:///nonexistent/valkey.sock"


@pytest.fixture
async def owner(redis_url: str) -> AsyncIterator[Calls]:
    async with started(redis_url) as calls:
        yield calls


@pytest.fixture
async def other(redis_url: str) -> AsyncIterator[Calls]:
    """What a second process has."""
    async with started(redis_url) as calls:
        yield calls


@asynccontextmanager
async def started(redis_url: str, secret: str = SECRET) -> AsyncIterator[Calls]:
    calls = Calls()
    await calls.start(secret_key=secret, host="127.0.0.1", redis_url=redis_url, lease_seconds=LEASE_SECONDS)
    try:
        yield calls
    finally:
        await calls.stop()


class Running:
    """A session of Acme's in a process, and its client."""

    def __init__(self, session: RunningSession, client: MemoryTransport, call_id: str, ended: Any) -> None:
        self.session, self.client, self.call_id, self.ended = session, client, call_id, ended


@asynccontextmanager
async def running(calls: Calls, stage: Stage | None = None) -> AsyncIterator[Running]:
    stage = stage or Stage(resume_seconds=30)
    client, call_id = MemoryTransport(paced=False), f"rtc_{uuid.uuid4().hex}"
    session = stage.running(client)
    ended = asyncio.Event()

    async def run() -> None:
        async with calls.running(session, call_id, ACME):
            await session.run()
        ended.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(run())
        await until(lambda: client._to_client.qsize())
        try:
            yield Running(session, client, call_id, ended)
        finally:
            session.end(1000, "")


class Socket:
    """A client's socket, as an ASGI server offers it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.receive = self.incoming.get

    async def send(self, message: Any) -> None:
        self.sent.append(dict(message))

    def say(self, kind: str, **fields: Any) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps({"type": kind, **fields})})

    def close(self, code: int = 1000) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(message["text"]) for message in self.sent if message["type"] == "websocket.send"]

    @property
    def closed(self) -> tuple[int, str] | None:
        last = self.sent[-1] if self.sent else {"type": ""}
        return (last["code"], last["reason"]) if last["type"] == "websocket.close" else None

    async def event(self, kind: str) -> dict[str, Any]:
        await until(lambda: any(event["type"] == kind for event in self.events))
        return next(event for event in self.events if event["type"] == kind)


async def until(true: Any) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  what happens in another process has no event here
            await asyncio.sleep(0.01)


def attach(call_id: str, tenant_id: str = ACME) -> Request:
    return Request(want="attach", tenant_id=tenant_id, call_id=call_id)


def resume(call: Running, last_event_id: str, token: str = "") -> Request:
    digest = token_digest(token or str(call.session.resume_token))
    return Request(want="resume", tenant_id=ACME, token_digest=digest, last_event_id=last_event_id)


@asynccontextmanager
async def joined(calls: Calls, request: Request) -> AsyncIterator[Socket]:
    """A socket at another process, joined; leaving the block closes it."""
    socket = Socket()
    place = await calls.find(request)
    async with asyncio.TaskGroup() as group:
        group.create_task(calls.join(request, place, socket.receive, socket.send))
        yield socket
        socket.close()


async def test_it_works_a_call_of_another_process_is_found_and_joined(owner: Calls, other: Calls) -> None:
    async with running(owner) as call:
        async with joined(other, attach(call.call_id)) as socket:
            created = await socket.event("session.created")
            assert created["session"]["id"] == "sess_1"
            socket.say("session.update", session={"instructions": "Be brief."})
            assert (await socket.event("session.updated"))["session"]["instructions"] == "Be brief."
        assert not call.ended.is_set()


async def test_in_its_own_process_no_socket_is_needed(owner: Calls) -> None:
    async with running(owner) as call:
        await owner.stop()
        async with joined(owner, attach(call.call_id)) as socket:
            await socket.event("session.created")


async def test_what_the_client_closes_with_arrives(owner: Calls, other: Calls) -> None:
    async with running(owner) as call:
        [first] = [event.event_id for event in call.client._to_client._queue]  # type: ignore[attr-defined]
        async with joined(other, resume(call, first)) as socket:
            created = await socket.event("session.created")
            assert call.client.closed == (4001, "resumed elsewhere")
            socket.close(1006)
        assert not call.ended.is_set(), "the session waits for a client that was cut off"
        async with joined(other, resume(call, created["event_id"])) as socket:
            await socket.event("session.created")
        async with asyncio.timeout(2):
            await call.ended.wait()


async def test_when_the_session_ends_the_relayed_socket_is_closed_after_its_last_event(
    owner: Calls, other: Calls
) -> None:
    async with running(owner) as call, joined(other, attach(call.call_id)) as socket:
        await socket.event("session.created")
        for _ in range(200):
            socket.say("input_audio_buffer.clear")  # something under way in the other direction
        call.session.end(1000, "")
        await until(lambda: socket.closed)
        assert socket.closed == (1000, "session ended")


async def test_binary_frames_are_refused_as_on_any_socket(owner: Calls, other: Calls) -> None:
    async with running(owner) as call, joined(other, attach(call.call_id)) as socket:
        socket.incoming.put_nowait({"type": "websocket.receive", "bytes": b"\x00"})
        assert (await socket.event("error"))["error"]["code"] == "invalid_event"


async def test_a_frame_of_fifteen_mebibytes_of_audio_passes(owner: Calls, other: Calls) -> None:
    async with running(owner) as call:
        [first] = [event.event_id for event in call.client._to_client._queue]  # type: ignore[attr-defined]
        async with joined(other, resume(call, first)) as socket:
            socket.say("session.update", session={"audio": {"input": {"turn_detection": None}}})
            socket.say("input_audio_buffer.append", audio="A" * (20 << 20))
            socket.say("input_audio_buffer.commit")
            await socket.event("input_audio_buffer.committed")


async def test_hanging_up_a_call_of_another_process_ends_it(owner: Calls, other: Calls) -> None:
    async with running(owner) as call:
        await other.hang_up(call.call_id, ACME)
        async with asyncio.timeout(2):
            await call.ended.wait()
        assert call.client.closed == (1000, "hung up")
        with pytest.raises(NoSuchCall):
            await other.hang_up(call.call_id, ACME)


async def test_a_call_of_this_process_is_wound_up_with_a_reason_and_a_goodbye(
    owner: Calls, other: Calls
) -> None:
    async with running(owner) as call:
        why = errors.invalid_request("insufficient_quota", "Your balance is used up: top it up.")
        end: dict[str, Any] = {"refused": why, "goodbye": "Goodbye!", "code": 4000, "reason": BALANCE_USED_UP}
        assert not other.wind_up(call.call_id, **end), "it lives elsewhere"
        assert owner.wind_up(call.call_id, **end)
        async with asyncio.timeout(5):
            await call.ended.wait()
        said = [event async for event in call.client.events()]
        assert [event.error for event in said if isinstance(event, Error)] == [why.body]
        [done] = [event.response for event in said if isinstance(event, ResponseDone)]
        assert done.status == "completed"
        assert call.client.closed == (4000, BALANCE_USED_UP)
        assert not owner.wind_up(call.call_id, **end), "it is over"


async def test_calls_of_another_tenant_do_not_exist(owner: Calls, other: Calls) -> None:
    async with running(owner) as call:
        for calls in (owner, other):
            with pytest.raises(NoSuchCall):
                await calls.find(attach(call.call_id, MALLORY))
            with pytest.raises(NoSuchCall):
                await calls.hang_up(call.call_id, MALLORY)
            with pytest.raises(NoSuchCall):
                await calls.find(structs.replace(resume(call, "event_1"), tenant_id=MALLORY))
        assert not call.ended.is_set()


async def test_the_process_that_owns_a_call_asks_again_whose_it_is(owner: Calls, other: Calls) -> None:
    async with running(owner) as call:
        place = await other.find(attach(call.call_id))
        socket = Socket()
        await other.join(attach(call.call_id, MALLORY), place, socket.receive, socket.send)
        assert [event["error"]["code"] for event in socket.events] == ["invalid_call_id"]
        assert socket.closed == (4000, "invalid_request_error.invalid_call_id")
        mallorys = Request(want="hang_up", tenant_id=MALLORY, call_id=call.call_id)
        link = await relay_link.call(place.host, place.port, other._key, mallorys)
        assert relay_link.read_close((await link.read())[1])[0] == 4000
        link.abort()
        assert not call.ended.is_set()


async def test_who_does_not_know_the_secret_key_gets_nowhere(redis_url: str, owner: Calls) -> None:
    async with started(redis_url, "another secret key, of somebody else") as stranger, running(owner) as call:
        request = attach(call.call_id)
        place = await stranger.find(request)
        with pytest.raises(OutOfReach):
            await stranger.join(request, place, Socket().receive, Socket().send)
        with pytest.raises(OutOfReach):
            await stranger.hang_up(call.call_id, ACME)
        assert not call.ended.is_set()


async def test_who_only_pretends_to_own_a_call_is_not_believed(other: Calls, redis_url: str) -> None:
    """An address that a dead process had may be somebody else's by now."""

    async def never(request: Request, link: Any) -> None:
        raise AssertionError

    impostor = Listener(b"no idea", never)
    host, port = await impostor.start("127.0.0.1")
    place = Place(call_id="rtc_1", tenant_id=ACME, host=host, port=port)
    with pytest.raises(OutOfReach):
        await other.join(attach("rtc_1"), place, Socket().receive, Socket().send)
    await impostor.stop()


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff\xff\xff\xff", b"\x09\x00\x00\x00\x00", b""]
)
async def test_who_does_not_speak_as_a_process_of_ours_is_cut_off(
    owner: Calls, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_link, "_HELLO_SECONDS", 0.5)
    reader, writer = await asyncio.open_connection(*owner._address)
    writer.write(said)
    async with asyncio.timeout(2):
        with_nonce = await reader.read()
    assert len(with_nonce) <= 37
    writer.close()


async def test_a_call_whose_process_is_gone_is_out_of_reach(owner: Calls, other: Calls) -> None:
    async with running(owner) as call:
        place = await other.find(attach(call.call_id))
        assert owner._listener is not None
        await owner._listener.stop()
        with pytest.raises(OutOfReach):
            await other.join(attach(call.call_id), place, Socket().receive, Socket().send)


async def test_a_relaying_process_that_dies_is_a_client_that_was_cut_off(owner: Calls, other: Calls) -> None:
    async with running(owner) as call:
        [first] = [event.event_id for event in call.client._to_client._queue]  # type: ignore[attr-defined]
        request, socket = resume(call, first), Socket()
        place = await other.find(request)
        relaying = asyncio.create_task(other.join(request, place, socket.receive, socket.send))
        created = await socket.event("session.created")
        relaying.cancel()
        await asyncio.wait([relaying])
        async with joined(other, resume(call, created["event_id"])) as again:
            await again.event("session.created")


def test_a_stream_that_is_closed_is_gone_in_uvloops_words_too() -> None:
    """With which our web processes run: what asyncio drops in silence is an error there."""

    async def write_after_the_end() -> None:
        async def nobody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(nobody, "127.0.0.1")
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            link = Link(reader, writer)
            link.abort()
            await asyncio.sleep(0)
            with pytest.raises(Disconnected):
                await link.write_close(1000, "")
            await link.close()

    uvloop.run(write_after_the_end())


async def test_a_wrong_token_finds_nothing(owner: Calls, other: Calls) -> None:
    async with running(owner) as call:
        for calls in (owner, other):
            with pytest.raises(NoSuchCall):
                await calls.find(resume(call, "event_1", token="guessed"))


async def test_nothing_is_left_in_the_directory_once_a_call_has_ended(owner: Calls, redis_url: str) -> None:
    async with redis.asyncio.from_url(redis_url) as client:
        async with running(owner) as call:
            names = [name.decode() for name in await client.keys("antiphon:[cr]*")]
            assert f"antiphon:call:{call.call_id}" in names
            assert len(names) == 2
            assert str(call.session.resume_token) not in str(names), "the token itself is kept nowhere"
        assert await client.keys("antiphon:[cr]*") == []


async def test_leases_are_renewed_and_what_redis_forgot_is_written_again(
    owner: Calls, other: Calls, redis_url: str
) -> None:
    async with redis.asyncio.from_url(redis_url) as client, running(owner) as call:
        await asyncio.sleep(LEASE_SECONDS * 1.5)
        await other.find(attach(call.call_id))
        await client.flushall()
        with pytest.raises(NoSuchCall):
            await other.find(attach(call.call_id))
        await asyncio.sleep(LEASE_SECONDS / 2)
        await other.find(attach(call.call_id))


async def test_without_redis_a_session_works_and_is_found_in_its_own_process() -> None:
    async with started(NOWHERE) as owner, started(NOWHERE) as other, running(owner) as call:
        assert (await owner.find(attach(call.call_id))).call_id == call.call_id
        for ask in (other.find(attach(call.call_id)), other.find(resume(call, "event_1"))):
            with pytest.raises(OutOfReach):
                await ask
        with pytest.raises(OutOfReach):
            await other.hang_up(call.call_id, ACME)


async def test_a_process_that_drains_ends_sessions_that_only_wait(owner: Calls) -> None:
    async with AsyncExitStack() as stack:
        waiting, talking = [await stack.enter_async_context(running(owner)) for _ in range(2)]
        waiting.client.drop()
        await until(lambda: waiting.client.closed)
        assert owner.busy()
        owner.drain()
        async with asyncio.timeout(2):
            await waiting.ended.wait()
        assert not talking.ended.is_set()
        assert owner.busy()
        owner.end()
        async with asyncio.timeout(2):
            await talking.ended.wait()
        assert talking.client.closed == (1012, "the server restarts")
        assert not owner.busy()
