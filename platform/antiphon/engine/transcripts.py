"""The words in the user's audio: followed while they are spoken, known when the turn is over."""

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import UNSET

from antiphon.audio.formats import Format
from antiphon.engine.conversation import Entry
from antiphon.engine.effects import Follow, Foresee, StopFollowing, StopForeseeing, Transcribe
from antiphon.engine.inputs import Foreseen, PartlyTranscribed, Transcribed, TranscriptionBroke
from antiphon.engine.state import SessionState
from antiphon.protocol import items
from antiphon.protocol import server_events as ev
from antiphon.protocol.responses import ResponseError
from antiphon.protocol.session import Transcription
from antiphon.providers.base.stt import SttConfig

FORGOTTEN = "(What the user said here is no longer known.)"


@dataclass(slots=True)
class _Shown:
    """What a client has seen of the words of one item."""

    text: str = ""
    guess: str = ""  # the latest partial, shown or not


class Transcripts:
    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._awaited: dict[str, Entry] = {}
        self._shown: dict[str, _Shown] = {}
        self._foreseen: Foreseen | None = None  # of the turn being spoken
        self._configured: tuple[Transcription | None, SttConfig] = (
            None,
            SttConfig(),
        )  # not made for each window

    def follow(self, item_id: str, pcm: bytes) -> None:
        """The next audio of a turn that is being spoken."""
        model, config = self._recogniser()
        self._state.do(Follow(item_id, pcm, model, config))

    def drop(self, item_id: str) -> None:
        """The turn will not become an item."""
        self._shown.pop(item_id, None)
        self.stop_foreseeing(item_id)
        self._state.do(StopFollowing(item_id))

    def foresee(self, item_id: str, pcm: bytes) -> None:
        """The turn is probably over: its words, early."""
        model, config = self._recogniser()
        self._state.do(Foresee(item_id, pcm, model, config))

    def foreseen(self, result: Foreseen) -> None:
        self._foreseen = result

    def stop_foreseeing(self, item_id: str) -> None:
        """The turn was not over."""
        self._foreseen = None
        self._state.do(StopForeseeing(item_id))

    def start(self, entry: Entry, pcm: bytes) -> None:
        """All audio of an item. Until the words are known the entry's transcript is None."""
        self._state.audio.add(entry.item.id, pcm, Format())
        entry.show_transcript = self._wanted is not None
        if self._state.session.type == "transcription" and not entry.show_transcript:
            return
        entry.transcript = None
        if self.are_made:
            self._recognise(entry, pcm)
        else:
            self._state.do(StopFollowing(entry.item.id))

    def require(self, entries: Iterable[Entry]) -> set[str]:
        """The items whose words are not known yet. What only a model has heard is recognised now, if its audio is
        still kept."""
        missing = [entry for entry in entries if entry.transcript is None]
        for entry in missing:
            if entry.item.id in self._awaited:
                continue
            if recording := self._state.audio.find(entry.item.id):
                self._recognise(entry, recording.audio)
            else:
                entry.transcript = FORGOTTEN
        return {entry.item.id for entry in missing if entry.transcript is None}

    @property
    def are_made(self) -> bool:
        """Whether somebody wants words: the client, or a model that does not hear."""
        return self._wanted is not None or self._state.native is None

    def partly(self, partial: PartlyTranscribed) -> None:
        """Shows what two partials in a row agree on, in whole words, since what was shown cannot be taken back."""
        if self._wanted is None:
            return
        shown = self._shown.setdefault(partial.item_id, _Shown())
        certain = agreed(shown.guess, partial.text)
        shown.guess = partial.text
        if len(certain) > len(shown.text) and certain.startswith(shown.text):
            self._show_more(partial.item_id, shown, certain)

    def finish(self, result: Transcribed) -> None:
        entry = self._awaited.pop(result.item_id)
        entry.transcript = result.text
        shown = self._shown.pop(result.item_id, _Shown())
        if not entry.show_transcript:
            return
        entry.item = items.with_transcript(entry.item, result.text)
        if result.text.startswith(shown.text) and result.text != shown.text:
            self._show_more(result.item_id, shown, result.text)
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
        self._shown.pop(failure.item_id, None)
        if entry.show_transcript:
            told = ev.TranscriptionError(type=error.type, code=error.code or UNSET, message=failure.message)
            self._state.send(ev.TranscriptionFailed(item_id=failure.item_id, content_index=0, error=told))

    def forget(self, item_id: str) -> None:
        """The item was deleted: its words are still awaited by whoever answers them, but shown to nobody."""
        if entry := self._awaited.get(item_id):
            entry.show_transcript = False

    @property
    def _wanted(self) -> object | None:
        return self._state.session.audio.input.transcription

    def _recognise(self, entry: Entry, pcm: bytes) -> None:
        self._awaited[entry.item.id] = entry
        if self._foreseen is not None and self._foreseen.item_id == entry.item.id:
            known, self._foreseen = self._foreseen, None
            self._state.do(StopFollowing(entry.item.id))
            self.finish(Transcribed(known.item_id, known.text, known.audio_ms, known.language))
            return
        model, config = self._recogniser()
        self._state.do(Transcribe(entry.item.id, pcm, model, config))

    def _recogniser(self) -> tuple[str | None, SttConfig]:
        wanted = self._state.session.audio.input.transcription
        if wanted is not self._configured[0]:
            self._configured = wanted, _config_of(wanted)
        return wanted.model if wanted else None, self._configured[1]

    def _show_more(self, item_id: str, shown: _Shown, text: str) -> None:
        delta = text[len(shown.text) :]
        shown.text = text
        self._state.send(ev.TranscriptionDelta(item_id=item_id, content_index=0, delta=delta))


def _config_of(wanted: Transcription | None) -> SttConfig:
    if wanted is None:
        return SttConfig()
    return SttConfig(
        language=wanted.language,
        prompt=wanted.prompt,
        keywords=tuple(wanted.keywords or ()),
        partials=True,
    )


def agreed(one: str, other: str) -> str:
    """The whole words that two guesses begin with alike."""
    end = 0
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return one[:end]
        if a.isspace():
            end = at
    shorter = min(len(one), len(other))
    longer = one if len(one) > shorter else other
    return one[:shorter] if len(longer) == shorter or longer[shorter].isspace() else one[:end]
