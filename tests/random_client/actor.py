"""The steps that every client can take, whatever reaches it to its session."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any

from tests.random_client.behaviour import Step
from tests.random_client.frames import Frame
from tests.random_client.known import Known
from tests.random_client.values import Ref


class Actor(ABC):
    """`longest`: the most seconds that one step waits or speaks. Each step is the method of its name."""

    def __init__(self, known: Known, longest: float = float("inf")) -> None:
        self.known = known
        self._longest = longest

    @abstractmethod
    async def put(self, text: str | bytes) -> None:
        """Sends a frame over the client's connection, if it has one."""

    async def act(self, script: list[Step]) -> None:
        for step, argument in script:
            await getattr(self, step)(argument)

    async def send(self, frames: list[Frame]) -> None:
        for frame in frames:
            await self.put(self.known.text_of(frame))

    async def say(self, text: str) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.send([{"type": "conversation.item.create", "item": item}, {"type": "response.create"}])

    async def set(self, session: dict[str, Any]) -> None:
        await self.send([{"type": "session.update", "session": session}])

    async def consult(self, tools: dict[str, Any]) -> None:
        await self.send([{"type": "response.cancel"}])
        await self.set(tools)
        await self.say("What is the weather like?")
        await self.wait(1_000)

    async def return_tool(self, _: None) -> None:
        item = {"type": "function_call_output", "call_id": Ref("call"), "output": "sunny"}
        await self.send([{"type": "conversation.item.create", "item": item}, {"type": "response.create"}])

    async def approve(self, approve: bool) -> None:
        request = Ref("approval")
        item = {"type": "mcp_approval_response", "approval_request_id": request, "approve": approve}
        await self.send([{"type": "conversation.item.create", "item": item}, {"type": "response.create"}])

    async def speak(self, step: tuple[int, int]) -> None:
        """In pieces of so many ms."""
        await self._stream(*step, loud=True)

    async def silence(self, ms: int) -> None:
        await self._stream(ms, 20, loud=False)

    async def turn(self, ms: int) -> None:
        await self._stream(ms, 20, loud=True)
        await self._stream(600, 20, loud=False)

    async def wait(self, ms: int) -> None:
        await asyncio.sleep(min(ms / 1000, self._longest))

    async def _stream(self, ms: int, piece_ms: int, *, loud: bool) -> None:
        """At real-time pace."""
        pcm = self.known.pcm(min(ms, self._longest * 1000), loud=loud)
        for start in range(0, len(pcm), piece_ms * 48):
            piece = pcm[start : start + piece_ms * 48]
            await self.put(self.known.append(piece))
            await asyncio.sleep(len(piece) / 48_000)
