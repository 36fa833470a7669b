"""Sessions on a customer's account: who may open them, what their usage names, and how many there may be."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.billing.budgets import budget_create
from apps.conversations import runtime
from apps.conversations.calls import NoSuchCall
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.customers.models import Customer
from apps.customers.services import customer_update
from apps.keys.models import ApiKey
from apps.usage.models import UsageLine
from tests.apps.live import LiveSession, in_thread, live_platform, live_session
from tests.cast import Person
from tests.customers.used import customer_of, use

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

MODEL = "local/dialogue"
SECRETS = "/v1/realtime/client_secrets"


@pytest.fixture(autouse=True)
async def platform(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    async with live_platform(monkeypatch):
        yield
    assert not runtime.limits._slots.held, "nobody left a place behind"


@pytest.fixture
def globex(alice: Person) -> Customer:
    return customer_of(alice, "globex", sessions_limit=1)


@pytest.fixture
def key(alice: Person) -> str:
    return alice.make_key().text


def key_of(person: Person, customer: Customer) -> str:
    return person.make_key(customer=customer).text


def minted(key: str, customer: object = None, *, status: int = 200) -> dict[str, Any]:
    session: dict[str, Any] = {"type": "realtime", "model": MODEL}
    if customer is not None:
        session["providerData"] = {"antiphon": {"customer": customer}}
    headers = {"authorization": f"Bearer {key}"}
    response = Client(headers=headers).post(SECRETS, {"session": session}, content_type="application/json")
    assert response.status_code == status, response.content
    answer: dict[str, Any] = response.json()
    return answer


async def talked(key: str, query: str = "") -> str:
    """The id of a session in which something was said."""
    async with live_session(key, MODEL + query) as client:
        created = await client.event("session.created")
        client.user_says("Hello.")
        client.say("response.create", response={"output_modalities": ["text"]})
        await client.event("response.done")
    return str(created["session"]["id"])


async def refused(key: str, query: str = "") -> tuple[dict[str, Any], int | None]:
    async with live_session(key, MODEL + query) as client:
        await client.closed()
    [error] = client.events
    return error["error"], client.close_code


def account_of(person: Person, session_id: str) -> tuple[str | None, set[object]]:
    """Of a session and of its usage lines."""
    with tenant_context(person.tenant.id):
        session = RealtimeSession.objects.select_related("customer").get(session_id=session_id)
        lines = UsageLine.objects.filter(session_id=session_id).values_list("customer_id", flat=True)
        return session.customer and session.customer.external_id, set(lines)


async def test_a_key_of_a_customer_opens_sessions_on_their_account(alice: Person, globex: Customer) -> None:
    session = await talked(await in_thread(key_of, alice, globex))
    await runtime.writers_end()
    assert await in_thread(account_of, alice, session) == ("globex", {globex.pk})


async def test_with_a_tenants_key_the_client_names_the_customer_and_else_it_is_nobodys(
    alice: Person, globex: Customer, key: str
) -> None:
    named, nobodys = await talked(key, "&customer=globex"), await talked(key)
    await runtime.writers_end()
    assert await in_thread(account_of, alice, named) == ("globex", {globex.pk})
    assert await in_thread(account_of, alice, nobodys) == (None, {None})


async def test_a_client_secret_is_for_the_customer_that_it_was_minted_for(
    alice: Person, globex: Customer, key: str
) -> None:
    secret = (await in_thread(minted, key, "globex"))["value"]
    inherited = (await in_thread(minted, await in_thread(key_of, alice, globex)))["value"]
    sessions = [await talked(secret), await talked(inherited, "&customer=globex")]
    await runtime.writers_end()
    for session in sessions:
        assert await in_thread(account_of, alice, session) == ("globex", {globex.pk})


async def test_an_unknown_customer_is_refused(mallory: Person, globex: Customer, key: str) -> None:
    await in_thread(customer_of, mallory, "of-mallory")
    for name in ("nobody", "of-mallory", "%00"):
        error, code = await refused(key, f"&customer={name}")
        assert (error["code"], error["param"], code) == ("invalid_value", "customer", 4000)
        assert "add them on the page Customers" in error["message"]
    error = (await in_thread(lambda: minted(key, "nobody", status=400)))["error"]
    assert (error["code"], error["param"]) == ("invalid_value", "session.providerData.antiphon.customer")
    error = (await in_thread(lambda: minted(key, 7, status=400)))["error"]
    assert "a string" in error["message"]


async def test_nobody_else_chooses_the_customer(alice: Person, globex: Customer, key: str) -> None:
    await in_thread(customer_of, alice, "initech")
    theirs = await in_thread(key_of, alice, globex)
    error, _ = await refused(theirs, "&customer=initech")
    assert "This key is for the customer 'globex'" in error["message"]
    error, _ = await refused((await in_thread(minted, key))["value"], "&customer=globex")
    assert "A client secret names no customer" in error["message"]
    error, _ = await refused((await in_thread(minted, key, "globex"))["value"], "&customer=initech")
    assert error["code"] == "invalid_value"
    async with live_session(key, MODEL) as client:
        client.say("session.update", session={"providerData": {"antiphon": {"customer": "globex"}}})
        error = (await client.event("error"))["error"]
        assert (error["code"], error["param"]) == ("invalid_value", "session.providerData.antiphon.customer")


async def test_a_customer_that_is_not_active_opens_nothing(alice: Person, globex: Customer, key: str) -> None:
    theirs = await in_thread(key_of, alice, globex)
    secret = (await in_thread(minted, key, "globex"))["value"]

    def end() -> None:
        with tenant_context(alice.tenant.id):
            customer_update(customer=globex, changes={"is_active": False})

    await in_thread(end)
    for used, query, code in ((theirs, "", 3000), (secret, "", 3000), (key, "&customer=globex", 4000)):
        error, closed = await refused(used, query)
        assert "not active" in error["message"]
        assert closed == code
    await talked(key)


async def test_the_customers_limit_holds_over_all_keys_and_beside_the_tenants(
    alice: Person, globex: Customer, key: str
) -> None:
    theirs = await in_thread(key_of, alice, globex)
    async with live_session(theirs, MODEL) as client:
        await client.event("session.created")
        for used, query in ((theirs, ""), (key, "&customer=globex")):
            error, code = await refused(used, query)
            assert (error["code"], code) == ("rate_limit_exceeded", 4000)
            assert "This customer has 1 sessions" in error["message"]
        await talked(key)
    await talked(key, "&customer=globex")


async def test_a_customers_budget_ends_their_sessions_and_no_others(
    alice: Person, globex: Customer, key: str
) -> None:
    def spend() -> None:
        use(alice, globex, timezone.now(), 10_000)
        with tenant_context(alice.tenant.id):
            budget_create(amount_micro=10_000, customer=globex)

    await in_thread(spend)
    error, code = await refused(key, "&customer=globex")
    assert code == 4000
    assert "$0.01 a month of 'Globex'" in error["message"]
    await talked(key)


async def test_a_customers_key_reaches_no_call_of_others(alice: Person, globex: Customer, key: str) -> None:
    initech = await in_thread(customer_of, alice, "initech")
    theirs = await in_thread(key_of, alice, initech)
    async with opened(key, "&customer=globex") as (_, call_id), opened(key) as (_, other):
        for call in (call_id, other):
            async with live_session(theirs, f"{MODEL}&call_id={call}") as client:
                await client.closed()
            assert client.events[0]["error"]["code"] == "invalid_call_id"
            with pytest.raises(NoSuchCall):
                await runtime.calls.hang_up(call, str(alice.tenant.id), str(initech.pk))
        async with live_session(key, f"{MODEL}&call_id={call_id}") as client:
            await client.event("session.created")


class opened:
    """A session and its call's id."""

    def __init__(self, key: str, query: str = "") -> None:
        self._session = live_session(key, MODEL + query)

    async def __aenter__(self) -> tuple[LiveSession, str]:
        client = await self._session.__aenter__()
        await client.event("session.created")
        return client, client.headers["x-call-id"]

    async def __aexit__(self, *error: Any) -> None:
        await self._session.__aexit__(*error)


async def test_a_customers_key_sees_nothing_of_the_tenant(alice: Person, globex: Customer) -> None:
    theirs = Client(headers={"authorization": f"Bearer {await in_thread(key_of, alice, globex)}"})
    for path in (
        "customers",
        "customers/globex",
        "usage",
        "usage/records",
        "sessions",
        "keys",
        "audit-events",
    ):
        response = await in_thread(theirs.get, f"/api/v1/{path}")
        assert response.status_code == 403, path

    def columns() -> set[tuple[object, ...]]:
        with tenant_context(alice.tenant.id):
            return set(ApiKey.objects.values_list("customer_id", "scopes__len"))

    assert await in_thread(columns) == {(globex.pk, 2)}
