"""One session too many, however a client connects: the upgrade succeeds, an error says which limit it is, and the
close code is final. What goes on with a session, or joins one, takes no other place."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from apps.conversations import runtime
from apps.core.tenancy import tenant_context
from apps.keys.models import Scope
from apps.keys.services import client_secret_create, client_secret_for_person
from apps.limits.process import Place
from apps.limits.selectors import limits_of
from apps.limits.services import tenant_limits_set
from apps.tenants.selectors import membership_lookup
from tests.apps.live import LiveSession, in_thread, live_platform, live_session
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

QUERY = "model=local/dialogue"


@pytest.fixture(autouse=True)
async def platform(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    async with live_platform(monkeypatch):
        yield
    assert not runtime.limits._slots.held, "nobody left a place behind"


@asynccontextmanager
async def full(person: Person, key: str = "another key") -> AsyncIterator[Place]:
    """The tenant has the one session that it may have."""
    await in_thread(allow, person, sessions=1)
    limits = await in_thread(limits_of, person.tenant.id)
    async with runtime.limits.session(
        tenant=str(person.tenant.id), key=key, address="198.51.100.9", limits=limits
    ) as place:
        yield place


def allow(person: Person, **limits: int) -> None:
    with tenant_context(person.tenant.id):
        tenant_limits_set(changes=limits)


def minted(person: Person, key_id: Any) -> str:
    with tenant_context(person.tenant.id):
        made = client_secret_create(
            key_id=key_id, session_preset='{"type":"realtime"}', expires_after=timedelta(minutes=1)
        )
    return made.text


def minted_in_playground(person: Person) -> str:
    membership = membership_lookup(user_id=person.user.pk, slug=person.tenant.slug)
    assert membership
    with tenant_context(person.tenant.id):
        return client_secret_for_person(
            membership=membership, session_preset='{"type":"realtime"}', expires_after=timedelta(minutes=1)
        ).text


async def connect(
    path: str, query: str = QUERY, headers: dict[str, str] | None = None, subprotocols: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """What the whole application sends to a client that says nothing."""
    from antiphon.config.asgi import application

    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        "subprotocols": list(subprotocols),
        "client": ("198.51.100.7", 5000),
    }
    async with asyncio.timeout(30):
        await application(scope, incoming.get, send)
    return sent


def assert_refused(sent: list[dict[str, Any]], *words: str) -> None:
    accept, said, close = sent
    assert (accept["type"], said["type"], close["type"]) == (
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    )
    error = json.loads(said["text"])["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "rate_limit_exceeded")
    assert all(word in error["message"] for word in words), error["message"]
    assert (close["code"], close["reason"]) == (4000, "invalid_request_error.rate_limit_exceeded")
    told = {name.decode(): value.decode() for name, value in accept["headers"]}
    assert told["x-ratelimit-limit-sessions"] == "1"
    assert told["x-ratelimit-remaining-sessions"] == "0"


PATHS = {
    "ga": ("/v1/realtime", QUERY, {}),
    "beta": ("/v1/realtime", QUERY, {"openai-beta": "realtime=v1"}),
    "inworld": ("/api/v1/realtime/session", "protocol=realtime", {}),
    "transcription": ("/v1/realtime", "intent=transcription", {}),
    "without the version": ("/realtime", QUERY, {}),
    "the tenant's endpoint": ("/t/acme/v1/realtime", QUERY, {}),
}


@pytest.mark.parametrize("name", PATHS)
async def test_one_session_too_many_is_refused_in_band(name: str, alice: Person) -> None:
    path, query, headers = PATHS[name]
    key = await in_thread(alice.make_key)
    async with full(alice):
        sent = await connect(path, query, {**headers, "authorization": f"Bearer {key.text}"})
    assert_refused(sent, "1 session at the same time", "end one first", "Limits")


async def test_so_it_is_with_a_key_in_a_subprotocol(alice: Person) -> None:
    key = await in_thread(alice.make_key)
    async with full(alice):
        sent = await connect("/v1/realtime", subprotocols=("realtime", f"openai-insecure-api-key.{key.text}"))
    assert_refused(sent)
    assert sent[0]["subprotocol"] == "realtime"


async def test_so_it_is_with_a_client_secret(alice: Person) -> None:
    key = await in_thread(alice.make_key)
    secret = await in_thread(minted, alice, key.key.id)
    async with full(alice):
        assert_refused(await connect("/v1/realtime", QUERY, {"authorization": f"Bearer {secret}"}))


async def test_so_it_is_in_the_playground(alice: Person) -> None:
    secret = await in_thread(minted_in_playground, alice)
    async with full(alice):
        sent = await connect(
            "/t/acme/v1/realtime", subprotocols=("realtime", f"openai-insecure-api-key.{secret}")
        )
    assert_refused(sent)


async def test_twenty_sessions_run_at_the_same_time_and_no_more(alice: Person) -> None:
    key = (await in_thread(alice.make_key)).text
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(live_session(key, "local/dialogue")) for _ in range(20)]
        for session in sessions:
            await session.event("session.created")
        async with live_session(key, "local/dialogue") as one_more:
            await one_more.closed()
        assert one_more.close_code == 4000
        assert one_more.events[0]["error"]["code"] == "rate_limit_exceeded"
        assert "20 sessions" in one_more.events[0]["error"]["message"]
    async with live_session(key, "local/dialogue") as after:
        await after.event("session.created")


async def test_a_key_may_have_less_than_its_workspace(alice: Person) -> None:
    tight = await in_thread(alice.make_key, "tight", sessions_limit=1)
    wide = await in_thread(alice.make_key)
    secret = await in_thread(minted, alice, tight.key.id)
    async with live_session(tight.text, "local/dialogue") as first:
        await first.event("session.created")
        for text in (tight.text, secret):
            async with live_session(text, "local/dialogue") as second:
                await second.closed()
            assert "This API key has 1 session" in second.events[0]["error"]["message"]
        async with live_session(wide.text, "local/dialogue") as third:
            await third.event("session.created")


async def test_who_joins_a_session_or_goes_on_with_it_takes_no_other_place(
    alice: Person, settings: Settings
) -> None:
    settings.SESSION_RESUME_SECONDS = 10
    await in_thread(allow, alice, sessions=1)
    key = (await in_thread(alice.make_key)).text
    async with live_session(key, "local/dialogue") as session:
        created = await session.event("session.created")
        call_id, token = created["session"]["call_id"], created["session"]["resume_token"]
        async with joined(key, f"call_id={call_id}") as sideband:
            await sideband.event("session.created")
        async with joined(key, f"resume={token}&last_event_id={created['event_id']}") as resumed:
            await resumed.event("session.created")


@asynccontextmanager
async def joined(key: str, query: str) -> AsyncIterator[LiveSession]:
    async with live_session(key, f"&{query}") as session:
        yield session


async def test_the_handshake_and_the_session_tell_the_same_limits(alice: Person) -> None:
    await in_thread(allow, alice, sessions=3, events_per_second=50)
    key = (await in_thread(alice.make_key)).text
    async with live_session(key, "local/dialogue") as session:
        await session.event("session.created")
        assert session.headers["x-ratelimit-limit-sessions"] == "3"
        assert session.headers["x-ratelimit-remaining-sessions"] == "2"
        assert session.headers["x-ratelimit-limit-requests"] == "50"
        assert session.headers["x-ratelimit-remaining-requests"] == "50"
        assert session.headers["x-ratelimit-reset-requests"] == "0.000s"
        session.say("response.create", response={"output_modalities": ["text"], "input": []})
        told = (await session.event("rate_limits.updated"))["rate_limits"]
        assert (told[0]["name"], told[0]["limit"]) == ("requests", 50)
        assert 0 < told[0]["remaining"] <= 50


async def test_events_beyond_the_limit_are_refused_and_the_session_goes_on(alice: Person) -> None:
    await in_thread(allow, alice, events_per_second=5)
    key = (await in_thread(alice.make_key)).text
    async with live_session(key, "local/dialogue") as session:
        await session.event("session.created")
        for number in range(20):
            session.say("session.update", event_id=f"mine_{number}", session={"type": "realtime"})
        error = (await session.event("error"))["error"]
        assert (error["code"], error["event_id"][:5]) == ("rate_limit_exceeded", "mine_")
        assert "More than 5 client events in a second" in error["message"]
        while sum(event["type"] in ("error", "session.updated") for event in session.events) < 20:
            await session.event("error", "session.updated")
        await asyncio.sleep(0.3)
        session.say("session.update", session={"type": "realtime", "instructions": "still here"})
        while (await session.event("session.updated"))["session"]["instructions"] != "still here":
            pass


@pytest.mark.usefixtures("redis_url")
def test_minting_too_many_client_secrets_has_to_wait(alice: Person) -> None:
    allow(alice, requests_per_minute=2)
    headers = {"authorization": f"Bearer {alice.make_key(scopes=[Scope.REALTIME]).text}"}

    def mint() -> Any:
        return Client().post("/v1/realtime/client_secrets", {}, "application/json", headers=headers)

    left = [mint()["x-ratelimit-remaining-requests"] for _ in range(2)]
    assert left == ["1", "0"]
    response = mint()
    assert response.status_code == 429
    assert response.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(response["retry-after"]) <= 30
    assert response["x-ratelimit-limit-requests"] == "2"
