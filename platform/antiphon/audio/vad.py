"""Voice activity of all sessions of a process, by one model on one thread.

Silero judges windows of 32 ms. The windows of many sessions run as one batch, which takes a third of the CPU
time that running them singly would. So the more of them there are, the longer the thread lets them gather.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.audio.downsample import AFTER, BEFORE, to_16_khz
from antiphon.audio.onnx import load_onnx
from antiphon.audio.pcm import BYTES_PER_SAMPLE

SAMPLE_RATE = 16_000  # Hz, what the model hears
WINDOW = 768  # samples at 24 kHz: 32 ms

_CONTEXT = 96  # samples at 24 kHz of the window before, which the model sees again
_SEEN = BEFORE + _CONTEXT + WINDOW + AFTER  # samples that make a window's input
_STATE = (2, 128)  # what the model remembers of a stream
_MAX_BATCH = 64  # windows; larger batches gain nothing
_REST = 0.00015  # seconds that the next batch gathers, for each window of the last one ...
_LONGEST_REST = 0.004  # ... but no longer: from here on it costs more latency than it saves CPU time

logger = logging.getLogger(__name__)

Samples = NDArray[np.float32]  # at 16 kHz
OnResult = Callable[[Sequence[float]], None]
OnError = Callable[[Exception], None]


class Silero:
    """The model. One instance serves any number of streams, whose memory the caller keeps."""

    def __init__(self, path: Path) -> None:
        """Loads the model and runs it once, so that the first real call is as fast as any. About 0.1 s."""
        self._session = load_onnx(path)
        self._rate = np.array(SAMPLE_RATE)
        self.run(to_16_khz(np.zeros((1, _SEEN), np.int16)), np.zeros((2, 1, 128), np.float32))

    def run(self, windows: Samples, states: Samples) -> tuple[Samples, Samples]:
        """Probabilities `float32[b]` and next states, from `float32[b, 576]` and states `float32[2, b, 128]`.

        A row of `windows` is the last 64 samples of the window before and the 512 new ones.
        """
        probabilities, states = self._session.run(None, {"input": windows, "state": states, "sr": self._rate})
        return probabilities[:, 0], states


class Stream:
    """One session's audio: `engine.ports.VadStream`, for the event loop that opened it."""

    def __init__(self, inbox: "_Inbox", on_result: OnResult, on_error: OnError) -> None:
        self.loop = asyncio.get_running_loop()
        self.on_result = on_result
        self.on_error = on_error
        self.closed = False
        self.waiting = _Waiting()  # the service's thread alone uses this
        self._inbox = inbox

    def push(self, pcm: bytes) -> None:
        """Adds PCM16 at 24 kHz. Raises ValueError for half a sample."""
        if len(pcm) % BYTES_PER_SAMPLE:
            raise ValueError(f"PCM16 has two bytes per sample, {len(pcm)} bytes end within one.")
        if not self.closed:
            self._inbox.put((self, pcm))

    def close(self) -> None:
        """Drops what is queued; neither callback is called after this. May be called twice."""
        self.closed = True


_Inbox = queue.SimpleQueue[tuple[Stream, bytes] | None]  # None ends the thread


class VadService:
    """`engine.ports.VoiceActivity`, for any number of event loops.

    When the model fails on a batch, each stream of that batch is closed and its `on_error` called; the thread
    and the other streams go on.
    """

    def __init__(self, model: Silero) -> None:
        self._model = model
        self._seen = np.empty((_MAX_BATCH, _SEEN), np.int16)
        self._inbox: _Inbox = queue.SimpleQueue()
        self._ready: deque[Stream] = deque()  # streams with a window to run, each once: they take turns
        self._rest_until = 0.0  # s, on the monotonic clock
        self._thread = threading.Thread(target=self._work, name="vad", daemon=True)
        self._thread.start()

    def open(self, on_result: OnResult, on_error: OnError) -> Stream:
        """A stream whose callbacks run on the running event loop. Raises RuntimeError after `close`.

        `on_result` gets the probabilities of the next consecutive windows, `on_error` what went wrong.
        """
        if not self._thread.is_alive():
            raise RuntimeError("The voice activity service is closed.")
        return Stream(self._inbox, on_result, on_error)

    def close(self) -> None:
        """Ends the thread, within one batch (milliseconds). What streams still wait for is dropped."""
        self._inbox.put(None)
        self._thread.join()

    def _work(self) -> None:
        while self._receive():
            batch = self._next_batch()
            results = self._judge(batch)
            self._ready.extend(stream for stream in batch if stream.waiting.has_window)
            _deliver(zip(batch, results, strict=True))
            self._rest_until = time.monotonic() + min(len(batch) * _REST, _LONGEST_REST)

    def _receive(self) -> bool:
        """Takes in what was pushed; waits for it if nothing is ready to run. False after `close`."""
        pushed = []
        if not self._ready:
            pushed.append(self._inbox.get())
            time.sleep(max(0.0, self._rest_until - time.monotonic()))
        while not self._inbox.empty():
            pushed.append(self._inbox.get())
        for item in pushed:
            if item is None:
                return False
            stream, pcm = item
            was_ready = stream.waiting.has_window
            stream.waiting.pcm += pcm
            if stream.waiting.has_window and not was_ready:
                self._ready.append(stream)
        return True

    def _next_batch(self) -> list[Stream]:
        batch: list[Stream] = []
        while self._ready and len(batch) < _MAX_BATCH:
            stream = self._ready.popleft()
            if not stream.closed:
                batch.append(stream)
        return batch

    def _judge(self, batch: list[Stream]) -> Sequence[float | Exception]:
        """One window of each stream: its probability, or the error that all of them share."""
        if not batch:
            return ()
        states = np.empty((2, len(batch), 128), np.float32)
        for row, stream in enumerate(batch):
            self._seen[row] = stream.waiting.take()
            states[:, row] = stream.waiting.state
        try:
            probabilities, states = self._model.run(to_16_khz(self._seen[: len(batch)]), states)
        except Exception as error:
            logger.exception("Voice activity detection failed for %d streams.", len(batch))
            return [error] * len(batch)
        for row, stream in enumerate(batch):
            stream.waiting.state[:] = states[:, row]
        result: list[float] = probabilities.tolist()
        return result


class _Waiting:
    """Audio of one stream that has not been judged yet, and what the model remembers of the rest."""

    def __init__(self) -> None:
        self.state = np.zeros(_STATE, np.float32)
        self.pcm = bytearray((BEFORE + _CONTEXT) * BYTES_PER_SAMPLE)

    @property
    def has_window(self) -> bool:
        return len(self.pcm) >= _SEEN * BYTES_PER_SAMPLE

    def take(self) -> NDArray[np.int16]:
        """What makes the next window's input; what the one after it sees again stays."""
        seen = np.frombuffer(bytes(self.pcm[: _SEEN * BYTES_PER_SAMPLE]), "<i2")
        del self.pcm[: WINDOW * BYTES_PER_SAMPLE]
        return seen


def _deliver(results: Iterable[tuple[Stream, float | Exception]]) -> None:
    """Hands each event loop its results with one wake-up."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Stream, float | Exception]]] = defaultdict(list)
    for stream, result in results:
        by_loop[stream.loop].append((stream, result))
    for loop, of_loop in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed, and with it whoever would have listened
            loop.call_soon_threadsafe(_call_back, loop, of_loop)


def _call_back(loop: asyncio.AbstractEventLoop, results: Sequence[tuple[Stream, float | Exception]]) -> None:
    for stream, result in results:
        if stream.closed:
            continue
        try:
            if isinstance(result, Exception):
                stream.close()
                stream.on_error(result)
            else:
                stream.on_result((result,))
        except Exception as error:  # one session's fault must not cost the others their results
            loop.call_exception_handler({"message": "A voice activity callback failed.", "exception": error})
