"""Function calling: the model asks for a function, your code runs it, and the answer tells its result.

python function_calling.py "What is the weather in Paris?"
"""

import json
import os
import sys

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("ANTIPHON_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ["ANTIPHON_API_KEY"],
)


def get_weather(city):
    return {"city": city, "temperature_c": 18, "conditions": "sunny"}


FUNCTIONS = {"get_weather": get_weather}
TOOLS = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "Get the current weather for a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
]


def wait_for_response(connection):
    for event in connection:
        if event.type == "error":
            sys.exit(event.error.message)
        if event.type == "response.done":
            return event.response
    sys.exit("The connection has ended.")


def answer(connection):
    connection.response.create()
    response = wait_for_response(connection)
    calls = [item for item in response.output if item.type == "function_call"]
    for call in calls:
        print(f"called: {call.name}({call.arguments})")
        result = FUNCTIONS[call.name](**json.loads(call.arguments))
        connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": json.dumps(result)}
        )
    if calls:  # once, when every call has its result
        return answer(connection)
    return response.output[0].content[0].transcript


with client.realtime.connect(model="gpt-realtime") as connection:
    connection.session.update(session={"type": "realtime", "tools": TOOLS})
    connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": sys.argv[1]}]}
    )
    print("agent:", answer(connection))
