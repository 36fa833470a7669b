"""What single events cost: an append of 20 ms, one of 15 MiB, and items of a long conversation."""

import asyncio
import time
from typing import Any

import pybase64

from antiphon.engine.ids import Ids
from antiphon.engine.machine import SessionMachine
from antiphon.protocol.codec import decode_client_event
from antiphon.protocol.session import Session
from measuring.caller import Caller, calling, frame_of, server_vad
from measuring.platform import Platform
from measuring.speech import room
from measuring.table import Row, median

_APPENDS = 20_000
_LARGEST = 15 * 1024 * 1024  # bytes of audio in one append
_ITEMS = 2_000
_ROUNDS = 200


async def append(platform: Platform) -> list[Row]:
    """In this process: from the text frame to the effects, without socket and detector."""
    audio = pybase64.b64encode_as_string(room(20))
    text = f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}'
    machine = SessionMachine(Session(id="sess_1", model="llm/stub", expires_at=0), ids=Ids())
    machine.start(0.0)
    costs = []
    for _ in range(10):
        began = time.process_time()
        for number in range(_APPENDS // 10):
            machine.handle(decode_client_event(text), number * 20.0)
        costs.append((time.process_time() - began) / (_APPENDS // 10))
    return [Row("decode, check and dispatch an append of 20 ms", median(costs) * 1e6, "µs", 10)]


async def largest_append(platform: Platform) -> list[Row]:
    """How long others wait while one session sends as much in one event as it may."""
    audio = pybase64.b64encode_as_string(room(1_000) * (_LARGEST // len(room(1_000))))
    frame = frame_of(f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}'.encode())
    waits: list[float] = []
    async with (
        calling(platform, {"audio": {"input": {"turn_detection": None}}}, microphone=False) as sender,
        calling(platform, server_vad()) as other,
    ):
        still = max([await other.ping() for _ in range(50)])
        sending = asyncio.create_task(sender.send_slowly(frame))
        while not sending.done():
            waits.append(await other.ping())
        until = time.perf_counter() + 2.0
        while time.perf_counter() < until:
            waits.append(await other.ping())
        await sender.send({"type": "input_audio_buffer.commit"})
        await sender.wait_for("input_audio_buffer.committed")
    return [
        Row("others wait while one appends 15 MiB, longest ping", max(waits) * 1000, "ms", 60),
        Row("  and before it", still * 1000, "ms"),
    ]


async def many_items(platform: Platform) -> list[Row]:
    """Retrieving and deleting an item in the middle, in a short conversation and in a long one."""
    async with calling(platform, {"audio": {"input": {"turn_detection": None}}}, microphone=False) as caller:
        short = await _edit(caller, 20)
        long = await _edit(caller, _ITEMS)
    return [
        Row("retrieve and delete an item of 20", short * 1000, "ms"),
        Row(f"retrieve and delete an item of {_ITEMS}", long * 1000, "ms"),
    ]


async def _edit(caller: Caller, items: int) -> float:
    """Seconds for both answers, the median of `_ROUNDS`."""
    names = [f"item_{items}_{number}" for number in range(items + _ROUNDS)]
    for name in names:
        await caller.send({"type": "conversation.item.create", "item": _message(name)})
    await caller.send({"type": "input_audio_buffer.clear"})
    since = len(caller.events)
    await caller.wait_for("input_audio_buffer.cleared", since)
    took = []
    for number in range(_ROUNDS):
        name, since = names[items // 2 + number], len(caller.events)
        began = time.perf_counter()
        await caller.send({"type": "conversation.item.retrieve", "item_id": name})
        await caller.send({"type": "conversation.item.delete", "item_id": name})
        deleted = await caller.wait_for("conversation.item.deleted", since)
        took.append(deleted.at - began)
    return median(took)


def _message(name: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": "All work and no play."}]
    return {"id": name, "type": "message", "role": "user", "content": content}
