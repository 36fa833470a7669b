"""A text to speech stream over an engine that speaks one piece of text at a time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from antiphon.audio.pcm import duration_ms
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.tts import Audio, Spoken, TtsEvent, TtsUsage

Synthesize = Callable[[str, bool], AsyncGenerator[bytes, None]]

_UNDELIVERED = 4  # pieces that `send` takes before it waits


@dataclass(eq=False, slots=True)
class _Piece:
    text: str
    chunks: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)  # None: no more
    under_way: asyncio.Event = field(default_factory=asyncio.Event)  # has audio, or will have none
    error: BaseException | None = None


class PiecewiseSpeech:
    """A `TtsStream`. While a piece is delivered the next one is made, and no more than that one.

    `synthesize(piece, first)` yields PCM16 mono at 24 kHz in chunks of any size. `first` says that somebody
    waits in silence for this piece. What it raises, `events` raises once the pieces before it are delivered.
    """

    def __init__(self, synthesize: Synthesize) -> None:
        self._synthesize = synthesize
        self._pieces: asyncio.Queue[_Piece | None] = asyncio.Queue()  # None: no more
        self._last: _Piece | None = None
        self._room = asyncio.Semaphore(_UNDELIVERED)
        self._turns = asyncio.Semaphore(2)  # the piece being delivered and the one after it
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False
        self._characters = 0  # of the pieces whose synthesis has begun
        self._made = 0  # bytes

    @property
    def usage(self) -> TtsUsage:
        return TtsUsage(self._characters, duration_ms(self._made))

    async def send(self, piece: str) -> None:
        """Adds a piece; waits while four are undelivered. Does nothing after an error or `aclose`."""
        await self._room.acquire()
        if self._over:
            self._room.release()  # for the next one who waits
            return
        before, self._last = self._last, _Piece(piece)
        self._pieces.put_nowait(self._last)
        self._start(self._last, before)

    def end(self) -> None:
        self._pieces.put_nowait(None)

    async def events(self) -> AsyncIterator[TtsEvent]:
        """`Spoken` right before the first audio of its piece, in the order of the text; `TtsUsage` last.

        Ends without usage when the stream is closed meanwhile.
        """
        heard = False
        while (piece := await self._pieces.get()) is not None:
            spoken = False
            while (pcm := await piece.chunks.get()) is not None and not self._over:
                if not spoken:
                    spoken = True
                    yield Spoken(piece.text)
                if not self._over:  # which may have changed at any yield
                    heard = True
                    yield Audio(pcm)
            if self._over:
                return
            if piece.error is not None:
                self._stop()
                if isinstance(piece.error, ProviderError):
                    piece.error.started |= heard
                raise piece.error
            if not spoken:
                yield Spoken(piece.text)
            self._turns.release()
            self._room.release()
        if not self._over:
            yield self.usage

    async def aclose(self) -> None:
        self._stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, piece: _Piece, before: _Piece | None) -> None:
        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            piece.error = None if task.cancelled() else task.exception()
            piece.under_way.set()
            piece.chunks.put_nowait(None)

        task = asyncio.create_task(self._make(piece, before), name="speech piece")
        self._tasks.add(task)
        task.add_done_callback(done)

    async def _make(self, piece: _Piece, before: _Piece | None) -> None:
        await self._turns.acquire()
        if before is not None:
            await before.under_way.wait()
        self._characters += len(piece.text)
        async with aclosing(self._synthesize(piece.text, before is None)) as chunks:
            async for pcm in chunks:
                if pcm:
                    self._made += len(pcm)
                    piece.chunks.put_nowait(pcm)
                    piece.under_way.set()

    def _stop(self) -> None:
        self._over = True
        self._room.release()
        self._pieces.put_nowait(None)
        for task in self._tasks:
            task.cancel()
