"""A microphone: 24 kHz 16-bit mono, 40 ms at a time, in real time. It hears silence, or what is played to it."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

CHUNK = 1920  # bytes: 40 ms


def recording(name: str) -> bytes:
    """`name` is SPEECH or INTERRUPTION."""
    return Path(os.environ[name]).read_bytes()


class Microphone:
    def __init__(self) -> None:
        self._ahead = b""

    def play(self, name: str) -> None:
        self._ahead = recording(name)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            chunk, self._ahead = self._ahead[:CHUNK], self._ahead[CHUNK:]
            yield chunk.ljust(CHUNK, b"\0")
            due += CHUNK / 48_000
            await asyncio.sleep(due - clock())
