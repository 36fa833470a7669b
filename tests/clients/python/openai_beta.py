"""`openai` for Python, `client.beta.realtime`: the flat session and the event names of the beta."""

import asyncio
import base64
import json

from microphone import recording
from openai import AsyncOpenAI
from openai.resources.beta.realtime.realtime import AsyncRealtimeConnection
from weather import GET_WEATHER, report, weather_in


async def main() -> None:
    async with AsyncOpenAI().beta.realtime.connect(model="gpt-4o-realtime-preview") as connection:
        await connection.session.update(
            session={
                "instructions": "Be brief.",
                "modalities": ["text"],
                "input_audio_format": "pcm16",
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": None,
                "temperature": 0.8,
                "tools": [GET_WEATHER],
            }
        )
        await say(connection, "What is twelve times seven?")
        report(answer=await answer(connection))

        await connection.session.update(session={"modalities": ["text", "audio"], "voice": "alloy"})
        await say(connection, "What is the weather in Paris?")
        report(answer=await answer(connection))

        speech = base64.b64encode(recording("SPEECH")).decode()
        await connection.input_audio_buffer.append(audio=speech)
        await connection.input_audio_buffer.commit()
        report(answer=await answer(connection))


async def say(connection: AsyncRealtimeConnection, text: str) -> None:
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )


async def answer(connection: AsyncRealtimeConnection) -> str:
    """Asks for a response, does what it calls for, and returns what is said in the end."""
    await connection.response.create()
    said = ""
    audio = b""
    async for event in connection:
        if event.type == "response.text.delta" or event.type == "response.audio_transcript.delta":
            said += event.delta
        elif event.type == "response.audio.delta":
            audio += base64.b64decode(event.delta)
        elif event.type == "error":
            raise RuntimeError(event.error.message)
        elif event.type == "response.done":
            break
    calls = [item for item in event.response.output or [] if item.type == "function_call"]
    for call in calls:
        arguments = json.loads(call.arguments)
        report(called=call.name, arguments=arguments)
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": weather_in(**arguments)}
        )
    if calls:
        return await answer(connection)
    if audio:
        report(audio_bytes=len(audio))
    return said


asyncio.run(main())
