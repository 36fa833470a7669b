"""What the event log costs a session: on the event loop, and in the thread that makes rows of it."""

import json
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pybase64

from antiphon.engine import inputs
from antiphon.engine.observers.log import LogObserver, Record, entry_of
from antiphon.protocol import server_events as ev
from antiphon.protocol.codec import decode_client_event
from antiphon.protocol.items import InputAudio, Message
from measuring.platform import Platform
from measuring.table import Row, median

_EVENTS = 20_000
_RUNS = 7
_PART: dict[str, Any] = {
    "response_id": "resp_" + "a" * 21,
    "item_id": "item_" + "b" * 21,
    "output_index": 0,
    "content_index": 0,
}


async def cost_per_event(platform: Platform) -> list[Row]:
    """CPU time, in this process: the platform is not asked."""
    append = json.dumps(
        {"type": "input_audio_buffer.append", "audio": pybase64.b64encode_as_string(bytes(960))}
    )
    item = Message(id="item_" + "c" * 21, role="user", content=[InputAudio()])
    observed = {
        "audio appended by the client": decode_client_event(append),
        "detector's windows (not kept)": inputs.SpeechHeard(1, [0.5]),
        "audio delta": ev.OutputAudioDelta(delta=bytes(9600), samples=4800, **_PART),
        "other server event": ev.ItemDone(event_id="event_" + "d" * 21, previous_item_id=None, item=item),
    }
    rows = [
        Row(f"event log, on the event loop: {name}", cost(partial(_observe, event)), "us")
        for name, event in observed.items()
    ]
    record = Record(uuid.uuid4(), 1, time.time() * 1000, "server", observed["other server event"])
    rows.append(
        Row("event log, in its thread: making a row of an event", cost(partial(_encode, record)), "us")
    )
    return rows


def cost(run: Callable[[], None]) -> float:
    """Microseconds for each of _EVENTS events, the median of several runs."""
    took = []
    for _ in range(_RUNS):
        began = time.process_time()
        run()
        took.append(time.process_time() - began)
    return median(took) * 1e6 / _EVENTS


def _observe(event: object) -> None:
    records: list[Record] = []
    observer = LogObserver(uuid.UUID(int=1), records.append, epoch_ms=0.0)
    for _ in range(_EVENTS):
        observer(event, 1.0)


def _encode(record: Record) -> None:
    for _ in range(_EVENTS):
        entry_of(record)
