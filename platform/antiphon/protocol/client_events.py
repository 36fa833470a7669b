"""Client events: what a client may send. One Struct for each, told apart by `type`."""

from msgspec import Struct

from antiphon.protocol.items import Item
from antiphon.protocol.responses import ResponseParams
from antiphon.protocol.session_update import SessionPatch


class ClientEventBase(Struct, frozen=True, kw_only=True):
    """`event_id` is the client's own and comes back only in an error about this event."""

    event_id: str | None = None


class SessionUpdate(ClientEventBase, frozen=True, tag="session.update"):
    session: SessionPatch


class InputAudioAppend(ClientEventBase, frozen=True, tag="input_audio_buffer.append"):
    audio: str  # base64


class InputAudioCommit(ClientEventBase, frozen=True, tag="input_audio_buffer.commit"):
    pass


class InputAudioClear(ClientEventBase, frozen=True, tag="input_audio_buffer.clear"):
    pass


class ItemCreate(ClientEventBase, frozen=True, tag="conversation.item.create"):
    item: Item
    previous_item_id: str | None = None


class ItemRetrieve(ClientEventBase, frozen=True, tag="conversation.item.retrieve"):
    item_id: str


class ItemDelete(ClientEventBase, frozen=True, tag="conversation.item.delete"):
    item_id: str


class ItemTruncate(ClientEventBase, frozen=True, tag="conversation.item.truncate"):
    item_id: str
    content_index: int
    audio_end_ms: int


class OutputAudioClear(ClientEventBase, frozen=True, tag="output_audio_buffer.clear"):
    pass


class ResponseCreate(ClientEventBase, frozen=True, tag="response.create"):
    response: ResponseParams | None = None


class ResponseCancel(ClientEventBase, frozen=True, tag="response.cancel"):
    response_id: str | None = None


ClientEvent = (
    SessionUpdate
    | InputAudioAppend
    | InputAudioCommit
    | InputAudioClear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | OutputAudioClear
    | ResponseCreate
    | ResponseCancel
)
