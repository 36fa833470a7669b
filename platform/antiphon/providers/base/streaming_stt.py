"""Recognisers behind a WebSocket: one connection for each user turn, which hears while the user speaks.

What all of them share is here; what a vendor's messages look like is its `SttDialect`, which does no I/O.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from antiphon.audio import pcm as pcm16
from antiphon.audio.formats import Encoder, Format
from antiphon.providers.base.endpoint import Endpoint, Parameters
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Wire
from antiphon.providers.base.socket import LEAVE_WITHIN, VendorSocket
from antiphon.providers.base.stt import (
    FinalTranscript,
    PartialTranscript,
    SaidWord,
    SttCapabilities,
    SttConfig,
    SttEvent,
    SttUsage,
    TurnSignal,
)

ANSWER_WITHIN = 5.0  # seconds without a word from a vendor that owes one

Frame = bytes | str | dict[str, Any]
"""What is sent in one message: binary, text, or JSON."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How the connection of a turn begins."""

    path: str
    parameters: Parameters = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    first: Sequence[Frame] = ()  # sent before any audio


@dataclass(frozen=True, slots=True)
class Piece:
    """What a part of the turn says; replaces what was said of the part with the same index.

    The transcript is all pieces in the order of their indices. A vendor that thinks the turn over may begin another
    piece: whether the turn is over is not for it to decide.
    """

    index: int
    text: str
    language: str | None = None
    words: Sequence[SaidWord] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """Audio may be sent."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Everything that was sent has been recognised; asked for with `SttDialect.finish`."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The vendor reports an error: an object with a code or a status, or its words."""

    error: Any


Heard = Piece | TurnSignal | Ready | Complete | Failed


class SttDialect(ABC):
    """How one turn is said in a vendor's messages. An object serves one turn and may remember what it has read."""

    rate = pcm16.SAMPLE_RATE
    """Hz of the PCM16 that the vendor is sent."""
    chunk_ms = 50
    """Audio in one message; only the last of a turn is shorter."""
    waits_for_ready = False
    """Whether audio may be sent only after `Ready` was read."""
    ends_by_closing = False
    """Whether the vendor answers `finish` by closing the connection, even if there was nothing to recognise."""
    bills_connection = False
    """Whether the vendor bills how long the connection was open."""
    separator = " "
    """What joins two pieces; none if they bring their own white space."""
    keepalive: Frame | None = None
    keepalive_every = 5.0
    """Seconds without audio after which `keepalive` is sent."""

    @abstractmethod
    def opening(self) -> Opening: ...

    def audio(self, pcm: bytes) -> Frame:
        """For the next PCM16 at `rate`."""
        return pcm

    @abstractmethod
    def finish(self) -> Sequence[Frame]:
        """Asks for what is still missing. Nothing follows it, so it may ask for the connection to be closed."""

    def leave(self) -> Sequence[Frame]:
        """Said before the connection is closed in the middle of a turn."""
        return ()

    @abstractmethod
    def read(self, message: dict[str, Any]) -> Iterable[Heard]:
        """What a message says; nothing, if it does not matter or is not known."""


class SocketStt(ABC):
    """`model` is the name that the vendor knows, `name` the one that sessions use."""

    capabilities = SttCapabilities(streaming=True, turn_signals=True)

    def __init__(self, wire: Wire, endpoint: Endpoint, model: str, *, name: str) -> None:
        self.name = name
        self.model = model
        self._wire = wire
        self._endpoint = endpoint

    def open(self, config: SttConfig) -> "SocketSttStream":
        return SocketSttStream(self._wire, self._endpoint, self.dialect(config), config)

    @abstractmethod
    def dialect(self, config: SttConfig) -> SttDialect:
        """For one turn."""


class SocketSttStream:
    """Connects when the first audio is pushed; what is pushed meanwhile waits. No audio, no connection."""

    def __init__(self, wire: Wire, endpoint: Endpoint, dialect: SttDialect, config: SttConfig) -> None:
        self._wire = wire
        self._endpoint = endpoint
        self._dialect = dialect
        self._config = config
        self._pcm = bytearray()  # not yet sent
        self._sent = 0  # bytes at 24 kHz
        self._finished = False
        self._news = asyncio.Event()  # audio, or the end of the turn
        self._ready = asyncio.Event()
        self._asked = False  # for what is still missing
        self._farewell: Sequence[Frame] = dialect.leave()
        self._patience = asyncio.timeout(None)  # runs while the vendor owes an answer
        self._pieces: dict[int, Piece] = {}
        self._shown = ""
        self._events: asyncio.Queue[SttEvent | Exception | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._opened: float | None = None
        self._open_until: float | None = None
        self._closed = False

    def push(self, pcm: bytes) -> None:
        if self._finished or self._closed or not pcm:
            return
        self._pcm += pcm
        self._news.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"hear a turn by {self._endpoint.host}")

    def finish(self) -> None:
        if self._finished or self._closed:
            return
        self._finished = True
        self._news.set()
        if self._task is None:
            self._events.put_nowait(self._transcript())

    async def events(self) -> AsyncGenerator[SttEvent, None]:
        """Partials if they are wanted, signals, the final transcript; nothing more after `aclose`."""
        while not self._closed:
            event = await self._events.get()
            if event is None or self._closed:
                return
            if isinstance(event, Exception):
                raise event
            yield event
            if isinstance(event, FinalTranscript):
                return

    @property
    def usage(self) -> SttUsage | None:
        if self._opened is None:
            return None
        audio_ms = pcm16.duration_ms(self._sent)
        if not self._dialect.bills_connection:
            return SttUsage(audio_ms)
        until = asyncio.get_running_loop().time() if self._open_until is None else self._open_until
        return SttUsage(audio_ms, open_ms=round((until - self._opened) * 1000))

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._events.put_nowait(None)
            if self._task is not None:
                self._task.cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        """What comes of the turn is told before the connection is closed, since that takes the vendor a while."""
        try:
            opening = self._dialect.opening()
            socket = await self._wire.connect(
                self._endpoint, opening.path, opening.parameters, opening.headers
            )
        except Exception as error:
            self._events.put_nowait(error)
            return
        self._opened = asyncio.get_running_loop().time()
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send(socket, opening.first), name="send a turn's audio")
                await self._read(socket)
                self._events.put_nowait(self._transcript())
                sending.cancel()
        except ExceptionGroup as failures:
            self._events.put_nowait(failures.exceptions[0])
        finally:
            await self._leave(socket)
            self._open_until = asyncio.get_running_loop().time()

    async def _leave(self, socket: VendorSocket) -> None:
        try:
            with suppress(ProviderError, TimeoutError):
                async with asyncio.timeout(LEAVE_WITHIN):
                    await self._send_frames(socket, self._farewell)
        finally:
            await socket.aclose()

    async def _send(self, socket: VendorSocket, first: Sequence[Frame]) -> None:
        """Leaves it to the reader to say why a connection broke: it may have been told."""
        with suppress(ProviderError):
            await self._send_frames(socket, first)
            if self._dialect.waits_for_ready:
                await self._ready.wait()
            await self._send_audio(socket)
            self._asked = True
            await self._send_frames(socket, self._dialect.finish())
            self._farewell = ()
            self._expect_answer()

    async def _send_audio(self, socket: VendorSocket) -> None:
        dialect = self._dialect
        encoder = Encoder(Format("pcm", dialect.rate))
        size = dialect.rate * dialect.chunk_ms // 1000 * pcm16.BYTES_PER_SAMPLE
        unsent = bytearray()
        while self._pcm or not self._finished:
            if not self._pcm:
                await self._wait_for_news(socket)
                continue
            taken = bytes(self._pcm)
            self._pcm.clear()
            self._sent += len(taken)
            unsent += encoder.encode(taken)
            while len(unsent) >= size:
                await self._send_frames(socket, [dialect.audio(bytes(unsent[:size]))])
                del unsent[:size]
        unsent += encoder.flush()
        if unsent:
            await self._send_frames(socket, [dialect.audio(bytes(unsent))])

    async def _wait_for_news(self, socket: VendorSocket) -> None:
        self._news.clear()
        keepalive = self._dialect.keepalive
        try:
            async with asyncio.timeout(None if keepalive is None else self._dialect.keepalive_every):
                await self._news.wait()
        except TimeoutError:
            if keepalive is not None:
                await self._send_frames(socket, [keepalive])

    @staticmethod
    async def _send_frames(socket: VendorSocket, frames: Iterable[Frame]) -> None:
        for frame in frames:
            match frame:
                case bytes():
                    await socket.send_bytes(frame)
                case str():
                    await socket.send_text(frame)
                case _:
                    await socket.send(frame)

    async def _read(self, socket: VendorSocket) -> None:
        """Until the vendor is through with the turn. Raises ProviderError.

        One that is gone when nothing but its answer was missing is taken at its last word.
        """
        host = self._endpoint.host
        complete = self._dialect.ends_by_closing
        try:
            async with self._patience:
                if self._dialect.waits_for_ready:
                    self._expect_answer()
                async for message in socket:
                    if self._is_last(socket, message):
                        complete = True
                        break
        except TimeoutError:
            if not self._pieces:
                raise ProviderError("timeout", f"{host} took too long to transcribe the turn.") from None
        except ProviderError as error:
            if error.kind != "network" or not (self._asked and self._pieces):
                raise
        except msgspec.DecodeError:
            text = f"{host} sent something that is no transcription."
            raise ProviderError("upstream", text, started=bool(self._pieces)) from None
        if not self._asked or not (complete or self._pieces):
            text = f"{host} ended before the turn was transcribed."
            raise ProviderError("upstream", text, started=bool(self._pieces))

    def _is_last(self, socket: VendorSocket, message: str | bytes) -> bool:
        """Takes what a message says. Raises ProviderError."""
        for heard in self._dialect.read(_decode(message)):
            if self._asked:
                self._expect_answer()
            match heard:
                case Piece():
                    self._pieces[heard.index] = heard
                    self._show()
                case TurnSignal():
                    if not self._finished:  # it would answer what is decided
                        self._events.put_nowait(heard)
                case Ready():
                    self._ready.set()
                    self._patience.reschedule(None)
                case Failed():
                    raise socket.refused(heard.error)
                case Complete():
                    return self._asked
        return False

    def _expect_answer(self) -> None:
        self._patience.reschedule(asyncio.get_running_loop().time() + ANSWER_WITHIN)

    def _show(self) -> None:
        text = self._text
        if self._config.partials and text and text != self._shown:
            self._shown = text
            self._events.put_nowait(PartialTranscript(text))

    @property
    def _text(self) -> str:
        texts = (self._pieces[index].text for index in sorted(self._pieces))
        return self._dialect.separator.join(filter(str.strip, texts)).strip()

    def _transcript(self) -> FinalTranscript:
        languages = (piece.language for piece in self._pieces.values() if piece.language)
        language = next(languages, None) or self._config.language
        words = self._words() if self._config.word_times else ()
        return FinalTranscript(self._text, pcm16.duration_ms(self._sent), language, words)

    def _words(self) -> tuple[SaidWord, ...]:
        """None, if they are not all of the text."""
        words = tuple(word for index in sorted(self._pieces) for word in self._pieces[index].words)
        is_all = "".join(word.text for word in words) == "".join(self._text.split())
        return words if is_all else ()


def said_words(words: object, unit_ms: float) -> tuple[SaidWord, ...]:
    """From a list of objects with `start` and `end` in units of so many ms and `punctuated_word`, `text` or `word`;
    none, if it is something else."""
    said = []
    for word in words if isinstance(words, list) else ():
        match word:
            case {"start": int() | float() as start, "end": int() | float() as end}:
                text = word.get("punctuated_word") or word.get("text") or word.get("word")
                said.append(SaidWord(str(text).strip(), round(start * unit_ms), round(end * unit_ms)))
            case _:
                return ()
    return tuple(said)


def _decode(message: str | bytes) -> dict[str, Any]:
    """Raises msgspec.DecodeError."""
    return msgspec.json.decode(message, type=dict[str, Any])
