"""`openai` for Python, the synchronous client: turns are ended by hand, as with a push-to-talk button."""

import base64
import json
from typing import Any

from microphone import recording
from openai import OpenAI
from openai.resources.realtime.realtime import RealtimeConnection
from weather import GET_WEATHER, report, weather_in


def main() -> None:
    with OpenAI().realtime.connect(model="gpt-realtime") as connection:
        connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be brief.",
                "output_modalities": ["text"],
                "audio": {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}},
                "tools": [GET_WEATHER],
            }
        )
        say(connection, "What is twelve times seven?")
        report(answer=answer(connection))

        say(connection, "What is the weather in Paris?")
        report(answer=answer(connection))

        connection.session.update(session={"type": "realtime", "output_modalities": ["audio"]})
        connection.input_audio_buffer.append(audio=base64.b64encode(recording("SPEECH")).decode())
        connection.input_audio_buffer.commit()
        report(answer=answer(connection))


def say(connection: RealtimeConnection, text: str) -> None:
    connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )


def answer(connection: RealtimeConnection) -> str:
    """Asks for a response, does what it calls for, and returns what is said in the end."""
    connection.response.create()
    said = ""
    audio = b""
    for event in connection:
        if (
            event.type == "response.output_text.delta"
            or event.type == "response.output_audio_transcript.delta"
        ):
            said += event.delta
        elif event.type == "response.output_audio.delta":
            audio += base64.b64decode(event.delta)
        elif event.type == "error":
            raise RuntimeError(event.error.message)
        elif event.type == "response.done":
            break
    calls = [item for item in event.response.output or [] if item.type == "function_call"]
    if calls:
        for call in calls:
            give_result(connection, call)
        return answer(connection)
    if audio:
        report(audio_bytes=len(audio))
    return said


def give_result(connection: RealtimeConnection, call: Any) -> None:
    arguments = json.loads(call.arguments)
    report(called=call.name, arguments=arguments)
    connection.conversation.item.create(
        item={
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": weather_in(**arguments),
        }
    )


main()
