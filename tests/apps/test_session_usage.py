"""What a session tells its client that it used, what its log says and what the rows say are one."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from antiphon.engine.observers.usage import TOOL, WEBSOCKET
from antiphon.metering.price_files import list_prices
from antiphon.providers.scripted.server import StubServer
from antiphon.providers.vendors import VENDORS
from apps.conversations import runtime
from apps.conversations.models import RealtimeSession, SessionEvent
from apps.core.tenancy import tenant_context
from apps.credentials.services import credential_set, provider_put
from apps.usage.models import UsageLine
from tests.apps.live import LiveSession, in_thread, live_platform, live_session
from tests.cast import Person

_LISTED = "groq/openai/gpt-oss-120b"

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])


@pytest.fixture(autouse=True)
async def platform_of_this_process(monkeypatch: pytest.MonkeyPatch, settings: Any) -> AsyncIterator[None]:
    settings.OUTBOUND_ALLOW = ("127.0.0.1",)
    async with live_platform(monkeypatch, "127.0.0.1"):
        yield


def told(session: LiveSession) -> Counter[tuple[str, str, int, int | None]]:
    lines = [
        line
        for event in session.events
        for line in [
            *event.get("lines", []),
            *event.get("response", {}).get("antiphon_usage", {}).get("lines", []),
        ]
    ]
    return Counter((line["record"], line["unit"], line["quantity"], line["price_micro"]) for line in lines)


def rows_of(person: Person) -> list[UsageLine]:
    with tenant_context(person.tenant.id):
        return list(UsageLine.objects.order_by("id"))


def as_told(rows: list[UsageLine]) -> Counter[tuple[str, str, int, int | None]]:
    return Counter(
        (row.key, row.unit, row.quantity, row.price_micro if row.is_priced else None) for row in rows
    )


async def converse(key: str, model: str) -> LiveSession:
    async with live_session(key, model) as session:
        wanted = {"antiphon": {"events": ["usage"]}}
        session.say(
            "session.update",
            session={"type": "realtime", "output_modalities": ["text"], "providerData": wanted},
        )
        for _ in range(2):
            session.user_says("Hello")
            session.say("response.create")
            await session.event("response.done")
    return session


async def test_it_works_rows_are_there_when_the_session_has_ended(alice: Person) -> None:
    key = await in_thread(alice.make_key)
    session = await converse(key.text, "local/dialogue")
    rows = await in_thread(rows_of, alice)
    assert Counter(row.kind for row in rows if row.unit.endswith(("_ms", "input_text_token"))) == {
        "response": 2,
        "transport": 1,
    }
    assert {row.model for row in rows} == {"local/dialogue", WEBSOCKET}
    assert {row.api_key_id for row in rows} == {key.key.id}
    created = session.events[0]["session"]
    assert {row.session_id for row in rows} == {created["id"]}
    gone = as_told([row for row in rows if row.kind == "transport"])  # when the client had gone
    assert told(session) == as_told(rows) - gone
    assert sum(told(session).values())


async def test_the_sessions_row_and_its_log_have_the_same_price(alice: Person) -> None:
    await converse((await in_thread(alice.make_key)).text, "local/dialogue")
    await runtime.writers_end()

    def sums() -> tuple[int, int, Counter[Any], int]:
        with tenant_context(alice.tenant.id):
            logged = [event.body for event in SessionEvent.objects.filter(type="usage")]
            assert "cost" not in str(logged)
            cost = RealtimeSession.objects.get().cost_micro
        lines = Counter((body["id"], line["unit"]) for body in logged for line in body["lines"])
        return cost, sum(body["price_micro"] for body in logged), lines, len(logged)

    cost, logged, lines, records = await in_thread(sums)
    rows = await in_thread(rows_of, alice)
    assert cost == logged == sum(row.price_micro for row in rows)
    assert lines == Counter((row.key, row.unit) for row in rows)
    assert records == len({row.key for row in rows})


async def test_what_a_tenant_brings_itself_costs_the_operator_nothing(
    alice: Person, mallory: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same model: Alice reaches it with a key of hers, Mallory with the operator's."""

    def bring() -> None:
        with tenant_context(alice.tenant.id):
            provider_put(slug="acme", dialect="openai", base_url=server.base_url, key="a-secret-key")
            credential_set(provider="groq", key="a-secret-key")

    async with StubServer() as server:
        groq = VENDORS["groq"]
        here = replace(groq, services=[replace(s, base_url=server.base_url) for s in groq.services])
        monkeypatch.setitem(VENDORS, "groq", here)  # type: ignore[arg-type]
        loaded = await runtime.inference()
        offered = {**loaded.providers, "groq": replace(here, api_key="the-operators")}
        monkeypatch.setattr(runtime, "_loaded", replace(loaded, providers=offered))
        await in_thread(bring)
        for person, model in ((alice, "acme/m"), (alice, _LISTED), (mallory, _LISTED)):
            await converse((await in_thread(person.make_key)).text, model)
    hers = [row for row in await in_thread(rows_of, alice) if row.kind == "response"]
    theirs = [row for row in await in_thread(rows_of, mallory) if row.kind == "response"]
    assert {row.model for row in hers} == {"acme/m", _LISTED}
    assert {(row.cost_micro, row.price_micro, row.is_priced) for row in hers} == {(0, 0, True)}
    assert sum(row.quantity for row in hers) > 0
    assert sum(row.cost_micro for row in theirs) == sum(row.price_micro for row in theirs) > 0


def test_what_the_platform_does_itself_has_a_price() -> None:
    for model, units in ((WEBSOCKET, {"session_ms"}), (TOOL, {"request", "tool_ms"})):
        assert set(list_prices().rates_of(model, 1_795_000_000_000.0)) == units
