"""The log of a session: what its client saw and said, in order, without a byte of audio."""

import asyncio
import json
import uuid
from collections.abc import Iterable
from typing import Any

import pybase64
import pytest
from msgspec import Struct, structs

from antiphon.engine import inputs
from antiphon.engine.machine import Limits
from antiphon.engine.observers.log import LogObserver, Record, entry_of
from antiphon.engine.ports import Ending, Recalled
from antiphon.protocol import server_events as ev
from antiphon.protocol.codec import decode_client_event
from antiphon.protocol.errors import ErrorBody
from antiphon.protocol.session import FunctionTool, Session
from antiphon.providers.base.llm import ToolCall
from antiphon.providers.scripted.llm import ScriptedLlm, call_tools, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.transports.memory import MemoryTransport
from antiphon.transports.websocket import WebSocketTransport
from tests.engine.session_harness import LOUD, Stage

SESSION = uuid.UUID(int=7)
LONG = "One two three four five. Six seven eight nine ten. " * 20
Event = dict[str, Any]


class Log:
    """What an observer emitted, as it is kept."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.observer = LogObserver(SESSION, self.records.append, epoch_ms=1_000_000)

    @property
    def lines(self) -> list[Event]:
        lines = []
        for record in sorted(self.records, key=lambda record: record.seq):
            entry = entry_of(record)
            line = {
                "seq": record.seq,
                "at": record.at,
                "direction": record.direction,
                "item_id": entry.item_id,
            }
            line |= {"response_id": entry.response_id, "type": entry.type, "body": json.loads(entry.body)}
            assert line["type"] == line["body"]["type"]
            lines.append(line)
        return lines

    def bodies(self, direction: str) -> list[Event]:
        return [line["body"] for line in self.lines if line["direction"] == direction]

    def of(self, kind: str) -> list[Event]:
        return [line["body"] for line in self.lines if line["type"] == kind]


class Paused(MemoryTransport):
    """Its client reads only while `reading` is set."""

    def __init__(self) -> None:
        super().__init__(paced=False)
        self.reading = asyncio.Event()
        self.reading.set()

    async def send(self, event: ev.ServerEvent) -> None:
        await self.reading.wait()
        await super().send(event)


def logged(stage: Stage) -> Log:
    log = Log()
    stage.observers.append(log.observer)
    return log


def merged(events: Iterable[Event]) -> list[Event]:
    """What a client saw, with consecutive deltas of an item as one event and the length of audio in its place."""
    result: list[Event] = []
    for event in events:
        if not is_delta(event):
            result.append(event)
            continue
        event = dict(event)
        if event["type"] == "response.output_audio.delta":
            event["audio_ms"] = len(pybase64.b64decode(event.pop("delta"))) / 48
        last = result[-1]
        if (last["type"], last.get("item_id")) == (event["type"], event["item_id"]):
            for name in ("delta", "audio_ms"):
                if name in event:
                    last[name] += event[name]
        else:
            result.append(event)
    return result


def without_extras(events: Iterable[Event]) -> list[Event]:
    """Deltas as they are on the wire."""
    extras = ("deltas", "lasted_ms", "audio_start_ms")
    return [
        {name: value for name, value in event.items() if not is_delta(event) or name not in extras}
        for event in events
    ]


def is_delta(event: Event) -> bool:
    kind: str = event["type"]
    return kind.endswith(".delta")


async def test_it_works_the_log_of_a_session_is_what_its_client_saw_in_order() -> None:
    stage = Stage()
    log = logged(stage)
    async with stage.session() as client:
        client.send(
            "session.update",
            session={"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}},
        )
        await client.turn()
        await client.wait_for("response.done")
        client.say("and once more")
        await client.wait_for("response.done", 2)
    assert without_extras(log.bodies("server")) == merged(client.events)
    assert [line["seq"] for line in log.lines] == list(range(len(log.lines)))
    times = [line["at"] for line in log.lines]
    assert times == sorted(times)
    assert times[0] == 1_000_000
    assert log.of("session.ended") == [
        {"type": "session.ended", "code": 1000, "reason": "", "by_client": True}
    ]


async def test_what_the_client_says_is_there_too_with_its_audio_as_one_line_for_each_turn() -> None:
    stage = Stage()
    log = logged(stage)
    async with stage.session() as client:
        client.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
        await client.turn(1.0)
        await client.wait_for("response.done")
        await client.turn(0.5)
        await client.wait_for("response.done", 2)
    update, first, second, rest = log.bodies("client")
    assert update == {
        "type": "session.update",
        "event_id": None,
        "session": {"type": "realtime", "instructions": "Be brief."},
    }
    assert first["type"] == "input_audio_buffer.append"
    assert 1200 <= first["audio_ms"] < 1400
    assert first["appends"] == first["audio_ms"] / 20
    assert sum(part["audio_ms"] for part in (first, second, rest)) == 2300
    assert log.observer.totals.user_audio_ms == pytest.approx(2300)


async def test_a_turn_and_its_answer_are_a_few_dozen_lines() -> None:
    """50 frames of audio in a second and 5 deltas in a second of speech would be hundreds."""
    stage = Stage(llm=ScriptedLlm(say(LONG)))
    log = logged(stage)
    async with stage.session() as client:
        await client.turn(3.0)
        await client.wait_for("response.done")
        pieces = len(client.of("response.output_audio_transcript.delta"))
        assert len(client.events) > 200
    assert pieces > 10
    assert len(log.lines) <= 25 + 2 * pieces


async def test_each_piece_of_speech_keeps_its_words_its_place_in_the_audio_and_its_times() -> None:
    stage = Stage(llm=ScriptedLlm(say("Hello there, my friend. How are you today?", pace=0.2)))
    log = logged(stage)
    async with stage.session() as client:
        client.say("hi")
        await client.wait_for("response.done")
    words = log.of("response.output_audio_transcript.delta")
    audio = log.of("response.output_audio.delta")
    assert "".join(piece["delta"] for piece in words) == "Hello there, my friend. How are you today?"
    assert len(audio) == len(words) > 1
    at = 0
    for piece, said in zip(audio, words, strict=True):
        assert piece["audio_start_ms"] == at
        assert piece["audio_ms"] == 50 * len(said["delta"])  # as the scripted voice speaks
        at += piece["audio_ms"]
    lines = {line["seq"]: line for line in log.lines}
    kinds = [line["type"] for line in lines.values()]
    first = kinds.index("response.output_audio.delta")
    assert client.at("response.output_audio.delta") * 1000 + 1_000_000 == pytest.approx(
        lines[first]["at"], abs=1
    )


async def test_what_was_taken_back_before_it_left_is_not_in_the_log() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.1)))
    log = logged(stage)
    transport = Paused()
    async with stage.session(transport=transport) as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        transport.reading.clear()
        await asyncio.sleep(1)
        client.send("response.cancel")
        await asyncio.sleep(0.1)
        transport.reading.set()
        await client.wait_for("response.done")
    [done] = client.of("response.done")
    assert done["response"]["status"] == "cancelled"
    assert any(isinstance(event, Recalled) for event in stage.seen)
    assert without_extras(log.bodies("server")) == merged(client.events)
    sent = sum(event["audio_ms"] for event in merged(client.events) if "audio_ms" in event)
    assert log.observer.totals.assistant_audio_ms == pytest.approx(sent)


async def test_function_calls_and_their_outputs_are_there() -> None:
    calls = call_tools(ToolCall("call_1", "weather", '{"city":"Oslo"}'))
    stage = Stage(llm=ScriptedLlm(calls, say("It rains.")))
    log = logged(stage)
    async with stage.session() as client:
        client.say("weather?")
        await client.wait_for("response.done")
        output = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
        client.send("conversation.item.create", item=output)
        client.send("response.create")
        await client.wait_for("response.done", 2)
    assert without_extras(log.bodies("server")) == merged(client.events)
    [arguments] = log.of("response.function_call_arguments.delta")
    assert (arguments["delta"], arguments["deltas"]) == ('{"city":"Oslo"}', 2)
    assert {"rain"} <= {body["item"].get("output") for body in log.of("conversation.item.create")}


async def test_words_are_there_even_if_the_client_did_not_ask_for_them() -> None:
    stage = Stage(stt=ScriptedStt(Heard("what time is it", delay=0.1)))
    log = logged(stage)
    async with stage.session() as client:
        await client.turn()
        await client.wait_for("response.done")
    assert not client.of("conversation.item.input_audio_transcription.completed")
    [heard] = log.of("turn.transcribed")
    assert heard["text"] == "what time is it"
    assert 1200 < heard["audio_ms"] < 1600
    stages = [
        "input_audio_buffer.speech_stopped",
        "turn.transcribed",
        "model.started",
        "response.output_audio.delta",
    ]
    at = [next(line["at"] for line in log.lines if line["type"] == kind) for kind in stages]
    assert at == sorted(at)


async def test_the_totals_count_turns_responses_errors_and_interruptions() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.01)))
    log = logged(stage)
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        item_id = client.of("response.output_item.added")[0]["item"]["id"]
        await client.speak(0.5)
        await client.wait_for("response.done")
        client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
        await client.wait_for("conversation.item.truncated")
        client.send("response.cancel")
        await client.wait_for("error")
    totals = log.observer.totals
    assert (totals.turns, totals.responses, totals.interruptions, totals.errors) == (1, 1, 1, 1)


async def test_on_a_phone_line_audio_that_was_played_is_logged_the_same_way() -> None:
    stage = Stage()
    log = logged(stage)
    async with stage.session(paced=True) as client:
        await client.turn()
        await client.wait_for("output_audio_buffer.stopped")
    audio = [event for event in log.bodies("server") if event["type"] == "response.output_audio.delta"]
    assert sum(event["audio_ms"] for event in audio) == pytest.approx(len(client.transport.line) / 48, abs=20)
    rest = [event for event in log.bodies("server") if event["type"] != "response.output_audio.delta"]
    assert without_extras(rest) == merged(client.events)


# What never gets into a log


def note(*events: Any) -> Log:
    log = Log()
    for event in events:
        log.observer(event, 0.0)
    log.observer(Ending(1000, "", by_client=True), 0.0)
    return log


def test_audio_and_images_in_items_are_left_out() -> None:
    audio = {"type": "input_audio", "audio": pybase64.b64encode_as_string(LOUD)}
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 10_000}
    item = {"type": "message", "role": "user", "content": [audio, image]}
    create = decode_client_event(json.dumps({"type": "conversation.item.create", "item": item}))
    respond = decode_client_event(json.dumps({"type": "response.create", "response": {"input": [item]}}))
    log = note(create, respond, ev.ItemAdded(previous_item_id=None, item=create.item))
    for body in (
        log.of("conversation.item.create")[0]["item"],
        log.of("response.create")[0]["response"]["input"][0],
        log.of("conversation.item.added")[0]["item"],
    ):
        heard, seen = body["content"]
        assert heard == {"type": "input_audio", "transcript": None}
        assert seen["image_url"].endswith("... (10022 characters)")
        assert len(seen["image_url"]) < 250


def test_what_a_tool_authenticates_with_is_left_out() -> None:
    class RemoteTool(Struct, frozen=True, tag="mcp"):
        server_label: str
        authorization: str | None
        headers: dict[str, str] | None

    tools: list[Any] = [FunctionTool(name="f"), RemoteTool("shop", "Bearer secret", {"x-key": "secret"})]
    session = structs.replace(Session(id="sess_1", model="m", expires_at=0), tools=tools)
    log = note(ev.SessionUpdated(session=session))
    assert b"secret" not in b"".join(entry_of(record).body for record in log.records)
    assert log.of("session.updated")[0]["session"]["tools"][1]["server_label"] == "shop"
    assert tools[1].authorization == "Bearer secret", "the session itself is untouched"


def test_what_detectors_and_models_produce_is_not_logged_by_itself() -> None:
    log = note(
        inputs.SpeechHeard(1, [0.5]),
        inputs.SpeechAudio("resp_1", LOUD, len(LOUD) // 2),
        inputs.Played(24),
        inputs.TimerFired("expiry"),
        inputs.TextGenerated("resp_1", "hi"),
    )
    assert [line["type"] for line in log.lines] == ["session.ended"]


def test_an_event_of_a_kind_nobody_thought_of_is_logged_as_it_is() -> None:
    class Novel(ev.ServerEvent, tag="novel.thing"):
        response_id: str
        wonder: int

    log = note(Novel(response_id="resp_1", wonder=3))
    line = log.lines[0]
    assert (line["type"], line["response_id"], line["body"]["wonder"]) == ("novel.thing", "resp_1", 3)


def test_deltas_that_were_under_way_when_the_session_ended_are_there() -> None:
    part = {"response_id": "resp_1", "output_index": 0, "item_id": "item_1", "content_index": 0}
    log = note(ev.OutputTextDelta(delta="Hel", **part), ev.OutputTextDelta(delta="lo", **part))
    [text] = log.of("response.output_text.delta")
    assert (text["delta"], text["deltas"]) == ("Hello", 2)


def test_responses_beside_each_other_do_not_break_up_each_others_deltas() -> None:
    def delta(name: str, text: str) -> ev.OutputTextDelta:
        ids = {"response_id": f"resp_{name}", "item_id": f"item_{name}"}
        return ev.OutputTextDelta(delta=text, output_index=0, content_index=0, **ids)

    error = ev.Error(error=ErrorBody(type="server_error", message="x"))
    log = note(delta("a", "1"), delta("b", "x"), error, delta("a", "2"), delta("b", "y"))
    assert [line["body"].get("delta") for line in log.lines] == ["12", "xy", None, None]


# How a session ended


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"code": 1001, "reason": ""}, 1001),
        ({"code": 1005, "reason": ""}, 1005),
        ({"code": 1005}, 1006),  # as uvicorn tells a connection that broke
        ({"code": 1012}, 1012),
    ],
)
async def test_the_log_ends_with_the_close_code_that_the_client_left_with(
    message: dict[str, Any], code: int
) -> None:
    stage = Stage()
    log = logged(stage)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.disconnect", **message}

    async def send(message: object) -> None:
        pass

    await stage.running(WebSocketTransport(receive, send)).run()
    assert log.observer.ending == Ending(code, "", by_client=True)


async def test_the_log_of_a_session_that_we_close_says_so() -> None:
    stage = Stage(limits=Limits(duration_ms=60_000))
    log = logged(stage)
    async with stage.session() as client:
        await client.wait_for("error")
        await asyncio.sleep(1)
    assert log.observer.ending == Ending(1001, "session_expired", by_client=False)
