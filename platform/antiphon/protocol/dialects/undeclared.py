"""The dialect of clients that did not say which they speak when they connected."""

from collections.abc import Sequence

from antiphon.protocol.client_events import ClientEvent, InputAudioAppend
from antiphon.protocol.codec import EventDecoder
from antiphon.protocol.dialects.base import Dialect
from antiphon.protocol.dialects.beta import BETA
from antiphon.protocol.dialects.flat import (
    FlatEvent,
    FlatResponseCreate,
    FlatSessionUpdate,
    TranscriptionSessionUpdate,
    nested,
)
from antiphon.protocol.dialects.ga import GA
from antiphon.protocol.server_events import ServerEvent

_decoder = EventDecoder[FlatEvent](FlatEvent)


class Undeclared:
    """GA, until the client gives away that it speaks the beta. One for each connection.

    A client that sends flat settings, and none that GA has, understands only the beta's event names: in GA's it
    would hear nothing. The first event that only one of the two can have written decides for good.
    """

    def __init__(self) -> None:
        self._spoken: Dialect | None = None

    def decode(self, frame: str) -> ClientEvent:
        if self._spoken is not None:
            return self._spoken.decode(frame)
        event = _decoder.decode(frame)
        if type(event) is InputAudioAppend:
            return event
        self._spoken = _given_away(event)
        return nested(event) if self._spoken is None else self._spoken.decode(frame)

    def encode(self, event: ServerEvent) -> Sequence[str]:
        return (self._spoken or GA).encode(event)


def _given_away(event: FlatEvent) -> Dialect | None:
    match event:
        case TranscriptionSessionUpdate():
            return BETA
        case FlatSessionUpdate(session=settings) | FlatResponseCreate(response=settings) if settings:
            if settings.is_nested:
                return GA
            return BETA if settings.is_flat else None
    return None
