"""Client events: what a client may send. One Struct for each, told apart by `type`."""

from msgspec import Struct

from antiphon.protocol.items import Item
from antiphon.protocol.responses import ResponseParams
from antiphon.protocol.session_update import SessionPatch


class ClientEventBase(Struct, frozen=True, kw_only=True):
    event_id: str | None = None
    """Your own name for the event; it comes back in an error about it, and only there."""


class SessionUpdate(ClientEventBase, frozen=True, tag="session.update"):
    """Changes the session, whole or not at all. Objects merge into objects, null clears, what is absent stays.

    Answered by `session.updated`, or by `error`.
    """

    session: SessionPatch


class InputAudioAppend(ClientEventBase, frozen=True, tag="input_audio_buffer.append"):
    """Adds audio to the input buffer, as fast as you like. Not answered."""

    audio: bytes
    """Base64, in the session's input format: up to 15 MiB of audio. Half a sample at its end waits for the rest."""


class InputAudioCommit(ClientEventBase, frozen=True, tag="input_audio_buffer.commit"):
    """Makes a user item of the buffer, which needs 100 ms of audio; with turn detection, of the turn being spoken.

    Answered by `input_audio_buffer.committed`, `conversation.item.added` and `conversation.item.done`. No response
    follows by itself.
    """


class InputAudioClear(ClientEventBase, frozen=True, tag="input_audio_buffer.clear"):
    """Empties the input buffer, and forgets a turn being spoken. Answered by `input_audio_buffer.cleared`."""


class ItemCreate(ClientEventBase, frozen=True, tag="conversation.item.create"):
    """Adds a message, a function call, its result, or the answer to an approval request.

    Answered by `conversation.item.added` and `conversation.item.done`. No response follows by itself.
    """

    item: Item
    previous_item_id: str | None = None
    """After which item: null is the end of the conversation, `root` its beginning."""


class ItemRetrieve(ClientEventBase, frozen=True, tag="conversation.item.retrieve"):
    """Asks for an item with its audio. Answered by `conversation.item.retrieved`."""

    item_id: str


class ItemDelete(ClientEventBase, frozen=True, tag="conversation.item.delete"):
    """Removes an item, also one that is being said (its response goes on). Answered by
    `conversation.item.deleted`."""

    item_id: str


class ItemTruncate(ClientEventBase, frozen=True, tag="conversation.item.truncate"):
    """Tells how much of the assistant's audio was heard; the model is not shown the rest. Answered by
    `conversation.item.truncated`."""

    item_id: str
    content_index: int
    """Always 0: an item has one part."""
    audio_end_ms: int
    """0 or more. What lies beyond the end of the audio means all of it."""


class OutputAudioClear(ClientEventBase, frozen=True, tag="output_audio_buffer.clear"):
    """Stops what is playing; the response itself goes on unless it is cancelled. Answered by
    `output_audio_buffer.cleared`, if anything was playing."""


class ResponseCreate(ClientEventBase, frozen=True, tag="response.create"):
    """Asks for a response. Answered by `response.created`, and in the end by `response.done`."""

    response: ResponseParams | None = None
    """What is other than in the session, for this response."""


class ResponseCancel(ClientEventBase, frozen=True, tag="response.cancel"):
    """Ends a response. Answered by its closing events and `response.done`, whose status is `cancelled`."""

    response_id: str | None = None
    """Null is the one of the conversation; responses outside of it must be named."""


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
