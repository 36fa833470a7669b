"""The live monitor, with sessions that really run: who talks, listening in, and ending a session."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.conf import settings
from django.test import AsyncClient, Client

from antiphon.config.routing import websocket_application
from apps.audit.models import AuditEvent
from apps.conversations import runtime
from apps.conversations.listening_in import FORBIDDEN, NOT_FOUND
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.tenants.models import Role
from tests.apps.live import SECOND, LiveSession, in_thread, live_platform, live_session
from tests.cast import Person, member_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

HOST = "testserver"


@pytest.fixture(autouse=True)
async def platform_of_this_process(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    async with live_platform(monkeypatch):
        yield


@asynccontextmanager
async def talking(person: Person) -> AsyncIterator[tuple[LiveSession, str]]:
    """A session of the person's tenant, and the id of its call, once the database knows of it."""
    key = (await in_thread(person.make_key)).text
    async with live_session(key, "local/dialogue") as session:
        created = await session.event("session.created")
        call_id = next(iter(runtime.calls._calls))
        async with asyncio.timeout(10):
            while not await in_thread(_is_known, person, created["session"]["id"]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # it is written by a thread that tells nobody
        yield session, call_id


def _is_known(person: Person, session_id: str) -> bool:
    with tenant_context(person.tenant.id):
        return RealtimeSession.objects.filter(session_id=session_id).exists()


def cookie_of(person: Person) -> str:
    client = Client()
    client.force_login(person.user)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


class Ear:
    """A browser that listens in."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.changed = asyncio.Event()

    async def send(self, message: Any) -> None:
        self.sent.append(dict(message))
        self.changed.set()

    @property
    def closed(self) -> int | None:
        last = self.sent[-1] if self.sent else {}
        return last.get("code") if last.get("type") == "websocket.close" else None

    async def hears(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while True:
                for message in self.sent:
                    if message["type"] == "websocket.send":
                        event: dict[str, Any] = json.loads(message["text"])
                        if event["type"] == kind:
                            return event
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def listening(
    person: Person | None, call_id: str, *, slug: str = "acme", origin: str = f"https://{HOST}"
) -> AsyncIterator[Ear]:
    """Leaving the block hangs up."""
    headers = [(b"host", HOST.encode()), (b"origin", origin.encode())]
    if person is not None:
        cookie = await in_thread(cookie_of, person)
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()))
    scope = {
        "type": "websocket",
        "path": f"/{slug}/live/{call_id}/listen",
        "headers": headers,
        "query_string": b"",
        "client": ("192.0.2.7", 50_000),
    }
    ear = Ear()
    ear.incoming.put_nowait({"type": "websocket.connect"})
    async with asyncio.TaskGroup() as group:
        group.create_task(websocket_application(scope, ear.incoming.get, ear.send))
        yield ear
        ear.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})


async def refusal(person: Person | None, call_id: str, **how: str) -> int | None:
    async with listening(person, call_id, **how) as ear:
        async with asyncio.timeout(10):
            while ear.closed is None:
                ear.changed.clear()
                await ear.changed.wait()
    assert not [message for message in ear.sent if message["type"] == "websocket.send"]
    return ear.closed


def noted(person: Person) -> list[AuditEvent]:
    with tenant_context(person.tenant.id):
        return list(AuditEvent.objects.filter(action__startswith="session.").order_by("at"))


async def test_who_talks_is_shown_with_what_was_said_last(alice: Person) -> None:
    client = AsyncClient()
    await client.aforce_login(alice.user)
    assert "Nobody is talking now" in (await client.get("/acme/live/")).content.decode()
    async with talking(alice) as (session, _):
        session.user_says("What is 12 times 7?")
        session.say("response.create", response={"output_modalities": ["text"]})
        await session.event("response.done")
        async with asyncio.timeout(10):
            page = ""
            while "eighty-four" not in page:
                page = (await client.get("/acme/live/")).content.decode()
        assert "Listen in" in page


async def test_an_admin_hears_both_sides_and_the_audit_log_says_so(alice: Person) -> None:
    async with talking(alice) as (session, call_id), listening(alice, call_id) as ear:
        await ear.hears("session.created")
        session.say(
            "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        )
        session.say("input_audio_buffer.append", audio=SECOND)
        assert (await ear.hears("antiphon.user_audio.delta"))["delta"] == SECOND
        session.user_says("Hello!")
        session.say("response.create")
        await session.event("response.done")
        await ear.hears("response.output_audio.delta")
        assert [event.action for event in await in_thread(noted, alice)] == ["session.listening_began"]
        assert not [event for event in session.events if event["type"].startswith("antiphon.")]
    began, ended = await in_thread(noted, alice)
    assert (began.action, ended.action) == ("session.listening_began", "session.listening_ended")
    assert began.actor_label == alice.user.email
    assert began.address == "192.0.2.7"
    assert ended.after == {"seconds": 0} or ended.after["seconds"] < 30


async def test_a_developer_may_not_listen_in(alice: Person, bob: Person) -> None:
    async with talking(alice) as (_, call_id):
        assert await refusal(bob, call_id) == FORBIDDEN
        assert await in_thread(noted, alice) == []


async def test_another_tenant_finds_no_such_call(alice: Person, mallory: Person) -> None:
    async with talking(alice) as (_, call_id):
        assert await refusal(mallory, call_id) == NOT_FOUND
        assert await refusal(mallory, call_id, slug="mallory-inc") == NOT_FOUND


async def test_nobody_who_is_not_signed_in_listens(alice: Person) -> None:
    async with talking(alice) as (_, call_id):
        assert await refusal(None, call_id) == NOT_FOUND


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_no_other_page_opens_the_socket(alice: Person, origin: str) -> None:
    async with talking(alice) as (_, call_id):
        assert await refusal(alice, call_id, origin=origin) == FORBIDDEN


async def test_a_call_that_is_over_is_no_more(alice: Person) -> None:
    async with talking(alice) as (_, call_id):
        pass
    assert await refusal(alice, call_id) == NOT_FOUND


async def test_a_developer_ends_a_session_and_the_audit_log_says_so(alice: Person, bob: Person) -> None:
    client = AsyncClient()
    await client.aforce_login(bob.user)
    async with talking(alice) as (session, call_id):
        response = await client.post(f"/acme/sessions/{call_id}/end/", headers={"hx-request": "true"})
        assert response.status_code == 204
        assert json.loads(response["hx-trigger"]) == {"toast": {"text": "The session is ended."}}
        async with asyncio.timeout(10):
            while session.close_code is None:
                session._changed.clear()
                await session._changed.wait()
    [event] = await in_thread(noted, alice)
    assert (event.action, event.actor_label) == ("session.ended", bob.user.email)


async def test_a_session_that_is_over_is_not_ended_again(alice: Person) -> None:
    client = AsyncClient()
    await client.aforce_login(alice.user)
    async with talking(alice) as (_, call_id):
        pass
    response = await client.post(f"/acme/sessions/{call_id}/end/", headers={"hx-request": "true"})
    assert "over already" in response["hx-trigger"]
    assert await in_thread(noted, alice) == []


async def test_a_viewer_sees_who_talks_and_can_do_nothing(alice: Person) -> None:
    victor = await in_thread(member_of, alice.tenant, "victor", Role.VIEWER)
    client = AsyncClient()
    await client.aforce_login(victor.user)
    async with talking(alice) as (_, call_id):
        page = (await client.get("/acme/live/")).content.decode()
        assert "local/dialogue" in page
        assert "data-listen" not in page
        assert (await client.post(f"/acme/sessions/{call_id}/end/")).status_code == 403
        assert await refusal(victor, call_id) == FORBIDDEN
