"""What a client has learnt from the events it received, and how it fills the holes in what it says."""

import json
from typing import Any

import numpy as np
import pybase64
from msgspec import convert

from antiphon.audio.formats import Format, encode
from antiphon.engine.formats import format_of
from antiphon.protocol.session import AudioFormat
from tests.random_client.frames import MARK, Frame
from tests.random_client.values import Kind, Ref, Sound, written

_SECOND = (np.sin(np.arange(24_000) * 0.3) * 12_000).astype("<i2").tobytes()


class Known:
    def __init__(self, voice: bytes = _SECOND) -> None:
        """`voice` is what the client sounds like, over and over: PCM16 at 24 kHz."""
        self._voice = voice
        self._ids: dict[Kind, list[str]] = {"item": [], "response": [], "call": [], "approval": []}
        self._marks = 0
        self.format = Format()

    def learn(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind in ("conversation.item.added", "response.output_item.added"):
            item = event["item"]
            self._note("item", item["id"])
            if item["type"] == "mcp_approval_request":
                self._note("approval", item["id"])
            if "call_id" in item:
                self._note("call", item["call_id"])
        elif kind == "response.created":
            self._note("response", event["response"]["id"])
        elif kind in ("session.created", "session.updated"):
            audio = event["session"].get(
                "audio", {"input": {"format": {"type": "audio/pcm"}}}
            )  # not in the beta
            self.format = format_of(convert(audio["input"]["format"], AudioFormat))

    def text_of(self, frame: Frame) -> str | bytes:
        """What goes over the wire for it."""
        if not isinstance(frame, dict):
            return frame
        self._marks += 1
        return written(frame, self._fill)

    def _note(self, kind: Kind, an_id: str) -> None:
        if an_id not in self._ids[kind]:
            self._ids[kind].append(an_id)

    def _fill(self, hole: Ref | Sound) -> str:
        if isinstance(hole, Sound):
            return self.sound(hole)
        if hole.kind == "mark":
            return f"{MARK}{self._marks}"
        known = self._ids[hole.kind]
        return known[-1 - hole.number % len(known)] if known else f"no_{hole.kind}"

    def sound(self, sound: Sound) -> str:
        pcm = self.pcm(sound.ms, loud=sound.loud)
        return pybase64.b64encode_as_string(encode(pcm, self.format) + b"\x01" * sound.odd)

    def pcm(self, ms: float, *, loud: bool) -> bytes:
        """Audio of a client, PCM16 at 24 kHz."""
        size = int(ms * 24) * 2
        return (self._voice * (size // len(self._voice) + 1))[:size] if loud else bytes(size)

    def append(self, pcm: bytes) -> str:
        """The event that appends this piece of PCM16 at 24 kHz."""
        audio = pybase64.b64encode_as_string(encode(pcm, self.format))
        return json.dumps({"type": "input_audio_buffer.append", "audio": audio})
