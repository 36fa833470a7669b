"""What a session uses is recorded once, whatever happens to it."""

import asyncio
import math
import random
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from antiphon.engine import inputs
from antiphon.engine.observers.log import LogObserver, Record, entry_of
from antiphon.engine.observers.usage import UsageObserver
from antiphon.metering.price_files import list_prices
from antiphon.metering.pricing import PriceRules
from antiphon.metering.records import UsageRecord, User, shown_to_tenant
from antiphon.protocol import server_events as ev
from antiphon.protocol.session import Session
from antiphon.providers.base.llm import Attempt, LlmUsage, TextDelta
from antiphon.providers.base.realtime import UpstreamUsage
from antiphon.providers.base.stt import SttUsage
from antiphon.providers.base.tts import TtsUsage
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.realtime import ScriptedRealtime, speak
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from tests.engine.session_harness import Stage
from tests.metering.cards import card, rate

EPOCH = 1_795_000_000_000.0  # late in 2026


class Recorded(UsageObserver):
    def __init__(self, who: dict[str, str] = {}, **settings: Any) -> None:  # noqa: B006
        self.records: list[UsageRecord] = []
        rates = list_prices()
        super().__init__(self.records.append, rates, User("t", "sess_1", **who), epoch_ms=EPOCH, **settings)

    def see(self, *events: object) -> "list[UsageRecord]":
        for event in events:
            self(event, 10.4)
        return self.records

    def of(self, kind: str) -> list[UsageRecord]:
        return [record for record in self.records if record.kind == kind]


def attempted(
    response_id: str = "resp_1", model: str = "openai/gpt-6-sol", usage: LlmUsage | None = None, **more: Any
) -> inputs.Attempted:
    fields = {
        "reason": "first",
        "outcome": "completed",
        "began": 0.0,
        "first_output": 1.0,
        "ended": 2.0,
    } | more
    return inputs.Attempted(response_id, Attempt(model=model, usage=usage or LlmUsage(1000, 100), **fields))


def test_it_works_an_attempt_becomes_a_record_with_its_price() -> None:
    (record,) = Recorded().see(attempted(usage=LlmUsage(1000, 100, cached_tokens=400)))
    assert record.id == "sess_1:response:resp_1:0"
    assert (record.tenant_id, record.session_id, record.response_id) == ("t", "sess_1", "resp_1")
    assert (record.item_id, record.model, record.provider) == (None, "openai/gpt-6-sol", "openai")
    assert [(line.unit, line.quantity, line.price_micro) for line in record.lines] == [
        ("input_text_token", 600, 1200),
        ("cached_text_token", 400, 80),
        ("output_text_token", 100, 1000),
    ]
    assert record.price_micro == 2280
    assert (record.outcome, record.estimated, record.at) == ("completed", False, EPOCH + 10)


def test_recognition_and_speech_are_recorded_too() -> None:
    records = Recorded().see(
        inputs.RecognitionUsed("item_1", "openai/whisper-1", SttUsage(60_000)),
        inputs.SpeechUsed("resp_1", "openai/tts-1", TtsUsage(100, 6000)),
    )
    assert [record.id for record in records] == ["sess_1:transcription:item_1:0", "sess_1:speech:resp_1:0"]
    assert [record.price_micro for record in records] == [6000, 1500]
    assert [(record.response_id, record.item_id) for record in records] == [
        (None, "item_1"),
        ("resp_1", None),
    ]


def test_each_attempt_at_one_answer_is_a_record_of_its_own() -> None:
    records = Recorded().see(
        attempted(outcome="failed", usage=LlmUsage(10, 1)),
        attempted(reason="hedge", outcome="superseded", model="groq/gpt-oss-120b"),
        attempted("resp_2"),
        attempted(reason="fallback"),
    )
    assert [record.id.removeprefix("sess_1:response:") for record in records] == [
        "resp_1:0",
        "resp_1:1",
        "resp_2:0",
        "resp_1:2",
    ]
    assert [record.outcome for record in records] == ["failed", "superseded", "completed", "completed"]


EVENTS = [
    attempted(),
    attempted(model="groq/gpt-oss-120b"),
    inputs.RecognitionUsed("item_1", "openai/whisper-1", SttUsage(60_000)),
    inputs.SpeechUsed("resp_1", "openai/tts-1", TtsUsage(100, 6000)),
]


@pytest.mark.parametrize("order", list(permutations(EVENTS)), ids=lambda order: "")
def test_the_order_of_events_changes_no_price_and_no_key(order: Sequence[object]) -> None:
    records = Recorded().see(*order)
    assert sum(record.price_micro for record in records) == 3000 + 210 + 6000 + 1500
    assert {record.id for record in records} == {record.id for record in Recorded().see(*EVENTS)}


def test_an_attempt_that_cost_nothing_is_no_record() -> None:
    attempt = Attempt("openai/gpt-6-sol", "first", "failed", 0.0, None, 2.0, None, "overloaded")
    assert Recorded().see(inputs.Attempted("resp_1", attempt)) == []


def test_an_estimate_says_so() -> None:
    (record,) = Recorded().see(attempted(outcome="cancelled", usage=LlmUsage(1000, 3, estimated=True)))
    assert record.estimated


def test_an_unpriced_model_is_recorded_with_what_it_used() -> None:
    (record,) = Recorded().see(attempted(model="acme/new"))
    assert record.lines == ()
    assert [(missing.unit, missing.quantity) for missing in record.unpriced] == [
        ("input_text_token", 1000),
        ("output_text_token", 100),
    ]
    assert record.price_micro == 0


def test_a_record_is_a_row_of_the_sessions_log() -> None:
    rows: list[Record] = []
    log = LogObserver(None, rows.append, epoch_ms=EPOCH)  # type: ignore[arg-type]
    (record,) = Recorded().see(attempted(usage=LlmUsage(3, 0)))
    log.add(record)
    (row,) = rows
    entry = entry_of(row)
    assert (row.direction, row.at, entry.type, entry.response_id) == ("engine", EPOCH + 10, "usage", "resp_1")
    assert b'"unit_price":"2"' in entry.body  # a decimal, never a float


async def test_a_spoken_turn_is_a_transcription_an_answer_and_a_speech() -> None:
    recorded, stage = Recorded(), Stage()
    stage.observers.append(recorded)
    async with stage.session() as client:
        await client.turn()
        await client.wait_for("response.done")
    assert sorted(record.kind for record in recorded.records) == ["response", "speech", "transcription"]
    assert not any(record.unpriced for record in recorded.records)
    (speech,) = recorded.of("speech")
    assert ("character", len("Hello there. How are you today?")) in [
        (line.unit, line.quantity) for line in speech.lines
    ]


async def test_what_a_hang_up_cuts_short_is_recorded() -> None:
    endless = [*say("Once upon a time there was a king. " * 20)[:-2], (math.inf, TextDelta("The end."))]
    recorded, stage = (
        Recorded(),
        Stage(llm=ScriptedLlm(endless), stt=ScriptedStt(Heard("hi", delay=math.inf))),
    )
    stage.observers.append(recorded)
    async with stage.session() as client:
        client.say("Tell me a story.")
        await client.wait_for("response.output_audio.delta")
        await client.turn()
    assert [(record.outcome, record.estimated) for record in recorded.of("response")][-1] == (
        "cancelled",
        True,
    )
    assert recorded.of("speech")
    assert recorded.of("transcription")


async def test_an_interrupted_answer_is_recorded_once() -> None:
    recorded = Recorded()
    stage = Stage(llm=ScriptedLlm(say("word " * 200, pace=0.05), say("Yes?")))
    stage.observers.append(recorded)
    async with stage.session() as client:
        client.say("Count.")
        await client.wait_for("response.output_audio.delta")
        await client.turn()
        await client.wait_for("response.done", 2)
    assert [record.outcome for record in recorded.of("response")] == ["cancelled", "completed"]
    ids = [record.id for record in recorded.records]
    assert len(ids) == len(set(ids))


async def test_records_of_random_conversations_have_keys_of_their_own() -> None:
    chance = random.Random(7)
    recorded, stage = Recorded(), Stage()
    stage.observers.append(recorded)
    async with stage.session() as client:
        for _ in range(6):
            if chance.random() < 0.5:
                client.say("Hello?")
            await client.turn(chance.random())
    ids = [record.id for record in recorded.records]
    assert len(ids) == len(set(ids)) > 3


def test_a_model_that_is_billed_by_the_hour_is_priced_by_its_connection() -> None:
    model = "xai/grok-voice-think-fast-2.0"
    records = Recorded().see(
        attempted(model=model, usage=LlmUsage(200, 80, estimated=True)),
        inputs.UpstreamUsed(model, UpstreamUsage(open_ms=60_000, text_messages=3)),
        inputs.UpstreamUsed(model, UpstreamUsage(open_ms=30_000)),
    )
    assert [record.id for record in records] == [
        "sess_1:response:resp_1:0",
        f"sess_1:connection:{model}:0",
        f"sess_1:connection:{model}:1",
    ]
    assert [record.price_micro for record in records] == [0, 80_000 + 12_000, 40_000]
    assert not any(record.unpriced for record in records)
    assert {(record.response_id, record.item_id) for record in records[1:]} == {(None, None)}


def test_the_connection_to_a_model_that_is_billed_by_tokens_costs_nothing() -> None:
    assert not Recorded().see(inputs.UpstreamUsed("openai/gpt-realtime-2", UpstreamUsage(open_ms=60_000)))


def test_an_unknown_model_that_speaks_itself_is_an_alarm() -> None:
    (record,) = Recorded().see(attempted(model="xai/grok-voice-99"))
    assert record.unpriced


async def test_a_native_session_records_how_long_its_connection_was_open_once() -> None:
    model = ScriptedRealtime(speak("Hello there."))
    stage = Stage(model=model.name, native=[model])
    async with stage.session() as client:
        for n in range(2):
            await client.turn()
            await client.wait_for("response.done", n + 1)
        await asyncio.sleep(10)
    used = [event.usage.open_ms for event in stage.seen if isinstance(event, inputs.UpstreamUsed)]
    assert len(used) == 3, "after each answer, and at the end"
    assert used[-1] == pytest.approx(10_000, abs=500)
    assert sum(used) < asyncio.get_running_loop().time() * 1000


def test_a_record_says_on_whose_account_it_is() -> None:
    (record,) = Recorded({"api_key_id": "key", "agent_version_id": "version", "customer_id": "theirs"}).see(
        attempted()
    )
    assert (record.api_key_id, record.agent_version_id, record.customer_id) == ("key", "version", "theirs")


def test_price_cost_and_margin_are_apart_and_the_log_has_the_price_alone() -> None:
    (record,) = Recorded(rules=PriceRules(markup_bp=1_000)).see(attempted())
    assert (record.cost_micro, record.price_micro, record.margin_micro) == (3000, 3300, 300)
    assert [line.price_micro - line.cost_micro for line in record.lines] == [200, 100]
    assert "cost" not in str(shown_to_tenant(record))


def test_what_a_tenant_pays_its_vendor_itself_costs_the_operator_nothing() -> None:
    used = Recorded(own_credentials={"openai"})
    theirs, ours = used.see(attempted(), attempted(model="groq/gpt-oss-120b"))
    assert (theirs.cost_micro, theirs.price_micro, bool(theirs.lines)) == (0, 0, True)
    assert ours.cost_micro == ours.price_micro == 210


def test_a_tool_that_we_run_is_recorded_with_its_time() -> None:
    ended = inputs.FunctionEnded("item_1", "resp_1", "call_1", "weather", "completed", 250)
    remote = inputs.RemoteToolUsed("item_2", "", "failed", 0)
    first, second = Recorded().see(ended, remote)
    assert (first.id, first.kind, first.model) == ("sess_1:tool:item_1:0", "tool", "antiphon/tool")
    assert (first.response_id, first.item_id, first.outcome) == ("resp_1", "item_1", "completed")
    assert [(line.unit, line.quantity, line.price_micro) for line in first.lines] == [
        ("request", 1, 0),
        ("tool_ms", 250, 0),
    ]
    assert (second.response_id, second.outcome, second.unpriced) == (None, "failed", ())


def test_the_time_connected_is_recorded_as_it_passes_and_once_in_all() -> None:
    session = Session(id="sess_1", call_id="rtc_1", model="scripted/llm", expires_at=3600)
    used = Recorded(rules=PriceRules(own=card(rate("antiphon/websocket", "session_ms", "0.06", 60_000))))
    used.note_time(5_000.0)
    assert used.records == [], "it has not begun"
    used(ev.SessionCreated(session=session), 10_000.0)
    used.note_time(70_000.4)
    used.note_time(130_000.8)
    used.over(135_000.0)
    used.over(140_000.0)
    lines = [record.lines[0] for record in used.records]
    assert [line.quantity for line in lines] == [60_000, 60_001, 4_999]
    assert [(line.cost_micro, line.price_micro) for line in lines] == [(0, 60_000), (0, 60_001), (0, 4_999)]
    assert [record.id for record in used.records] == [
        f"sess_1:transport:antiphon/websocket:{n}" for n in range(3)
    ]
