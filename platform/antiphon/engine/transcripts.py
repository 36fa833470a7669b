"""The words in the user's audio: asked for as soon as the audio is complete, shown if the client wants them."""

from msgspec import UNSET, structs

from antiphon.engine.conversation import Entry
from antiphon.engine.effects import Transcribe
from antiphon.engine.inputs import Transcribed, TranscriptionBroke
from antiphon.engine.state import SessionState
from antiphon.protocol import items
from antiphon.protocol import server_events as ev
from antiphon.protocol.codec import decode_audio
from antiphon.protocol.responses import ResponseError
from antiphon.providers.base.stt import SttConfig


class Transcripts:
    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._awaited: dict[str, Entry] = {}

    def start(self, entry: Entry, pcm: bytes) -> None:
        """Until the words are known the entry's transcript is None."""
        wanted = self._state.session.audio.input.transcription
        entry.transcript = None
        entry.show_transcript = wanted is not None
        self._awaited[entry.item.id] = entry
        config = SttConfig(wanted.language, wanted.prompt) if wanted else SttConfig()
        self._state.do(Transcribe(entry.item.id, pcm, wanted.model if wanted else None, config))

    def finish(self, result: Transcribed) -> None:
        entry = self._awaited.pop(result.item_id)
        entry.transcript = result.text
        if not entry.show_transcript:
            return
        entry.item = items.with_transcript(entry.item, result.text)
        self._state.send(
            ev.TranscriptionCompleted(
                item_id=result.item_id,
                content_index=0,
                transcript=result.text,
                usage=ev.DurationUsage(seconds=result.audio_ms / 1000),
            )
        )

    def fail(self, failure: TranscriptionBroke, error: ResponseError) -> None:
        entry = self._awaited.pop(failure.item_id)
        entry.transcript = ""
        if entry.show_transcript:
            told = ev.TranscriptionError(type=error.type, code=error.code or UNSET, message=failure.message)
            self._state.send(ev.TranscriptionFailed(item_id=failure.item_id, content_index=0, error=told))


def user_entry(item: items.Item) -> tuple[Entry, bytes]:
    """The entry of an item that a client created, and the audio in it, which events never repeat.

    Raises Refused for audio that is not base64.
    """
    if not isinstance(item, items.Message):
        return Entry(item), b""
    speech = b""
    content: list[items.Content] = []
    for part in item.content:
        if isinstance(part, items.InputAudio) and part.audio:
            speech += decode_audio(part.audio)
            part = structs.replace(part, audio=UNSET)
        content.append(part)
    return Entry(structs.replace(item, content=content)), speech
