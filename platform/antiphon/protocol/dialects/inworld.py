"""Inworld's realtime API (protocol reference 9): GA's events, and a session with some latitude.

`model` in an update changes the model, as `modelId` does. Speech is asked for and shown as audio and text. What is
Inworld's own is in `providerData`, which every dialect takes.
"""

from collections.abc import Sequence

from msgspec import UNSET, structs

from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import ClientEvent, SessionUpdate
from antiphon.protocol.codec import encode_server_event
from antiphon.protocol.dialects.ga import GA
from antiphon.protocol.session import Modality, Session


class Inworld:
    def decode(self, frame: str) -> ClientEvent:
        event = GA.decode(frame)
        if isinstance(event, SessionUpdate) and event.session.modelId is UNSET:
            return structs.replace(event, session=structs.replace(event.session, modelId=event.session.model))
        return event

    def encode(self, event: ev.ServerEvent) -> Sequence[str]:
        if isinstance(event, ev.SessionCreated | ev.SessionUpdated) and isinstance(event.session, Session):
            shown = _modalities(event.session.output_modalities)
            event = structs.replace(event, session=structs.replace(event.session, output_modalities=shown))
        elif isinstance(event, ev.ResponseCreated | ev.ResponseDone):
            shown = _modalities(event.response.output_modalities)
            event = structs.replace(event, response=structs.replace(event.response, output_modalities=shown))
        return (encode_server_event(event),)


INWORLD = Inworld()


def _modalities(modalities: Sequence[Modality]) -> list[Modality]:
    return ["audio", "text"] if "audio" in modalities else ["text"]
