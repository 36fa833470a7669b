"""How often the time that a client is connected becomes a record."""

import asyncio

import pytest

from antiphon.metering.pricing import PriceRules
from antiphon.protocol import server_events as ev
from antiphon.protocol.session import Session
from apps.conversations.usage import note_time
from tests.metering.cards import card, rate
from tests.metering.test_usage_observer import Recorded
from tests.virtual_clock import VirtualClockLoop

SESSION = Session(id="sess_1", call_id="rtc_1", model="scripted/llm", expires_at=3600)


@pytest.mark.parametrize(("dollars", "records"), [("0", [60_000, 60_000]), ("0.06", [5_000] * 24)])
def test_where_it_costs_something_a_balance_is_asked_every_5_s(dollars: str, records: list[int]) -> None:
    used = Recorded(rules=PriceRules(own=card(rate("antiphon/websocket", "session_ms", dollars, 60_000))))

    async def two_minutes() -> None:
        used(ev.SessionCreated(session=SESSION), 0.0)
        noting = asyncio.create_task(note_time(used))
        await asyncio.sleep(121)
        noting.cancel()

    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        runner.run(two_minutes())
    assert [record.lines[0].quantity for record in used.records] == records
