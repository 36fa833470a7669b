"""What a client is told that it used is what was recorded, line by line, and was recorded before."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

from antiphon.engine.observers.usage import UsageObserver
from antiphon.metering.price_files import list_prices
from antiphon.metering.records import UsageRecord, User
from antiphon.protocol import server_events as ev
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import TextDelta
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts
from tests.engine.session_harness import Client, Event, Stage
from tests.engine.test_telling import ask_for
from tests.engine.test_winding_up import GOODBYE, wind_up

Told = tuple[str, str, str, int, int | None, bool]


class Metered(Stage):
    """A stage whose session is metered. `records` are what was recorded, `order` that and all that was sent."""

    def __init__(self, **given: Any) -> None:
        given.setdefault("llm", ScriptedLlm(*[say("Hello there.", pace=0.02)] * 9, name="openai/gpt-6-sol"))
        given.setdefault("stt", ScriptedStt(Heard("hi", delay=0.1), name="openai/whisper-1"))
        given.setdefault("tts", ScriptedTts(ms_per_character=5, name="openai/tts-1"))
        super().__init__(**given)
        self.records: list[UsageRecord] = []
        self.order: list[object] = []
        self.settled = asyncio.Event()
        meter = UsageObserver(
            self.keep, list_prices(), User("t", "sess_1"), epoch_ms=1_795_000_000_000.0, settle=self.settle
        )
        self.meter = meter
        self.observers += [meter, self.see]

    def keep(self, record: UsageRecord) -> None:
        self.records.append(record)
        self.order.append(record.id)

    def see(self, event: object, now: float) -> None:
        self.order.append(event)

    async def settle(self) -> None:
        self.settled.set()

    def recorded(self) -> Counter[Told]:
        return Counter(
            (record.id, record.model, unit, quantity, price, record.estimated)
            for record in self.records
            for unit, quantity, price in [
                *((line.unit, line.quantity, line.price_micro) for line in record.lines),
                *((missing.unit, missing.quantity, None) for missing in record.unpriced),
            ]
        )


def told(client: Client) -> Counter[Told]:
    return Counter(
        (
            line["record"],
            line["model"],
            line["unit"],
            line["quantity"],
            line["price_micro"],
            line["estimated"],
        )
        for lines in lines_told(client)
        for line in lines
    )


def lines_told(client: Client) -> Iterable[list[Event]]:
    for event in client.events:
        if event["type"] == "response.done":
            yield event["response"].get("antiphon_usage", {}).get("lines", [])
        elif event["type"] == "antiphon.usage.recorded":
            yield event["lines"]


async def end(client: Client) -> None:
    """From the platform's side, so that the client hears what there is left to say."""
    client.session.end(1000, "enough")
    await client.closed.wait()


async def test_it_works_a_response_tells_what_it_cost() -> None:
    stage = Metered()
    async with stage.session() as client:
        ask_for(client, "usage")
        client.say("hi")
        done = await client.wait_for("response.done")
    used = done["response"]["antiphon_usage"]
    assert [
        (line["kind"], line["unit"], line["quantity"], line["price_micro"]) for line in used["lines"]
    ] == [
        ("response", "input_text_token", 10, 20),
        ("response", "output_text_token", 2, 20),
        ("speech", "character", 12, 180),
    ]
    assert used["price_micro"] == 220
    assert "cost" not in str(client.events)


async def test_what_belongs_to_no_response_is_told_when_it_is_recorded() -> None:
    stage = Metered()
    async with stage.session() as client:
        ask_for(client, "usage")
        await client.turn()
        await client.wait_for("response.done")
        await end(client)
    heard, connected = client.of("antiphon.usage.recorded")
    assert [line["kind"] for line in heard["lines"]] == ["transcription"]
    assert heard["item_id"] == client.of("input_audio_buffer.committed")[0]["item_id"]
    assert [line["kind"] for line in connected["lines"]] == ["transport"]
    assert told(client) == stage.recorded()


async def test_what_is_used_after_an_answer_was_cut_off_is_told_late() -> None:
    stage = Metered(llm=ScriptedLlm([*say("Once upon a time. " * 9)[:-2], (99.0, TextDelta("The end."))]))
    async with stage.session() as client:
        ask_for(client, "usage")
        client.say("Tell me a story.")
        await client.wait_for("response.output_audio.delta")
        client.send("response.cancel")
        done = await client.wait_for("response.done")
        await client.wait_for("antiphon.usage.recorded", 2)
        await client.speak(0.1)
        await end(client)
    assert done["response"]["antiphon_usage"] == {"lines": [], "price_micro": 0}
    assert {record.kind for record in stage.records if record.response_id} == {"response", "speech"}
    assert told(client) == stage.recorded()


async def test_what_the_end_cuts_short_is_told_before_the_connection_closes() -> None:
    endless = [*say("Once upon a time there was a king. " * 20)[:-2], (math.inf, TextDelta("The end."))]
    stage = Metered(llm=ScriptedLlm(endless), stt=ScriptedStt(Heard("hi", delay=math.inf)))
    async with stage.session() as client:
        ask_for(client, "usage")
        client.say("Tell me a story.")
        await client.wait_for("response.output_audio.delta")
        await client.turn()
        await end(client)
    assert {record.kind for record in stage.records} == {"response", "speech", "transcription", "transport"}
    assert told(client) == stage.recorded()
    assert stage.settled.is_set()


async def test_a_transcription_that_fails_is_recorded_as_far_as_it_went() -> None:
    failing = ScriptedStt(Heard(error=ProviderError("upstream", "It broke.")), name="openai/whisper-1")
    stage = Metered(stt=failing)
    async with stage.session() as client:
        ask_for(client, "usage")
        await client.turn()
        await client.wait_for("response.done")
        await end(client)
    (heard,) = [record for record in stage.records if record.kind == "transcription"]
    assert heard.price_micro > 0
    assert told(client) == stage.recorded()


async def test_what_a_session_says_last_is_recorded_and_told() -> None:
    stage = Metered()
    async with stage.session() as client:
        ask_for(client, "usage")
        client.say("hi")
        await client.wait_for("response.output_audio.delta")
        wind_up(client.session)
        await client.closed.wait()
    spoken = [record.lines[0].quantity for record in stage.records if record.kind == "speech"]
    assert len(spoken) == 2
    assert spoken[-1] == len(GOODBYE)
    assert told(client) == stage.recorded()


async def test_every_line_is_recorded_before_anybody_is_told_of_it() -> None:
    stage = Metered()
    async with stage.session() as client:
        ask_for(client, "usage")
        for n in range(3):
            await client.turn()
            await client.wait_for("response.done", n + 1)
        await end(client)
    seen: set[object] = set()
    for what in stage.order:
        if isinstance(what, str):
            seen.add(what)
        elif isinstance(what, ev.UsageRecorded):
            assert {line.record for line in what.lines} <= seen
        elif isinstance(what, ev.ResponseDone):
            used = what.response.antiphon_usage
            assert {line.record for line in used.lines} <= seen  # type: ignore[union-attr]
    assert told(client) == stage.recorded()


async def test_in_random_conversations_everything_recorded_is_told_once() -> None:
    chance = random.Random(11)
    stage = Metered()
    async with stage.session() as client:
        ask_for(client, "usage")
        for _ in range(8):
            match chance.randrange(3):
                case 0:
                    client.say("Hello?")
                case 1:
                    client.send("response.cancel")
            await client.turn(chance.random())
        await end(client)
    assert told(client) == stage.recorded()
    assert max(stage.recorded().values()) == 1


async def test_nobody_else_is_told() -> None:
    stage = Metered()
    async with stage.session() as client:
        await client.turn()
        await client.wait_for("response.done")
    assert stage.records
    assert not any(lines_told(client))
    assert not [kind for kind in client.kinds if kind.startswith("antiphon.")]
