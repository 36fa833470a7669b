"""A voice agent with turn taking: it listens all the time, answers when you pause, and stops when you talk over it.

    python voice_agent.py question.wav [interruption.wav] reply.wav

WAV files (16-bit mono, one rate) stand in for a microphone, the second one begins as soon as the agent speaks.
What a loudspeaker would have played is written to the last.
"""

import asyncio
import base64
import os
import sys
import time
import wave

from openai import AsyncOpenAI

URL = os.environ.get("ANTIPHON_URL", "http://127.0.0.1:8000/v1")


async def listen(connection, spoken, rate, speaking, answered):
    """Sends recordings at a microphone's pace, each after the first one over the agent's voice, then silence."""
    due, frame, pcm = time.monotonic(), rate // 50 * 2, spoken.pop(0)  # bytes of 20 ms
    while pcm or spoken or not answered.is_set():
        if spoken and speaking.is_set():
            pcm = spoken.pop(0)
        heard, pcm = pcm[:frame].ljust(frame, b"\0"), pcm[frame:]
        await connection.input_audio_buffer.append(audio=base64.b64encode(heard).decode())
        due += 0.02
        await asyncio.sleep(due - time.monotonic())
    await connection.close()


async def main(*recordings, reply):
    client = AsyncOpenAI(base_url=URL, api_key=os.environ["ANTIPHON_API_KEY"])
    spoken = []
    for recording in recordings:
        with wave.open(recording) as file:
            rate = file.getframerate()
            spoken.append(file.readframes(file.getnframes()))
    async with client.realtime.connect(model="gpt-realtime") as connection, asyncio.TaskGroup() as tasks:
        audio = {
            "input": {
                "format": {"type": "audio/pcm", "rate": rate},
                "transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 600},
            }
        }
        await connection.session.update(session={"type": "realtime", "audio": audio})
        speaking, answered = asyncio.Event(), asyncio.Event()
        tasks.create_task(listen(connection, spoken, rate, speaking, answered))
        played, item_id, began = bytearray(), "", 0.0
        async for event in connection:
            if event.type == "input_audio_buffer.speech_started":
                answered.clear()
                heard_ms = int((time.monotonic() - began) * 1000)
                if item_id and heard_ms * 48 < len(played):  # what was not played never will be
                    print(f"(you talk over it after {heard_ms} ms)")
                    del played[heard_ms * 48 :]
                    await connection.conversation.item.truncate(
                        item_id=item_id, content_index=0, audio_end_ms=heard_ms
                    )
            elif event.type == "conversation.item.input_audio_transcription.completed":
                print("you:", event.transcript)
            elif event.type == "response.output_audio.delta":
                if event.item_id != item_id:
                    played, item_id, began = bytearray(), event.item_id, time.monotonic()
                    speaking.set()
                played += base64.b64decode(event.delta)
            elif event.type == "response.done":
                said = (part.transcript for item in event.response.output for part in item.content)
                print("agent:", *said)
                if event.response.status != "cancelled":
                    answered.set()
            elif event.type == "error":
                sys.exit(event.error.message)
    with wave.open(reply, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(played)
    print(f"{len(played) / 48_000:.1f} s of it are in {reply}")


asyncio.run(main(*sys.argv[1:-1], reply=sys.argv[-1]))
