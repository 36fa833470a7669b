"""Tools on a tenant's own server: the platform calls them itself, signed, once for each call of the model."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_django.fixtures import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from antiphon.outbound.http import OutboundHttp
from antiphon.outbound.policy import OutboundPolicy
from antiphon.protocol.items import FunctionCall
from antiphon.providers.base.llm import LlmRequest, ToolCall
from antiphon.providers.http_tools.calls import Caller, HttpTool, Request, body_of, request_of
from antiphon.providers.http_tools.running import Exchange, HttpFunctions, exchange
from antiphon.providers.scripted.llm import ScriptedLlm, Step, call_tools, say
from antiphon.providers.scripted.server import StubServer
from apps.conversations import runtime
from apps.conversations.models import SessionEvent
from apps.core.tenancy import tenant_context
from apps.credentials.services import provider_put
from apps.keys.services import client_secret_create
from apps.tools.models import Tool
from apps.tools.services import tool_create
from tests.apps.live import LiveSession, in_thread, live_platform, live_session
from tests.cast import Person

SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLDER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
CALL = FunctionCall(id="item_1", call_id="call_1", name="weather", arguments='{"town": "Ulm"}')


@dataclass
class ToolHost:
    """A tenant's server: answers in turn what it was told to, the last for ever, and keeps what it was asked."""

    answers: list[dict[str, Any]]
    delay: float = 0.0
    port: int = 0
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/weather"

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((dict(request.headers), await request.read()))
        await asyncio.sleep(self.delay)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.get("broken"):
            assert request.transport is not None
            request.transport.close()
        return web.Response(**{name: value for name, value in answer.items() if name != "broken"})


@asynccontextmanager
async def tool_host(*answers: dict[str, Any], delay: float = 0.0) -> AsyncIterator[ToolHost]:
    host = ToolHost(list(answers) or [{"text": '"sunny"', "content_type": "application/json"}], delay)
    app = web.Application()
    app.router.add_post("/weather", host.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host.port = runner.addresses[0][1]
    try:
        yield host
    finally:
        await runner.cleanup()


async def call(url: str, *, allowed: tuple[str, ...] = ("127.0.0.1",), **fields: Any) -> Exchange:
    http = OutboundHttp(OutboundPolicy.allowing(allowed))
    given: dict[str, Any] = {"signing_secrets": (SIGNING,), "headers": (("X-Key", "very-secret"),), **fields}
    try:
        return await exchange(http, HttpTool("weather", url, **given), CALL, Caller("sess_1", "front-desk"))
    finally:
        await http.aclose()


def why(done: Exchange) -> str:
    assert done.failure is not None
    return done.failure.error.message


class TestOneCall:
    async def test_it_works(self) -> None:
        async with tool_host() as host:
            done = await call(host.url)
        assert (done.output, done.failure) == ('"sunny"', None)
        [(headers, body)] = host.seen
        assert json.loads(body) == {
            "type": "tool.call",
            "session_id": "sess_1",
            "agent": "front-desk",
            "call_id": "call_1",
            "tool": "weather",
            "arguments": {"town": "Ulm"},
        }
        assert headers["X-Key"] == "very-secret"
        assert headers["Idempotency-Key"] == headers["webhook-id"] == "item_1"

    async def test_both_secrets_sign_it_and_no_other(self) -> None:
        async with tool_host() as host:
            await call(host.url, signing_secrets=(SIGNING, OLDER))
        [(headers, body)] = host.seen
        for secret in (SIGNING, OLDER):
            assert Webhook(secret).verify(body, headers)["tool"] == "weather"
        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(SIGNING).verify(body.replace(b"Ulm", b"Bonn"), headers)

    @pytest.mark.parametrize(
        ("answer", "output"),
        [
            ({"text": "It is sunny.", "content_type": "text/plain"}, "It is sunny."),
            ({"text": '{"sky": "blue"}', "content_type": "application/vnd.weather+json"}, '{"sky": "blue"}'),
            ({"status": 204}, "done"),
            ({"text": '{"given": "very-secret"}', "content_type": "application/json"}, '{"given": "***"}'),
        ],
    )
    async def test_what_the_model_gets(self, answer: dict[str, Any], output: str) -> None:
        async with tool_host(answer) as host:
            assert (await call(host.url)).output == output


class TestASecondTry:
    @pytest.mark.parametrize("first", [{"status": 502}, {"status": 503}, {"status": 504}, {"broken": True}])
    async def test_it_has_the_same_key(self, first: dict[str, Any]) -> None:
        async with tool_host(first, {"text": "1", "content_type": "application/json"}) as host:
            done = await call(host.url)
        assert done.output == "1"
        assert [headers["webhook-id"] for headers, _ in host.seen] == ["item_1", "item_1"]
        for headers, body in host.seen:
            Webhook(SIGNING).verify(body, headers)

    @pytest.mark.parametrize(("status", "tries"), [(500, 1), (400, 1), (429, 1), (503, 2)])
    async def test_there_is_at_most_one(self, status: int, tries: int) -> None:
        async with tool_host({"status": status}) as host:
            assert f"status {status}" in why(await call(host.url))
        assert len(host.seen) == tries


class TestWhatGoesWrong:
    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ({"text": "<p>", "content_type": "text/html"}, "something that is no JSON, as text/html"),
            ({"text": "{", "content_type": "application/json"}, "something that is no JSON"),
            ({"body": b"\xff", "content_type": "text/plain"}, "something that is no JSON, as text/plain"),
            ({"text": "x" * 2000, "content_type": "text/plain"}, "more than 1000 bytes"),
            ({"status": 302, "headers": {"Location": "https://example.com/"}}, "not followed"),
            ({"status": 401}, "refused the authorization (status 401)."),
            (
                {"status": 404, "text": "no such town; key very-secret"},
                "(status 404). It said: no such town; key ***",
            ),
            ({"status": 500, "text": "<html>", "content_type": "text/html"}, "failed (status 500)."),
        ],
    )
    async def test_an_answer_that_is_none(self, answer: dict[str, Any], said: str) -> None:
        async with tool_host(answer) as host:
            message = why(await call(host.url, max_body=1000))
        assert said in message
        assert message.startswith(("The server of the tool 'weather'", "The tool 'weather' failed"))

    async def test_no_answer_in_time(self) -> None:
        async with tool_host(delay=1.0) as host:
            done = await call(host.url, timeout=0.2)
        assert why(done) == "The server of the tool 'weather' did not answer within 0.2 s."
        assert len(host.seen) == 1

    @pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://10.0.0.5/", "http://localhost:1/"])
    async def test_an_address_inside_is_not_reached(self, url: str) -> None:
        done = await call(url, allowed=())
        assert "OUTBOUND_ALLOW" in why(done)
        assert done.answer is None

    async def test_nobody_there(self) -> None:
        async with tool_host() as host:
            url = host.url
        assert "can't be reached" in why(await call(url))

    async def test_arguments_that_are_none(self) -> None:
        functions = HttpFunctions(
            OutboundHttp(OutboundPolicy()), {"weather": HttpTool("weather", "https://1.1.1.1/")}, Caller("s")
        )
        with pytest.raises(Exception, match="no JSON object: call it again with one"):
            await functions.call(FunctionCall(id="item_1", call_id="c", name="weather", arguments='["Ulm"]'))


WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}}


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
class TestSessions:
    """Through the gateway, with a model and a tool on servers of this test."""

    @pytest.fixture(autouse=True)
    async def platform(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        settings.OUTBOUND_ALLOW = ("127.0.0.1",)
        outbound = OutboundHttp(OutboundPolicy.allowing(["127.0.0.1"]))
        monkeypatch.setattr(runtime, "_outbound", outbound)
        async with live_platform(monkeypatch, "127.0.0.1"):
            yield
        await outbound.aclose()

    @pytest.fixture
    async def model(self, alice: Person) -> AsyncIterator[StubServer]:
        """Calls the tool, and then says what came of it."""
        called = ToolCall("call_1", "weather", '{"town": "Ulm"}')
        async with StubServer(llm=ScriptedLlm(call_tools(called), reads_the_result)) as server:
            await in_thread(put_model, alice, server.base_url)
            yield server

    async def test_it_works(self, alice: Person, model: StubServer) -> None:
        async with tool_host() as host:
            secret, signing = await in_thread(put_tool, alice, host.url)
            async with live_session(secret, "acme/m") as session:
                answer = await converse(session)
            [(headers, body)] = host.seen
        assert answer == 'The weather is "sunny".'
        asked = Webhook(signing).verify(body, headers)
        assert (asked["tool"], asked["arguments"]) == ("weather", {"town": "Ulm"})
        assert asked["session_id"].startswith("sess_")
        assert headers["X-Key"] == "very-secret-value"
        counted = await in_thread(tool_of, alice)
        assert (counted.calls, counted.failures, counted.last_error) == (1, 0, "")

    async def test_the_model_is_told_of_a_failure_and_it_is_counted(
        self, alice: Person, model: StubServer
    ) -> None:
        async with tool_host({"status": 500}) as host:
            secret, _ = await in_thread(put_tool, alice, host.url)
            async with live_session(secret, "acme/m") as session:
                answer = await converse(session)
        assert "failed (status 500)" in answer
        counted = await in_thread(tool_of, alice)
        assert (counted.calls, counted.failures, counted.timeouts) == (1, 1, 0)
        assert counted.last_error == "The server of the tool 'weather' failed (status 500)."

    async def test_its_start_and_end_are_in_the_log_and_no_secret_is(
        self, alice: Person, model: StubServer
    ) -> None:
        async with tool_host({"status": 404, "text": "very-secret-value"}) as host:
            secret, signing = await in_thread(put_tool, alice, host.url)
            async with live_session(secret, "acme/m") as session:
                await converse(session)
        await runtime.writers_end()
        logged = await in_thread(log_of, alice)
        started, ended = (
            next(body for kind, body in logged if kind == wanted) for wanted in ("tool.started", "tool.ended")
        )
        assert started["name"] == ended["name"] == "weather"
        assert ended["outcome"] == "failed"
        assert ended["error"]["code"] == 404
        assert ended["duration_ms"] >= 0
        everything = json.dumps(logged) + json.dumps(session.events)
        assert "very-secret-value" not in everything
        assert signing[6:] not in everything

    async def test_a_tool_that_only_the_client_declares_is_the_clients(
        self, alice: Person, model: StubServer
    ) -> None:
        """Who holds a client secret can't have any tool of the tenant called."""
        async with tool_host() as host:
            await in_thread(put_tool, alice, host.url)
            key = (await in_thread(alice.make_key)).text
            async with live_session(key, "acme/m") as session:
                session.say("session.update", session={"type": "realtime", "tools": [WEATHER]})
                session.user_says("What is the weather?")
                session.say("response.create", response={"output_modalities": ["text"]})
                done = await session.event("response.done")
                assert done["response"]["output"][0]["type"] == "function_call"
        assert host.seen == []


def reads_the_result(request: LlmRequest) -> Sequence[Step]:
    return say(f"The weather is {request.messages[-1].text}.")


def put_model(person: Person, base_url: str) -> None:
    with tenant_context(person.tenant.id):
        provider_put(slug="acme", dialect="openai", base_url=base_url, key="k")


def put_tool(person: Person, url: str) -> tuple[str, str]:
    """A tool, and a client secret whose sessions begin with it. Returns that secret and the signing secret."""
    key = person.make_key().key
    with tenant_context(person.tenant.id):
        created = tool_create(slug="weather", kind="http", url=url, headers={"X-Key": "very-secret-value"})
        secret = client_secret_create(
            key_id=key.id,
            session_preset=json.dumps({"tools": [WEATHER], "output_modalities": ["text"]}),
            expires_after=timedelta(minutes=5),
        )
    return secret.text, created.signing_secret


def tool_of(person: Person) -> Tool:
    with tenant_context(person.tenant.id):
        return Tool.objects.get(slug="weather")


def log_of(person: Person) -> list[tuple[str, dict[str, Any]]]:
    with tenant_context(person.tenant.id):
        return list(SessionEvent.objects.values_list("type", "body"))


async def converse(session: LiveSession) -> str:
    """Asks for the weather, and gives what the model says once it knows."""
    session.user_says("What is the weather?")
    session.say("response.create")
    await session.event("response.done")
    done = await session.event("response.done")
    return str(done["response"]["output"][0]["content"][0]["text"])


class TestTheGuide:
    """docs/tools.md: what it shows to be done on a server takes a call as it is sent."""

    @pytest.fixture
    def programs(self) -> dict[str, str]:
        text = (Path(__file__).parents[2] / "docs/tools.md").read_text()
        return dict(re.findall(r"^```(python|js)\n(.*?)^```", text, re.MULTILINE | re.DOTALL))

    @pytest.fixture
    def sent(self) -> Request:
        tool = HttpTool("weather", "https://1.1.1.1/", signing_secrets=(SIGNING, OLDER))
        return request_of(tool, CALL, body_of(tool, CALL, Caller("sess_1")))

    @pytest.mark.parametrize("secret", [SIGNING, OLDER])
    def test_python(
        self, programs: dict[str, str], sent: Request, secret: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TOOL_SIGNING_SECRET", secret)
        names: dict[str, Any] = {}
        exec(programs["python"], names)
        assert json.loads(names["answer"](sent.body, sent.headers)) == {"town": "Ulm", "sky": "blue"}
        assert names["answered"] == {"item_1": '{"town": "Ulm", "sky": "blue"}'}
        with pytest.raises(WebhookVerificationError):
            names["answer"](sent.body + b" ", sent.headers)
