"""Voice activity of all sessions of a process, by one model on one thread.

Silero judges windows of 32 ms. The windows of many sessions run as one batch, which takes a third of the CPU
time that running them singly would, so the thread wakes at most every few milliseconds and takes what came.
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

from antiphon.audio.onnx import load_onnx

SAMPLE_RATE = 16_000  # Hz
WINDOW = 512  # samples: 32 ms

_CONTEXT = 64  # samples of the window before, which the model sees again
_STATE = (2, 128)  # what the model remembers of a stream
_MAX_BATCH = 64  # windows; larger batches gain nothing
_COLLECT = 0.008  # seconds; a lone session's windows are further apart and never wait

logger = logging.getLogger(__name__)

Samples = NDArray[np.float32]
OnResult = Callable[[Sequence[float]], None]
OnError = Callable[[Exception], None]


class Silero:
    """The model. One instance serves any number of streams, whose memory the caller keeps."""

    def __init__(self, path: Path) -> None:
        """Loads the model and runs it once, so that the first real call is as fast as any. About 0.1 s."""
        self._session = load_onnx(path)
        self._rate = np.array(SAMPLE_RATE)
        self.run(np.zeros((1, _CONTEXT + WINDOW), np.float32), np.zeros((2, 1, 128), np.float32))

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

    def push(self, samples: Samples) -> None:
        """Adds `float32[n]` at 16 kHz, not to be changed afterwards. Raises ValueError for anything else."""
        if samples.dtype != np.float32 or samples.ndim != 1:
            raise ValueError(f"Voice activity needs float32[n], not {samples.dtype}{list(samples.shape)}.")
        if not self.closed:
            self._inbox.put((self, samples))

    def close(self) -> None:
        """Drops what is queued; neither callback is called after this. May be called twice."""
        self.closed = True


_Inbox = queue.SimpleQueue[tuple[Stream, Samples] | None]  # None ends the thread


class VadService:
    """`engine.ports.VoiceActivity`, for any number of event loops.

    When the model fails on a batch, each stream of that batch is closed and its `on_error` called; the thread
    and the other streams go on.
    """

    def __init__(self, model: Silero) -> None:
        self._model = model
        self._windows = np.empty((_MAX_BATCH, _CONTEXT + WINDOW), np.float32)
        self._inbox: _Inbox = queue.SimpleQueue()
        self._ready: deque[Stream] = deque()  # streams with a window to run, each once: they take turns
        self._woke = 0.0  # s, on the monotonic clock
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

    def _receive(self) -> bool:
        """Takes in what was pushed; waits for it if nothing is ready to run. False after `close`."""
        pushed = []
        if not self._ready:
            pushed.append(self._inbox.get())
            time.sleep(max(0.0, self._woke + _COLLECT - time.monotonic()))
            self._woke = time.monotonic()
        while not self._inbox.empty():
            pushed.append(self._inbox.get())
        for item in pushed:
            if item is None:
                return False
            stream, samples = item
            was_ready = stream.waiting.has_window
            stream.waiting.add(samples)
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
            stream.waiting.take(self._windows[row])
            states[:, row] = stream.waiting.state
        try:
            probabilities, states = self._model.run(self._windows[: len(batch)], states)
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
        self._context = np.zeros(_CONTEXT, np.float32)
        self._chunks: deque[Samples] = deque()
        self._samples = 0

    @property
    def has_window(self) -> bool:
        return self._samples >= WINDOW

    def add(self, samples: Samples) -> None:
        self._chunks.append(samples)
        self._samples += len(samples)

    def take(self, window: Samples) -> None:
        """Fills `window`, `float32[576]`, with the context and the next 512 samples."""
        window[:_CONTEXT] = self._context
        filled = _CONTEXT
        while filled < len(window):
            chunk = self._chunks.popleft()
            part = chunk[: len(window) - filled]
            window[filled : filled + len(part)] = part
            filled += len(part)
            if len(part) < len(chunk):
                self._chunks.appendleft(chunk[len(part) :])
        self._samples -= WINDOW
        self._context[:] = window[-_CONTEXT:]


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
