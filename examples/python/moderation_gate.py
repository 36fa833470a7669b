"""A moderation gate: a backend sees what you said before the agent does, and decides whether it is answered.

    python moderation_gate.py speech.wav darn heck

The app's session answers nothing by itself (`create_response` is false). The backend attaches to it by its call id,
with the API key, and either asks for the answer or removes what was said. Here both run in one program; in yours
the app tells the backend its call id. The WAV file (16-bit mono) is what you say; turns with one of the given words
are removed.
"""

import asyncio
import base64
import os
import re
import sys
import wave

from openai import AsyncOpenAI

client = AsyncOpenAI(
    base_url=os.environ.get("ANTIPHON_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ["ANTIPHON_API_KEY"],
)


async def moderate(sideband, banned):
    async for event in sideband:
        if event.type == "conversation.item.input_audio_transcription.completed":
            print("backend heard:", event.transcript)
            if banned & set(re.findall(r"\w+", event.transcript.lower())):
                print("backend: removed")
                await sideband.conversation.item.delete(item_id=event.item_id)
            else:
                print("backend: allowed")
                await sideband.response.create()


async def speak(app, path):
    with wave.open(path) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    audio = {
        "input": {
            "format": {"type": "audio/pcm", "rate": rate},
            "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 600, "create_response": False},
        }
    }
    await app.session.update(session={"type": "realtime", "audio": audio})
    with_silence = pcm + bytes(rate * 2)
    await app.input_audio_buffer.append(audio=base64.b64encode(with_silence).decode())


async def main(path, *banned):
    async with client.realtime.connect(model="gpt-realtime") as app, asyncio.TaskGroup() as tasks:
        created = await app.recv()
        async with client.realtime.connect(call_id=created.session.call_id) as sideband:
            moderating = tasks.create_task(moderate(sideband, set(banned)))
            await speak(app, path)
            async for event in app:
                if event.type == "response.output_audio_transcript.done":
                    print("agent:", event.transcript)
                elif event.type == "error":
                    sys.exit(event.error.message)
                elif event.type in ("response.done", "conversation.item.deleted"):
                    break
            moderating.cancel()


asyncio.run(main(*sys.argv[1:]))
