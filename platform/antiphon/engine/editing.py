"""What a client does to the conversation by hand: it creates, retrieves and deletes items."""

import pybase64
from msgspec import structs

from antiphon.audio.formats import decode, encode
from antiphon.engine.conversation import Entry
from antiphon.engine.formats import format_of
from antiphon.engine.function_calls import FunctionCalls
from antiphon.engine.input_buffer import SAMPLES_PER_MS
from antiphon.engine.remote_tools import RemoteTools
from antiphon.engine.state import SessionState
from antiphon.engine.transcripts import Transcripts
from antiphon.protocol import errors, items
from antiphon.protocol import server_events as ev
from antiphon.protocol.codec import decode_audio
from antiphon.protocol.session import AudioFormat

RETRIEVED_LIMIT = 1_000_000  # characters of base64; the frames of some clients end at 1 MiB


class Editing:
    def __init__(
        self, state: SessionState, transcripts: Transcripts, remote: RemoteTools, functions: FunctionCalls
    ) -> None:
        self._state = state
        self._transcripts = transcripts
        self._remote = remote
        self._functions = functions

    def create(self, item: items.Item, after: str | None) -> None:
        """Adds the item at the end, after another, or first for "root". Raises Refused; nothing is added then."""
        state = self._state
        item = items.accept_item(item)
        if item.id in state.conversation.reserved:
            raise errors.duplicate_item(item.id)
        if not item.id:
            item = structs.replace(item, id=state.ids.new("item"))
        if isinstance(item, items.FunctionCall) and not item.call_id:
            item = structs.replace(item, call_id=state.ids.new("call"))
        if isinstance(item, items.FunctionCallOutput):
            if item.call_id not in state.call_ids:
                raise errors.unknown_call(item.call_id)
            self._functions.check_output(item)
        if isinstance(item, items.McpApprovalResponse):
            self._remote.check_answer(item)
        entry, speech = user_entry(item, state.session.audio.input.format)
        previous = state.conversation.insert(entry, after)
        if isinstance(item, items.FunctionCall):
            state.call_ids.add(item.call_id)
        state.send(ev.ItemAdded(previous_item_id=previous, item=entry.item))
        state.send(ev.ItemDone(previous_item_id=previous, item=entry.item))
        if speech:
            self._transcripts.start(entry, speech)
        if isinstance(item, items.McpApprovalResponse):
            self._remote.answer(item)

    def retrieve(self, item_id: str) -> None:
        """The item as it is now, with its audio as far as that is kept and fits a frame. Raises Refused."""
        entry = self._state.conversation.find(item_id)
        if entry is None:
            raise errors.unknown_item("retrieve", item_id)
        self._state.send(ev.ItemRetrieved(item=self._with_audio(entry)))

    def delete(self, item_id: str) -> None:
        """Raises Refused. An item that a response is still writing goes too; the response goes on."""
        entry = self._state.conversation.find(item_id)
        if entry is None:
            raise errors.unknown_item("delete", item_id)
        if _is_unfinished(entry):
            self._state.conversation.reserved.add(item_id)
        self._state.conversation.remove(item_id)
        self._state.audio.remove(item_id)
        self._transcripts.forget(item_id)
        self._state.send(ev.ItemDeleted(item_id=item_id))

    def _with_audio(self, entry: Entry) -> items.Item:
        recording = self._state.audio.find(entry.item.id)
        if recording is None:
            return entry.item
        if entry.speech is not None:
            heard = entry.speech.samples if entry.speech.heard is None else entry.speech.heard
            audio = recording.until(heard / SAMPLES_PER_MS)
        else:
            wanted = format_of(self._state.session.audio.input.format)
            audio = encode(recording.audio, wanted)
        if len(audio) * 4 // 3 > RETRIEVED_LIMIT:
            return entry.item
        return items.with_audio(entry.item, pybase64.b64encode_as_string(audio))


def _is_unfinished(entry: Entry) -> bool:
    """Whether a recogniser, a response or a tool may still be at work on it; items of tools don't say."""
    return entry.transcript is None or getattr(entry.item, "status", "in_progress") == "in_progress"


def user_entry(item: items.Item, format: AudioFormat) -> tuple[Entry, bytes]:
    """The entry of an item that a client made, and the audio in it as PCM16 at 24 kHz. Events never repeat audio.

    Raises Refused for audio that is not base64.
    """
    if not isinstance(item, items.Message):
        return Entry(item), b""
    speech = b""
    content: list[items.Content] = []
    for part in item.content:
        if isinstance(part, items.InputAudio) and part.audio:
            speech += decode(decode_audio(part.audio), format_of(format))
            part = items.InputAudio(transcript=part.transcript)
        content.append(part)
    return Entry(structs.replace(item, content=content)), speech
