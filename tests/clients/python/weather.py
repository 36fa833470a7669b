"""The tool that every client offers, and the lines they report."""

import json
import sys
from typing import Any


def report(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")  # in one piece: tools run in threads
    sys.stdout.flush()


def weather_in(city: str) -> str:
    return json.dumps({"city": city, "temperature_c": 18, "conditions": "sunny"})


GET_WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
