"""No key of a tenant's leaves this process but to its provider, whatever the provider does.

Sessions run against vendors that fail in every way and send the key back. Then everything that anybody can see is
searched for pieces of the keys. (But for the sound of what a voice says: any bytes are some sound.)
"""

import io
import json
import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
import trustme
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from antiphon.config.settings.logs import configure_logs
from antiphon.providers.base.provider import Kind
from antiphon.providers.vendors import SERVER_KINDS, VENDORS
from apps.accounts.models import User
from apps.conversations import runtime
from apps.conversations.models import RealtimeSession, SessionEvent
from apps.core.tenancy import tenant_context
from apps.credentials.selectors import credential_list, provider_list, providers_of
from apps.credentials.services import credential_check, credential_set, provider_put
from apps.routers.services import router_put
from tests.apps.hostile import FAULTS, HostileVendor, hostile_vendor
from tests.apps.leaks import CASES, Case, Everything, heard, new_key, talk
from tests.apps.live import (
    in_thread,
    live_platform,
    live_session,
)
from tests.cast import PASSWORD, Person

APART = 5  # of so many faults each case meets one, but in `make soak`

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])


@pytest.fixture
def everything() -> Everything:
    return Everything()


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Every line that any library logs at any level, as production writes it."""
    formatter_settings = configure_logs(json=True)["formatters"]["structlog"]
    formatter = formatter_settings.pop("()")(**formatter_settings)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
async def vendor() -> AsyncIterator[HostileVendor]:
    async with hostile_vendor() as running:
        yield running


@pytest.fixture
async def untrusted() -> AsyncIterator[HostileVendor]:
    """Its certificate is of an authority that nobody knows."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with hostile_vendor(tls) as running:
        yield running


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ("127.0.0.1",)


def rows(person: Person) -> list[Any]:
    with tenant_context(person.tenant.id):
        return [*RealtimeSession.objects.values(), *SessionEvent.objects.order_by("id").values()]


def kinds_of_rows(person: Person) -> set[str]:
    with tenant_context(person.tenant.id):
        return set(SessionEvent.objects.values_list("type", flat=True))


def told_logs(person: Person) -> str:
    """What the command prints of each session."""
    out = io.StringIO()
    with tenant_context(person.tenant.id):
        sessions = list(RealtimeSession.objects.values_list("session_id", flat=True))
    for session_id in sessions:
        call_command("session_log", session_id, f"--tenant={person.tenant.slug}", stdout=out)
    return out.getvalue()


def pages(person: Person, user: User) -> str:
    """What the tenant and the staff see."""
    member, staff = Client(), Client()
    assert member.login(email=person.user.email, password=PASSWORD)
    staff.force_login(user)
    models = (
        "credentials/tenantprovider",
        "credentials/providercredential",
        "conversations/realtimesession",
        "routers/router",
    )
    answers = [member.get(f"/{person.tenant.slug}/{page}") for page in ("", "providers/")]
    answers += [*(staff.get(f"/staff/{m}/") for m in models)]
    with tenant_context(person.tenant.id):
        answers += [staff.get(f"/staff/credentials/tenantprovider/{r.id}/change/") for r in provider_list()]
        answers += [
            staff.get(f"/staff/credentials/providercredential/{r.id}/change/") for r in credential_list()
        ]
    assert {answer.status_code for answer in answers} == {200}
    return "\n".join(answer.content.decode() for answer in answers)


def tell_rest(key: str, model: str) -> str:
    client = Client(headers={"authorization": f"Bearer {key}"})
    body = {"session": {"type": "realtime", "model": model}}
    secret = client.post("/v1/realtime/client_secrets", body, content_type="application/json")
    return client.get("/v1/models").content.decode() + secret.content.decode()


def faults_of(case: object, among: Sequence[object]) -> list[str]:
    """All faults in `make soak`; else a few, others for the next case, so that each happens in several dialects."""
    if os.environ.get("HYPOTHESIS_PROFILE") == "soak":
        return list(FAULTS)
    return list(FAULTS)[list(among).index(case) % APART :: APART]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_no_key_is_seen_anywhere(
    case: Case,
    alice: Person,
    vendor: HostileVendor,
    untrusted: HostileVendor,
    everything: Everything,
    logs: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    keys: dict[str, str] = {}

    def bring(fault: str, base_url: str) -> str:
        """A provider that fails so, and its slug."""
        slug = case.vendor or f"{case.dialect}-{fault}"
        keys[fault] = new_key()
        with tenant_context(alice.tenant.id):
            if case.vendor:
                monkeypatch.setitem(VENDORS, slug, case.moved(base_url))
                row = credential_set(provider=slug, key=keys[fault])
            else:
                row = provider_put(slug=slug, dialect=case.dialect, base_url=base_url, key=keys[fault])
            credential_check(row=row)
            everything.add("check", row.check_error)
        return slug

    api_key = (await in_thread(alice.make_key)).text
    user = await in_thread(User.objects.create_superuser, "root@example.com", PASSWORD)
    async with live_platform(monkeypatch, "127.0.0.1"):
        faults = {fault: vendor.at(fault) for fault in faults_of(case, CASES)}
        for fault, base_url in {**faults, "tls": untrusted.at("500")}.items():
            slug = await in_thread(bring, fault, base_url)
            model = f"{slug}/{case.model}" if case.kind in ("language", "realtime") else "local/dialogue"
            async with live_session(api_key, model) as session:
                await talk(session, case.kind, f"{slug}/{case.model}")
            everything.add("events", heard(session))
            everything.add("rest", await in_thread(tell_rest, api_key, f"{slug}/{case.model}"))
            everything.add("objects", repr(await in_thread(providers_of, alice.tenant.id)))
            everything.add("objects", repr(runtime._loaded))
    everything.add("event log", await in_thread(rows, alice))
    everything.add("session_log", await in_thread(told_logs, alice))
    everything.add("pages", await in_thread(pages, alice, user))
    everything.add("logs", logs.getvalue())
    everything.add("printed", "".join(capfd.readouterr()))

    assert vendor.seen == set(keys.values()) - {keys["tls"]}, "each key did reach its provider"
    assert untrusted.seen == set()
    assert "127.0.0.1" in everything.said["events"], "the failures were told"
    for key in keys.values():
        assert not everything.leaks(key)


@pytest.mark.parametrize("kind", SERVER_KINDS["openai"])
async def test_no_key_is_in_what_routers_tell(
    kind: Kind,
    alice: Person,
    vendor: HostileVendor,
    everything: Everything,
    logs: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whose first model fails, so that the second one, of another key, is asked."""
    faults = {*faults_of(kind, SERVER_KINDS["openai"]), "half-an-answer"}  # which costs something
    keys = {fault: (new_key(), new_key()) for fault in faults}

    def bring(fault: str) -> None:
        with tenant_context(alice.tenant.id):
            for slug, key in zip((f"first-{fault}", f"second-{fault}"), keys[fault], strict=True):
                provider_put(slug=slug, dialect="openai", base_url=vendor.at(fault), key=key)
            router_put(name=fault, definition=json.dumps(router_of(kind, fault)))

    api_key = (await in_thread(alice.make_key)).text
    user = await in_thread(User.objects.create_superuser, "root@example.com", PASSWORD)
    async with live_platform(monkeypatch, "127.0.0.1"):
        for fault in keys:
            await in_thread(bring, fault)
            name = f"router/{fault}"
            async with live_session(api_key, name if kind == "language" else "local/dialogue") as session:
                await talk(session, kind, name)
            everything.add("events", heard(session))
    everything.add("event log", await in_thread(rows, alice))
    everything.add("session_log", await in_thread(told_logs, alice))
    everything.add("pages", await in_thread(pages, alice, user))
    everything.add("logs", logs.getvalue())

    assert vendor.seen == {key for pair in keys.values() for key in pair}
    assert "usage" in await in_thread(kinds_of_rows, alice)
    if kind == "language":
        assert '"type": "antiphon.attempt.ended"' in everything.said["events"]
        assert '"decision": "fell_back"' in everything.said["events"]
        assert {"model.attempt", "latency.decided"} <= await in_thread(kinds_of_rows, alice)
    for pair in keys.values():
        assert not [leak for key in pair for leak in everything.leaks(key)]


def router_of(kind: Kind, fault: str) -> dict[str, Any]:
    models = [f"first-{fault}/m", f"second-{fault}/m"]
    match kind:
        case "language":
            return {"kind": kind, "default": {"variants": [{"models": models}]}}
        case "speech_to_text":
            return {"kind": kind, "models": models}
    return {"kind": kind, "candidates": [{"model": model} for model in models]}


async def test_a_key_given_to_the_command_is_not_printed(
    alice: Person, vendor: HostileVendor, everything: Everything, logs: io.StringIO
) -> None:
    key = new_key()
    out = io.StringIO()
    arguments = ["--tenant=acme", "--slug=mine", f"--base-url={vendor.at('400')}", f"--key={key}"]
    await in_thread(call_command, "add_provider", *arguments, stdout=out)
    everything.add("printed", out.getvalue())
    everything.add("logs", logs.getvalue())
    assert "refused the request" in out.getvalue()
    assert not everything.leaks(key)


def test_tracebacks_of_developers_show_no_values_of_variables() -> None:
    key = new_key()
    settings = configure_logs(json=False)["formatters"]["structlog"]
    configure_logs(json=True)
    formatter = settings.pop("()")(**settings)
    try:
        raise ValueError(f"not the {len(key)} characters themselves")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, __file__, 1, "broke", None, (ValueError, error, error.__traceback__)
        )
    everything = Everything({"log": formatter.format(record)})
    assert "characters themselves" in everything.said["log"]
    assert not everything.leaks(key)
