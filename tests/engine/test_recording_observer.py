"""What a session's recording has: both sides, as they were heard."""

import asyncio
import json
from typing import Any

import numpy as np
import pybase64
import pytest

from antiphon.audio.formats import Format, encode
from antiphon.engine.effects import Heard
from antiphon.engine.observers.recording import (
    CHANGES_MS,
    Mixer,
    Note,
    RecordingObserver,
    bytes_of,
)
from antiphon.engine.timeline import Samples
from antiphon.providers.scripted.llm import ScriptedLlm, say
from tests.engine.session_harness import LOUD, Client, Stage, resumed
from tests.engine.test_log_observer import logged

ALL = 10**9
LONG = "One two three four five. Six seven eight nine ten. " * 5


class Tape:
    """The notes of a session, and the sound that is made of them. `room` bytes of audio it takes at once."""

    def __init__(self, stage: Stage, *, paced: bool = False, room: int = ALL) -> None:
        self.notes: list[Note] = []
        self.room = room
        self._paced = paced
        self._zero = asyncio.get_running_loop().time() * 1000
        stage.observers.append(RecordingObserver(self.notes.append, self._is_full))

    def _is_full(self) -> bool:
        return sum(bytes_of(event) for event, _ in self.notes) >= self.room

    def mixer(self) -> Mixer:
        """That has heard all."""
        mixer = Mixer(self._zero, paced=self._paced)
        for event, now in self.notes:
            mixer.take(event, now)
        return mixer

    def sound(self) -> Samples:
        mixer = self.mixer()
        assert mixer.ended is not None
        return mixer.read(0, ALL)


def started(channel: Samples) -> float:
    """Seconds."""
    return float(np.flatnonzero(channel)[0]) / 24_000


def ended(channel: Samples) -> float:
    return float(np.flatnonzero(channel)[-1]) / 24_000


def note_of(tape: Tape, kind: type) -> Any:
    return next(event for event, _ in tape.notes if isinstance(event, kind))


async def append(client: Client, seconds: float, coding: Any = "pcm") -> None:
    """As a WebSocket's client does, in pieces of 100 ms."""
    for start in range(0, round(seconds * 48_000), 4_800):
        piece = encode(LOUD[start % 48_000 :][:4_800], Format(coding, 24_000 if coding == "pcm" else 8_000))
        client.send("input_audio_buffer.append", audio=pybase64.b64encode_as_string(piece))
        await asyncio.sleep(0.1)


async def test_it_works_the_user_is_left_and_the_answer_right_from_when_it_is_played() -> None:
    stage = Stage()
    tape = Tape(stage)
    async with stage.session() as client:
        await asyncio.sleep(1)
        await append(client, 1.0)
        await client.speak(0.6, loud=False)
        await client.wait_for("response.done")
        await asyncio.sleep(10)
    sound = tape.sound()
    assert (started(sound[:, 0]), ended(sound[:, 0])) == pytest.approx((1.0, 2.0), abs=0.002)
    spoken = b"".join(
        pybase64.b64decode(event["delta"]) for event in client.of("response.output_audio.delta")
    )
    first = round((client.at("response.output_audio.delta")) * 24_000)
    assert abs(started(sound[:, 1]) * 24_000 - first) < 240
    start = tape.mixer().timeline
    start.read(10**8, ALL)
    (spans,) = start.assistant.spans.values()
    at = spans[0].at
    played = np.frombuffer(spoken, "<i2")
    assert np.array_equal(sound[at : at + len(played), 1], played)


@pytest.mark.parametrize("paced", [False, True])
async def test_who_is_talked_over_is_heard_no_further(paced: bool) -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, first=0.1, pace=0.01)))
    tape, log = Tape(stage, paced=paced), logged(stage)
    async with stage.session(paced=paced) as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta" if not paced else "output_audio_buffer.started")
        await asyncio.sleep(3)
        await client.turn(0.5)
        await asyncio.sleep(0.5)
    heard = note_of(tape, Heard)
    assert 2500 < heard.audio_ms < 4500
    assert heard.text
    assert LONG.startswith(heard.text)
    (noted, *_) = log.of("item.heard")
    assert noted == {
        "type": "item.heard",
        "item_id": heard.item_id,
        "audio_ms": heard.audio_ms,
        "text": heard.text,
    }
    assert "item.heard" not in json.dumps(client.events)
    sound, mixer = tape.sound(), tape.mixer()
    mixer.read(0, ALL)
    spans = mixer.timeline.assistant.spans[heard.item_id]
    length = sum(span.length for span in spans)
    assert abs(length / 24 - heard.audio_ms) < 40
    speech = sound[round(started(sound[:, 0]) * 24_000) :, 0]
    assert speech.any()
    if paced:
        line = np.frombuffer(client.transport.heard, "<i2")
        at = spans[0].at
        assert np.array_equal(sound[at : at + length, 1], line[:length])


async def test_a_client_that_says_that_it_heard_less_is_believed() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, first=0.1, pace=0.01)))
    tape, log = Tape(stage), logged(stage)
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        await asyncio.sleep(3)
        await client.speak(0.5)
        item_id = note_of(tape, Heard).item_id
        client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1500)
        await client.wait_for("conversation.item.truncated")
    first, last = (line for line in log.of("item.heard") if line["item_id"] == item_id)
    assert first["audio_ms"] > 2500
    assert last["audio_ms"] == 1500
    assert len(last["text"]) < len(first["text"])
    mixer = tape.mixer()
    mixer.read(0, ALL)
    assert sum(span.length for span in mixer.timeline.assistant.spans[item_id]) == 1500 * 24


async def test_who_hangs_up_hears_no_further() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, first=0.1, pace=0.01)))
    tape, log = Tape(stage), logged(stage)
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        await asyncio.sleep(2)
    (line,) = log.of("item.heard")
    assert 1500 < line["audio_ms"] < 2600
    assert log.lines[-1]["type"] == "session.ended"
    sound = tape.sound()
    assert abs(ended(sound[:, 1]) - len(sound) / 24_000) < 0.05


@pytest.mark.parametrize("coding", ["pcmu", "pcma"])
async def test_telephone_audio_is_at_the_right_pace_on_both_sides(coding: str) -> None:
    stage = Stage()
    tape = Tape(stage)
    told = {"type": f"audio/{coding}"}
    async with stage.session() as client:
        client.send(
            "session.update",
            session={
                "type": "realtime",
                "audio": {"input": {"format": told, "turn_detection": None}, "output": {"format": told}},
            },
        )
        await client.wait_for("session.updated")
        await append(client, 1.0, coding)
        await asyncio.sleep(1)
        client.send("input_audio_buffer.commit")
        await append(client, 1.0, coding)
        client.say("hi")
        await client.wait_for("response.done")
        await asyncio.sleep(10)
    sound, mixer = tape.sound(), tape.mixer()
    assert mixer.timeline.user.audio == 48_000
    assert [(jump.audio, round(jump.at / 2400)) for jump in mixer.timeline.user.jumps] == [
        (0, 0),
        (24_000, 20),
    ]
    assert started(sound[:, 0]) < 0.01
    assert ended(sound[:, 0]) == pytest.approx(3.0, abs=0.02)
    spoken = sum(
        len(pybase64.b64decode(event["delta"])) for event in client.of("response.output_audio.delta")
    )
    mixer.read(0, ALL)
    ((span,),) = mixer.timeline.assistant.spans.values()
    assert abs(span.length - spoken * 3) <= 24


async def test_after_a_lost_connection_the_user_goes_on_where_it_comes_back() -> None:
    stage = Stage(resume_seconds=30.0)
    tape = Tape(stage)
    async with stage.session() as client:
        await append(client, 1.0)
        last = client.events[-1]["event_id"]
        client.transport.drop()
        await asyncio.sleep(5)
        async with resumed(client.session, last) as again:
            await append(again, 1.0)
    sound = tape.sound()[:, 0]
    jumps = tape.mixer().timeline.user.jumps
    assert [(jump.audio / 24_000, round(jump.at / 24_000, 1)) for jump in jumps] == [(0, 0), (1.0, 6.0)]
    assert ended(sound) == pytest.approx(7.0, abs=0.01)


async def test_what_there_is_no_room_for_is_silence_and_the_rest_stays_in_step() -> None:
    stage = Stage()
    tape = Tape(stage)
    async with stage.session() as client:
        await append(client, 1.0)
        tape.room = 0
        await append(client, 1.0)
        tape.room = ALL
        await append(client, 1.0)
    mixer = tape.mixer()
    assert mixer.missed == 1
    assert mixer.timeline.user.audio == 3 * 24_000
    left = tape.sound()[:, 0]
    assert left[: 24_000 - 10].any()
    assert not left[24_100:47_900].any()
    assert started(left[24_100:]) == pytest.approx(1.0, abs=0.01)


async def test_what_can_still_change_is_not_given_yet() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, first=0.1, pace=0.01)))
    tape = Tape(stage)
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        await asyncio.sleep(3)
        now = asyncio.get_running_loop().time() * 1000
        mixer = tape.mixer()
        sound = mixer.read(now, ALL)
        assert not mixer.is_read
        assert len(sound) / 24 == pytest.approx(now - tape._zero - CHANGES_MS, abs=1)
