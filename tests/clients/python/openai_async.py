"""`openai` for Python, the asynchronous client: hands-free, and the user talks over an answer."""

import asyncio
import base64
import json
import time
from typing import Any

from microphone import Microphone
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from weather import GET_WEATHER, report, weather_in


class Conversation:
    """Handles every event in one place; `answered` tells when an answer is complete."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.answered = asyncio.Event()
        self.playing = asyncio.Event()
        self._audio_item: str | None = None
        self._audio_since = 0.0
        self._audio_bytes = 0

    async def handle_events(self) -> None:
        async for event in self.connection:
            if event.type == "response.output_audio.delta":
                self.play(event.item_id, base64.b64decode(event.delta))
            elif event.type == "input_audio_buffer.speech_started":
                await self.stop_playing()
            elif event.type == "response.done":
                await self.finish(event.response)
            elif event.type == "error":
                raise RuntimeError(event.error.message)

    def play(self, item_id: str, audio: bytes) -> None:
        if item_id != self._audio_item:
            self._audio_item, self._audio_since, self._audio_bytes = item_id, time.monotonic(), 0
            self.playing.set()
        self._audio_bytes += len(audio)

    async def stop_playing(self) -> None:
        """What was not heard yet never will be: the server is told where the user cut in."""
        played_ms = int((time.monotonic() - self._audio_since) * 1000)
        if self._audio_item and played_ms < self._audio_bytes / 48:
            await self.connection.conversation.item.truncate(
                item_id=self._audio_item, content_index=0, audio_end_ms=played_ms
            )
        self._audio_item = None

    async def finish(self, response: Any) -> None:
        if response.status == "cancelled":
            return
        calls = [item for item in response.output if item.type == "function_call"]
        for call in calls:
            arguments = json.loads(call.arguments)
            report(called=call.name, arguments=arguments)
            await self.connection.conversation.item.create(
                item={
                    "type": "function_call_output",
                    "call_id": call.call_id,
                    "output": weather_in(**arguments),
                }
            )
        if calls:
            await self.connection.response.create()
            return
        report(answer=response.output[0].content[0].transcript, audio_bytes=self._audio_bytes)
        self.answered.set()

    async def say(self, text: str) -> None:
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        )
        self.answered.clear()
        self.playing.clear()
        await self.connection.response.create()

    async def listen(self, microphone: Microphone) -> None:
        async for chunk in microphone:
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())


async def main() -> None:
    client = AsyncOpenAI()
    async with client.realtime.connect(model="gpt-realtime") as connection, asyncio.TaskGroup() as tasks:
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be brief.",
                "audio": {
                    "input": {
                        "transcription": {"model": "whisper-1"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 600},
                    },
                    "output": {"voice": "marin"},
                },
                "tools": [GET_WEATHER],
            }
        )
        conversation = Conversation(connection)
        microphone = Microphone()
        background = [
            tasks.create_task(conversation.handle_events()),
            tasks.create_task(conversation.listen(microphone)),
        ]

        await conversation.say("What is twelve times seven?")
        await conversation.answered.wait()
        await conversation.say("What is the weather in Paris?")
        await conversation.answered.wait()
        conversation.answered.clear()
        microphone.play("SPEECH")
        await conversation.answered.wait()

        await conversation.say("Count to two hundred.")
        await conversation.playing.wait()
        microphone.play("INTERRUPTION")
        await conversation.answered.wait()
        for task in background:
            task.cancel()


asyncio.run(main())
