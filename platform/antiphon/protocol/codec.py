"""Text frames to client events, server events to text frames.

Measured per 20 ms frame: 4 us to decode and validate an append, its base64 included, which msgspec reads without
giving other threads the interpreter (pybase64 is faster by 1 us, and waits to get it back at each frame); 0.4 us to
encode an audio delta from a template (msgspec alone takes three times that, because it scans long strings).
"""

import re
from typing import Any, Generic, TypeVar, get_args

import msgspec
import pybase64
from msgspec import structs

from antiphon.protocol import errors
from antiphon.protocol.client_events import ClientEvent, InputAudioAppend
from antiphon.protocol.errors import Refused
from antiphon.protocol.mismatch import explain_mismatch
from antiphon.protocol.server_events import OutputAudioDelta

Event = TypeVar("Event")

_raw_decoder = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()
_AUDIO = re.compile(r'"audio"\s*:\s*"')
_LONG = 64 * 1024  # characters
_BAD_BASE64 = "Invalid base64 encoded string - at `$.audio`"
_DEEPEST = 100  # levels; some servers of models stop at 250, and our own code where Python's stack ends


class BadEvent(Exception):
    """A frame that is no client event. `event_id` is the client's, if the frame had one."""

    def __init__(self, refused: Refused, event_id: str | None) -> None:
        super().__init__(refused.body.message)
        self.refused = refused
        self.event_id = event_id


class EventDecoder(Generic[Event]):
    """Decodes the events of a union of Structs that `type` tells apart."""

    def __init__(self, union: Any) -> None:
        self._decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(union)
        self._types = sorted(str(kind.__struct_config__.tag) for kind in get_args(union))

    def decode(self, frame: str) -> Event:
        """Raises BadEvent with the error that the live service would send."""
        if len(frame) > _LONG and (event := self._long_append(frame)) is not None:
            return event
        try:
            event = self._decoder.decode(frame)
            if type(event) is not InputAudioAppend and _is_too_deep(frame):
                raise _too_deep(getattr(event, "event_id", None))
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._explain(frame, error) from None
        return event

    def _long_append(self, frame: str) -> Event | None:
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
            event = self._decoder.decode(frame[: start.end()] + frame[end:])
        except (msgspec.DecodeError, RecursionError):
            return None
        if not isinstance(event, InputAudioAppend):
            return None
        try:
            return structs.replace(event, audio=decode_audio(audio))
        except Refused as refused:
            raise BadEvent(refused, event.event_id) from None

    def _explain(self, frame: str, error: Exception) -> BadEvent:
        try:
            raw = _raw_decoder.decode(frame)
        except RecursionError:
            return _too_deep()
        except msgspec.ValidationError:
            return BadEvent(errors.invalid_request("invalid_event", "An event must be a JSON object."), None)
        except msgspec.DecodeError as broken:
            message = f"The frame could not be parsed as JSON: {broken}"
            return BadEvent(errors.invalid_request("invalid_json", message), None)
        event_id = raw.get("event_id")
        event_id = event_id if isinstance(event_id, str) else None
        if _is_deeper(raw, _DEEPEST):
            return _too_deep(event_id)
        return BadEvent(self._refusal(raw.get("type"), str(error)), event_id)

    def _refusal(self, kind: object, text: str) -> Refused:
        if text == _BAD_BASE64:
            return _bad_audio()
        if kind is None:
            return errors.invalid_request("invalid_event", "The event has no 'type'.", "type")
        if kind not in self._types:
            supported = ", ".join(f"'{name}'" for name in self._types)
            return errors.invalid_value(
                f"Invalid value: '{kind}'. Supported values are: {supported}.", "type"
            )
        return explain_mismatch(text)


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


decode_client_event = EventDecoder[ClientEvent](ClientEvent).decode


def decode_audio(audio: str) -> bytes:
    """Base64 to bytes. Raises Refused."""
    try:
        return pybase64.b64decode(audio, validate=True)
    except ValueError:
        raise _bad_audio() from None


def _bad_audio() -> Refused:
    return errors.invalid_value(
        "Invalid 'audio'. Expected base64-encoded audio bytes (standard alphabet, padded).", "audio"
    )


def encode_server_event(event: msgspec.Struct) -> str:
    if type(event) is OutputAudioDelta:
        return encode_audio_delta(event, "response.output_audio.delta")
    return _encoder.encode(event).decode()


def encode_audio_delta(event: OutputAudioDelta, name: str) -> str:
    """`name` is the event's `type`."""
    # Our own ids need no escaping, and base64 has nothing to escape.
    return (
        f'{{"type":"{name}","event_id":"{event.event_id}",'
        f'"response_id":"{event.response_id}","output_index":{event.output_index},'
        f'"item_id":"{event.item_id}","content_index":{event.content_index},'
        f'"delta":"{pybase64.b64encode_as_string(event.delta)}"}}'
    )
