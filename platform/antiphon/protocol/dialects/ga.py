"""The protocol as it is now. Flat keys of the beta are taken too."""

from collections.abc import Sequence

from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import EventDecoder, encode_server_event
from antiphon.protocol.dialects.flat import FlatEvent, nested
from antiphon.protocol.server_events import ServerEvent

_decoder = EventDecoder[FlatEvent](FlatEvent)


class Ga:
    def decode(self, frame: str) -> ClientEvent:
        return nested(_decoder.decode(frame))

    def encode(self, event: ServerEvent) -> Sequence[str]:
        return (encode_server_event(event),)


GA = Ga()
