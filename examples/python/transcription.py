"""Transcription: a session that only listens. The words come while they are spoken, the final text after each turn.

    python transcription.py speech.wav

The WAV file (16-bit mono) is sent at the pace of a microphone. With plain websockets: any library will do.
"""

import asyncio
import base64
import json
import os
import sys
import time
import wave

from websockets.asyncio.client import connect

URL = os.environ.get("ANTIPHON_URL", "http://127.0.0.1:8000/v1").replace("http", "ws", 1)
HEADERS = {"Authorization": f"Bearer {os.environ['ANTIPHON_API_KEY']}"}


async def send(socket, kind, **fields):
    await socket.send(json.dumps({"type": kind, **fields}))


async def speak(socket, pcm, rate, turns):
    """Silence follows until every turn has its text."""
    due, frame = time.monotonic(), rate // 50 * 2  # bytes of 20 ms
    pcm += bytes(rate * 2)
    while pcm or turns:
        heard, pcm = pcm[:frame].ljust(frame, b"\0"), pcm[frame:]
        await send(socket, "input_audio_buffer.append", audio=base64.b64encode(heard).decode())
        due += 0.02
        await asyncio.sleep(due - time.monotonic())
    await socket.close()


async def main(path):
    with wave.open(path) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    async with (
        connect(f"{URL}/realtime?intent=transcription", additional_headers=HEADERS) as socket,
        asyncio.TaskGroup() as tasks,
    ):
        heard = {
            "format": {"type": "audio/pcm", "rate": rate},
            "transcription": {"model": "whisper-1", "language": "en"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 600},
        }
        await send(socket, "session.update", session={"type": "transcription", "audio": {"input": heard}})
        turns = set()  # that have no text yet
        tasks.create_task(speak(socket, pcm, rate, turns))
        async for frame in socket:
            event = json.loads(frame)
            if event["type"] == "input_audio_buffer.speech_started":
                turns.add(event["item_id"])
            elif event["type"] == "conversation.item.input_audio_transcription.delta":
                print("so far: ..." + event["delta"])
            elif event["type"] == "conversation.item.input_audio_transcription.completed":
                print("final:", event["transcript"])
                turns.discard(event["item_id"])
            elif event["type"] == "error":
                sys.exit(event["error"]["message"])


asyncio.run(main(sys.argv[1]))
