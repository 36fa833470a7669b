"""What a dialect is: how one connection's client writes its events, and how it wants those of the server."""

from collections.abc import Sequence
from typing import Protocol

from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.server_events import ServerEvent


class Dialect(Protocol):
    def decode(self, frame: str) -> ClientEvent:
        """Raises BadEvent with the error that the live service would send."""

    def encode(self, event: ServerEvent) -> Sequence[str]:
        """The frames that say it: one, or none where the dialect has no such event."""
