"""Sessions as clients see them when there is no money, or no more."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from antiphon.metering.rates import Rate, RateCard
from apps.billing.auditing import ledger_problems
from apps.billing.holds import HoldStore
from apps.billing.ledger import balance_micro, correction_post
from apps.billing.models import SpendHold
from apps.billing.services import account_update
from apps.conversations import runtime
from apps.conversations.models import EndReason, RealtimeSession
from apps.core.tenancy import tenant_context
from tests.apps.live import in_thread, live_platform, live_session
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])


@pytest.fixture(autouse=True)
def billing_is_on(settings: Any) -> None:
    settings.BILLING = True


def has(tenant: Person, amount: int) -> None:
    with tenant_context(tenant.tenant.id):
        correction_post(amount_micro=amount - balance_micro(), reason="A test.")


def balance(tenant: Person) -> int:
    with tenant_context(tenant.tenant.id):
        return balance_micro()


class _Layer:
    def rates_of(self, provider: str, model: str) -> Sequence[Rate]:
        if provider != "local" or model != "dialogue":
            return ()
        return [
            Rate(
                id="local/dialogue:request:always",
                provider=provider,
                model=model,
                unit="request",
                price=Decimal("0.01"),
                per=1,
                valid_from=None,
                valid_to=None,
                source="a test",
                checked=date(2026, 11, 1),
            )
        ]


CENT_AN_ANSWER = _Layer()


def state(tenant: Person) -> tuple[list[str], int]:
    with tenant_context(tenant.tenant.id):
        return list(RealtimeSession.objects.values_list("end_reason", flat=True)), SpendHold.objects.count()


async def test_without_money_a_session_is_refused_in_band(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await in_thread(alice.make_key)
    await in_thread(has, alice, 0)
    async with live_platform(monkeypatch), live_session(key.text, "local/dialogue") as session:
        await session.closed()
    (error,) = session.events
    assert error["type"] == "error"
    assert error["error"]["code"] == "insufficient_quota"
    assert "/acme/billing/, then connect again." in error["error"]["message"]
    assert session.close_code == 4000
    assert await in_thread(state, alice) == ([], 0)


async def test_a_session_that_uses_the_last_of_it_says_goodbye_and_leaves_no_hold(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await in_thread(alice.make_key)
    await in_thread(has, alice, 10_000)
    await in_thread(set_goodbye, alice, "So long, and thanks.")
    # A price for what is free here: with the plan's 30 % each answer is a cent and a bit.
    monkeypatch.setattr("apps.conversations.usage.list_prices", lambda: RateCard(CENT_AN_ANSWER))
    async with live_platform(monkeypatch), live_session(key.text, "local/dialogue") as session:
        await session.event("session.created")
        session.say("session.update", session={"type": "realtime", "output_modalities": ["text"]})
        session.user_says("Hello.")
        session.say("response.create")
        error = await session.event("error")
        assert error["error"]["code"] == "insufficient_quota"
        said = await session.event("response.output_text.done")
        assert said["text"] == "So long, and thanks."
        await session.closed()
        assert session.close_code == 4000
    # The answer and the goodbye are in the ledger, and nothing is held any more.
    assert await in_thread(state, alice) == ([EndReason.BALANCE_USED_UP], 0)
    assert await in_thread(balance, alice) == 10_000 - 13_000
    assert list(await in_thread(lambda: list(ledger_problems()))) == []


async def test_while_what_there_is_can_not_be_looked_up_a_session_is_told_to_try_again(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await in_thread(alice.make_key)

    def away(store: HoldStore) -> None:
        import psycopg

        raise psycopg.OperationalError("The server is away.")

    monkeypatch.setattr(HoldStore, "_connect", away)
    async with live_platform(monkeypatch), live_session(key.text, "local/dialogue") as session:
        await session.closed()
    assert session.events[0]["error"]["type"] == "server_error"
    assert "try again in a moment" in session.events[0]["error"]["message"]
    assert session.close_code == 1011


async def test_a_session_that_ends_frees_what_it_held(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await in_thread(alice.make_key)
    async with live_platform(monkeypatch):
        async with live_session(key.text, "local/dialogue") as session:
            await session.event("session.created")
            assert (await in_thread(state, alice))[1] == 1
        await runtime.writers_end()
        assert (await in_thread(state, alice))[1] == 0


def set_goodbye(tenant: Person, goodbye: str) -> None:
    with tenant_context(tenant.tenant.id):
        account_update(changes={"goodbye": goodbye})
