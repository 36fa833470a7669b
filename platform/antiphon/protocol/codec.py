"""Text frames to client events, server events to text frames.

Measured per 20 ms frame: 0.5 us to decode and validate an append, 0.4 us for its base64, 0.4 us to encode an
audio delta from a template (msgspec alone takes three times that, because it scans long strings).
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pybase64
from msgspec import structs

from antiphon.protocol import errors
from antiphon.protocol.client_events import ClientEvent, InputAudioAppend
from antiphon.protocol.errors import Refused
from antiphon.protocol.server_events import OutputAudioDelta, ServerEvent

_decoder: msgspec.json.Decoder[ClientEvent] = msgspec.json.Decoder(ClientEvent)
_raw_decoder = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()

_TYPES = sorted(str(kind.__struct_config__.tag) for kind in ClientEvent.__args__)
_PATH = re.compile(r"^(?P<problem>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_AUDIO = re.compile(r'"audio"\s*:\s*"')
_LONG = 64 * 1024  # characters
_DEEPEST = 100  # levels; some servers of models stop at 250, and our own code where Python's stack ends
_MISSING = re.compile(r"missing required field `(?P<field>[^`]+)`")


class BadEvent(Exception):
    """A frame that is no client event. `event_id` is the client's, if the frame had one."""

    def __init__(self, refused: Refused, event_id: str | None) -> None:
        super().__init__(refused.body.message)
        self.refused = refused
        self.event_id = event_id


def decode_client_event(frame: str) -> ClientEvent:
    """Raises BadEvent with the error that the live service would send."""
    if len(frame) > _LONG and (append := _decode_long_append(frame)) is not None:
        return append
    try:
        event = _decoder.decode(frame)
        if type(event) is not InputAudioAppend and _is_too_deep(frame):
            raise _too_deep(event.event_id)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _explain(frame, error) from None
    return event


def decode_audio(audio: str) -> bytes:
    """Base64 to bytes. Raises Refused."""
    try:
        return pybase64.b64decode(audio, validate=True)
    except ValueError:
        raise errors.invalid_value(
            "Invalid 'audio'. Expected base64-encoded audio bytes (standard alphabet, padded).", "audio"
        ) from None


def encode_server_event(event: ServerEvent) -> str:
    if type(event) is OutputAudioDelta:
        # Our own ids need no escaping, and base64 has nothing to escape.
        return (
            f'{{"type":"response.output_audio.delta","event_id":"{event.event_id}",'
            f'"response_id":"{event.response_id}","output_index":{event.output_index},'
            f'"item_id":"{event.item_id}","content_index":{event.content_index},'
            f'"delta":"{pybase64.b64encode_as_string(event.delta)}"}}'
        )
    return _encoder.encode(event).decode()


def _decode_long_append(frame: str) -> InputAudioAppend | None:
    """An append without looking at each character of its audio, which for 15 MiB would hold everybody up.

    None for any other event, and for audio that is written with escapes.
    """
    start = _AUDIO.search(frame, 0, _LONG)
    if start is None:
        return None
    end = frame.find('"', start.end())
    audio = frame[start.end() : end]
    if end < 0 or "\\" in audio:
        return None
    try:
        event = _decoder.decode(frame[: start.end()] + frame[end:])
    except (msgspec.DecodeError, RecursionError):
        return None
    return structs.replace(event, audio=audio) if isinstance(event, InputAudioAppend) else None


def _is_too_deep(frame: str) -> bool:
    return frame.count("{") + frame.count("[") > _DEEPEST and _is_deeper(_raw_decoder.decode(frame), _DEEPEST)


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)


def _too_deep(event_id: str | None = None) -> BadEvent:
    message = f"The event is nested too deeply: at most {_DEEPEST} levels of objects and arrays are possible."
    return BadEvent(errors.invalid_request("invalid_json", message), event_id)


def _explain(frame: str, error: Exception) -> BadEvent:
    try:
        raw = _raw_decoder.decode(frame)
    except RecursionError:
        return _too_deep()
    except msgspec.ValidationError:
        return BadEvent(errors.invalid_request("invalid_event", "An event must be a JSON object."), None)
    except msgspec.DecodeError as broken:
        return BadEvent(
            errors.invalid_request("invalid_json", f"The frame could not be parsed as JSON: {broken}"), None
        )
    event_id = raw.get("event_id")
    event_id = event_id if isinstance(event_id, str) else None
    return BadEvent(_refusal(raw, str(error)), event_id)


def _refusal(raw: Mapping[str, Any], text: str) -> Refused:
    kind = raw.get("type")
    if kind is None:
        return errors.invalid_request("invalid_event", "The event has no 'type'.", "type")
    if kind not in _TYPES:
        supported = ", ".join(f"'{name}'" for name in _TYPES)
        return errors.invalid_value(f"Invalid value: '{kind}'. Supported values are: {supported}.", "type")
    return explain_mismatch(text)


def explain_mismatch(text: str) -> Refused:
    """The refusal of JSON that does not fit its Struct; `text` is that of msgspec's ValidationError."""
    match = _PATH.match(text)
    problem, path = (match["problem"], (match["path"] or "").lstrip(".")) if match else (text, "")
    if missing := _MISSING.search(problem):
        param = f"{path}.{missing['field']}" if path else missing["field"]
        return errors.missing_parameter(param)
    message = f"Invalid value for '{path}': {problem[:1].lower()}{problem[1:]}." if path else f"{problem}."
    if problem.startswith("Expected") and ", got " in problem:
        return errors.invalid_request(
            "invalid_type", f"Invalid type for '{path}': {problem[:1].lower()}{problem[1:]}.", path or None
        )
    return errors.invalid_value(message, path or None)
