"""Push to talk: you decide when a turn begins and ends, not the server.

    python push_to_talk.py question.wav

The WAV file (16-bit mono) is what you say while the button is held.
"""

import base64
import os
import sys
import wave

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("ANTIPHON_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ["ANTIPHON_API_KEY"],
)


def press(connection):
    connection.input_audio_buffer.clear()  # nothing from before the button counts


def hold(connection, pcm):
    for start in range(0, len(pcm), 4_800):
        connection.input_audio_buffer.append(audio=base64.b64encode(pcm[start : start + 4_800]).decode())


def release(connection):
    connection.input_audio_buffer.commit()
    connection.response.create()


with wave.open(sys.argv[1]) as file:
    rate, pcm = file.getframerate(), file.readframes(file.getnframes())

with client.realtime.connect(model="gpt-realtime") as connection:
    audio = {
        "input": {
            "format": {"type": "audio/pcm", "rate": rate},
            "transcription": {"model": "whisper-1"},
            "turn_detection": None,
        }
    }
    connection.session.update(session={"type": "realtime", "audio": audio})
    press(connection)
    hold(connection, pcm)
    release(connection)
    received = 0
    for event in connection:
        if event.type == "conversation.item.input_audio_transcription.completed":
            print("you:", event.transcript)
        elif event.type == "response.output_audio.delta":
            received += len(base64.b64decode(event.delta))
        elif event.type == "response.output_audio_transcript.done":
            print("agent:", event.transcript)
        elif event.type == "error":
            sys.exit(event.error.message)
        elif event.type == "response.done":
            break
    print(f"{received / 48_000:.1f} s of speech received")
