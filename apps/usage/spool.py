"""What was used, on the disk of this machine until the database has it.

Each process appends to segments of its own, files that it keeps locked while it lives. A record is there before
anybody is told of it: `append` hands it to the kernel, so that it survives the death of the process, and `sync`
returns when it would survive that of the machine. A segment is removed once all its records are rows. The segments
of a process that is gone are unlocked, and whoever finds them first takes them over.

A frame is the length and the CRC-32 of the record, both little endian with four bytes, and the record. A tail that
is no whole frame is one that was being written when the machine stopped, and is cut.
"""

import fcntl
import os
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

SEGMENT_BYTES = 16 * 1024 * 1024
_READ_SEGMENT_BYTES = 256 * 1024  # of one whose records are all rows: nobody needs it any more
_READ_BYTES = 512 * 1024
_LARGEST_RECORD = 1024 * 1024
_SUFFIX = ".usage"
_UNBORN = ".new"  # a segment that is not locked yet
_UNBORN_SECONDS = 3600.0  # after which nobody will lock it any more
_HEAD = struct.Struct("<II")

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Segment:
    """A file of frames, locked by this process. `size` is where its last whole frame ends, `done` up to where its
    records are rows. Who appends raises the one, who writes rows the other."""

    path: Path
    file: int
    size: int = 0
    done: int = 0
    is_full: bool = False  # nothing will be appended any more
    is_ours: bool = True  # not taken over
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """Some records of a segment in order, which ends behind them at `end`."""

    segment: Segment
    records: Sequence[bytes]
    end: int

    def first(self, number: int) -> "Taken":
        """So many of them."""
        rest = self.records[number:]
        return Taken(self.segment, self.records[:number], self.end - sum(map(_size, rest)))


@dataclass(slots=True)
class Spool:
    """`append` is for the event loop, all else for the one thread that makes rows; `sync` is for any."""

    folder: Path
    segment_bytes: int = SEGMENT_BYTES
    _current: Segment | None = None
    _segments: deque[Segment] = field(default_factory=deque)
    _number: int = 0
    _is_failing: bool = False
    _appending: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Lock = field(default_factory=threading.Lock)  # of files that `sync` may be using

    def append(self, record: bytes) -> bool:
        """False if the disk takes no more, which is logged once, or if it is none of ours by its size."""
        if not 0 < len(record) <= _LARGEST_RECORD:
            return False
        frame = _HEAD.pack(len(record), zlib.crc32(record)) + record
        try:
            with self._appending:
                segment = self._current
                if segment is None or self._has_enough(segment, len(frame)):
                    segment = self._begin()
                _write_whole(segment, frame)
                segment.size += len(frame)
        except OSError as error:
            if not self._is_failing:
                self._is_failing = True
                log.error("usage_spool_not_written", error=error.strerror, folder=str(self.folder))
            return False
        if self._is_failing:
            self._is_failing = False
            log.info("usage_spool_written_again")
        return True

    def sync(self) -> None:
        """Returns when all that was appended would survive a failure of the machine. Raises OSError."""
        with self._closing:
            for segment in list(self._segments):
                if segment.is_ours and segment.done < segment.size:
                    os.fdatasync(segment.file)

    def take_over(self) -> int:
        """The number of segments found whose process is gone; they are this one's now."""
        known = {segment.path for segment in list(self._segments)}
        found = 0
        for path in sorted(self._files()):
            if path in known or path.suffix != _SUFFIX:
                continue
            if segment := _locked(path):
                segment.is_full, segment.is_ours = True, False
                self._segments.append(segment)
                found += 1
                log.info("usage_spool_taken_over", segment=path.name, bytes=segment.size)
        self.tidy()
        return found

    def take(self, most: int) -> Taken | None:
        """The next records that are no rows yet, at most so many; None if there are none. The same again until they
        are `finished`."""
        for segment in list(self._segments):
            if segment.done < segment.size:
                records = list(_frames(segment, most))
                end = segment.done + sum(map(_size, records))
                if not records:
                    self._cut(segment)
                    continue
                return Taken(segment, records, end)
        return None

    def finish(self, taken: Taken) -> None:
        """Its records are rows, or were refused."""
        taken.segment.done = taken.end
        self.tidy()

    def tidy(self) -> None:
        """Removes segments that are rows. One whose file is gone from its folder, whoever removed it, is appended
        to no more: what it holds is still read here, but would not survive."""
        for segment in list(self._segments):
            if not segment.is_full and os.fstat(segment.file).st_nlink == 0:
                self._end(segment)
            if segment.is_full and segment.done >= segment.size:
                self._remove(segment)

    @property
    def has_work(self) -> bool:
        return any(segment.done < segment.size for segment in list(self._segments))

    def close(self) -> None:
        """Unlocks what is left, for whoever comes next. Nothing is appended to it any more."""
        for segment in list(self._segments):
            self._end(segment)
        self.tidy()
        with self._closing:
            while self._segments:
                os.close(self._segments.popleft().file)

    # Segments

    def _begin(self) -> Segment:
        """Locked before it has the name by which others find it. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._number += 1
        name = f"{time.time_ns():019d}-{os.getpid()}-{self._number}{_SUFFIX}"
        unborn = self.folder / (name + _UNBORN)
        file = os.open(unborn, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unborn.rename(self.folder / name)
        except OSError:
            os.close(file)
            raise
        segment = Segment(self.folder / name, file)
        before, self._current = self._current, segment
        self._segments.append(segment)
        if before is not None:
            before.is_full = True
        return segment

    def _has_enough(self, segment: Segment, more: int) -> bool:
        all_read = segment.done >= segment.size >= _READ_SEGMENT_BYTES
        return all_read or segment.size + more > self.segment_bytes

    def _end(self, segment: Segment) -> None:
        """Nothing is appended to it from here on."""
        with self._appending:
            if segment is self._current:
                self._current = None
            segment.is_full = True

    def _remove(self, segment: Segment) -> None:
        self._segments.remove(segment)
        if segment.is_damaged:
            segment.path.rename(segment.path.with_suffix(".damaged"))
        else:
            segment.path.unlink(missing_ok=True)
        with self._closing:
            os.close(segment.file)

    def _cut(self, segment: Segment) -> None:
        """At `done`, behind which no whole frame follows. If that is no mere tail, people may want to see it."""
        rest = segment.size - segment.done
        segment.is_damaged = _is_damaged(segment)
        log.warning(
            "usage_spool_damaged" if segment.is_damaged else "usage_spool_cut",
            segment=segment.path.name,
            bytes=rest,
        )
        if not segment.is_damaged and not segment.is_ours:
            os.ftruncate(segment.file, segment.done)
        self._end(segment)
        segment.size = segment.done
        self.tidy()

    def _files(self) -> Iterator[Path]:
        try:
            paths = list(self.folder.iterdir())
        except FileNotFoundError:
            return
        for path in paths:
            if path.suffix == _UNBORN and _age(path) > _UNBORN_SECONDS:
                path.unlink(missing_ok=True)
            else:
                yield path


def _size(record: bytes) -> int:
    """Of its frame."""
    return _HEAD.size + len(record)


def _write_whole(segment: Segment, frame: bytes) -> None:
    """All of it or, raising OSError, nothing."""
    try:
        written = os.pwrite(segment.file, frame, segment.size)
        if written != len(frame):
            raise OSError(None, "only a part could be written")
    except OSError:
        os.ftruncate(segment.file, segment.size)
        raise


def _locked(path: Path) -> Segment | None:
    """None if its process lives, or another has removed it meanwhile."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(file)
    except OSError as error:
        os.close(file)
        if isinstance(error, BlockingIOError):
            return None
        raise
    if status.st_nlink == 0:
        os.close(file)
        return None
    return Segment(path, file, size=status.st_size)


def _frames(segment: Segment, most: int) -> Iterator[bytes]:
    """Whole ones from `done` on."""
    at = 0
    data = os.pread(segment.file, min(segment.size - segment.done, _READ_BYTES), segment.done)
    for _ in range(most):
        if len(data) - at < _HEAD.size:
            return
        length, checksum = _HEAD.unpack_from(data, at)
        if not 0 < length <= _LARGEST_RECORD:
            return
        if at == 0 and length > len(data) - _HEAD.size:
            data = os.pread(segment.file, _HEAD.size + length, segment.done)
        record = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(record) < length or zlib.crc32(record) != checksum:
            return
        yield record
        at += _HEAD.size + length


def _is_damaged(segment: Segment) -> bool:
    """Whether what follows `done` is more than one frame of which an end is missing."""
    head = os.pread(segment.file, _HEAD.size, segment.done)
    if len(head) < _HEAD.size:
        return False
    length, _ = _HEAD.unpack(head)
    return length <= segment.size - segment.done - _HEAD.size and any(
        os.pread(segment.file, segment.size - segment.done, segment.done)
    )


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
