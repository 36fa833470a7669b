"""`openai-agents` for Python: the session keeps a history, runs tools and cuts answers off by itself."""

import asyncio
import os

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeItem, RealtimeRunner, RealtimeSession
from microphone import Microphone
from weather import report, weather_in


@function_tool
def get_weather(city: str) -> str:
    """Get the current weather for a city"""
    report(called="get_weather", arguments={"city": city})
    return weather_in(city)


class Listener:
    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.turns: asyncio.Queue[str] = asyncio.Queue()
        self.history: list[RealtimeItem] = []
        self.playing = asyncio.Event()
        self.audio_bytes = 0

    async def handle_events(self) -> None:
        async for event in self.session:
            if event.type == "audio":
                self.playing.set()
                self.audio_bytes += len(event.audio.data)
            elif event.type == "audio_interrupted":
                report(interrupted=event.item_id)
            elif event.type == "agent_end":
                self.turns.put_nowait(text(self.history[-1]))
            elif event.type == "history_added":
                self.history.append(event.item)
            elif event.type == "history_updated":
                self.history = list(event.history)
            elif event.type == "error":
                raise RuntimeError(event.error)

    async def turn(self) -> None:
        """Waits for the agent's next turn. That of a call ends without a word."""
        if said := await self.turns.get():
            report(answer=said)


def text(item: RealtimeItem) -> str:
    if item.type == "function_call":
        return ""
    (part,) = item.content
    return (part.text if part.type in ("text", "input_text") else part.transcript) or ""


async def main() -> None:
    agent = RealtimeAgent(name="Assistant", instructions="Be brief.", tools=[get_weather])
    url = os.environ["OPENAI_BASE_URL"].replace("https:", "wss:") + "/realtime?model=gpt-realtime"
    session = await RealtimeRunner(agent).run(
        model_config={"url": url, "api_key": os.environ["OPENAI_API_KEY"]}
    )
    async with session, asyncio.TaskGroup() as tasks:
        listener = Listener(session)
        microphone = Microphone()
        background = [
            tasks.create_task(listener.handle_events()),
            tasks.create_task(listen(session, microphone)),
        ]

        await session.send_message("What is twelve times seven?")
        await listener.turn()
        await session.send_message("What is the weather in Paris?")
        await listener.turn()  # the call
        await listener.turn()
        microphone.play("SPEECH")
        await listener.turn()

        listener.playing.clear()
        await session.send_message("Count to two hundred.")
        await listener.playing.wait()
        microphone.play("INTERRUPTION")
        await listener.turn()  # cut off
        await listener.turn()
        report(audio_bytes=listener.audio_bytes)
        report(
            history=[{"id": item.item_id, "type": item.type, "text": text(item)} for item in listener.history]
        )
        for task in background:
            task.cancel()


async def listen(session: RealtimeSession, microphone: Microphone) -> None:
    async for chunk in microphone:
        await session.send_audio(chunk)


asyncio.run(main())
