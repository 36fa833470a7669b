"""The spool: what was appended is there when its process is gone, and nobody takes what another process has."""

import errno
import os
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from apps.usage import spool as module
from apps.usage.spool import Spool


@pytest.fixture(autouse=True)
def own_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "log", structlog.get_logger())


def filled(folder: Path, *records: bytes, **settings: int) -> Spool:
    spool = Spool(folder, **settings)
    for record in records:
        assert spool.append(record)
    return spool


def read(spool: Spool, most: int = 100) -> list[bytes]:
    """All that is left, which is done with then."""
    records: list[bytes] = []
    while taken := spool.take(most):
        records += taken.records
        spool.finish(taken)
    return records


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.usage"))


def abandon(spool: Spool) -> Path:
    """As if its process had died: its files are unlocked and still there."""
    (segment,) = spool._segments
    os.close(segment.file)
    return segment.path


def test_it_works_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    spool = filled(tmp_path, b"one", b"two", b"three")
    assert read(spool, most=2) == [b"one", b"two", b"three"]
    assert not spool.has_work
    spool.append(b"four")
    assert read(spool) == [b"four"]


def test_records_stay_until_they_are_finished(tmp_path: Path) -> None:
    spool = filled(tmp_path, b"one", b"two")
    taken = spool.take(10)
    assert taken == spool.take(10)
    assert taken is not None
    spool.finish(taken.first(1))
    assert read(spool) == [b"two"]


def test_a_segment_of_rows_is_removed_when_it_is_full(tmp_path: Path) -> None:
    spool = filled(tmp_path, *[b"x" * 100] * 5, segment_bytes=250)
    assert len(files(tmp_path)) == 3
    assert len(read(spool)) == 5
    assert len(files(tmp_path)) == 1, "the last one is still appended to"
    spool.close()
    assert not files(tmp_path)


def test_a_large_segment_of_rows_is_not_appended_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_READ_SEGMENT_BYTES", 100)
    spool = filled(tmp_path, b"x" * 100)
    read(spool)
    (before,) = files(tmp_path)
    spool.append(b"y")
    assert read(spool) == [b"y"]
    assert before not in files(tmp_path), "after a crash, little is read again"


def test_more_than_is_read_at_once_comes_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_READ_BYTES", 64)
    records = [bytes([n]) * (n * 7 + 1) for n in range(40)]
    assert read(filled(tmp_path, *records)) == records


def test_what_a_dead_process_left_is_taken_over(tmp_path: Path) -> None:
    abandon(filled(tmp_path, b"one", b"two"))
    heir = Spool(tmp_path)
    assert heir.take_over() == 1
    assert heir.take_over() == 0, "once"
    assert read(heir) == [b"one", b"two"]
    assert not files(tmp_path)


def test_what_was_left_when_a_process_stopped_is_taken_over(tmp_path: Path) -> None:
    filled(tmp_path, b"one").close()
    heir = Spool(tmp_path)
    assert heir.take_over() == 1
    assert read(heir) == [b"one"]


def test_a_living_processes_segments_are_its_own(tmp_path: Path) -> None:
    living, other = filled(tmp_path, b"one"), Spool(tmp_path)
    assert other.take_over() == 0
    assert read(living) == [b"one"]


def test_two_heirs_never_take_the_same(tmp_path: Path) -> None:
    abandon(filled(tmp_path, b"one"))
    heirs = [Spool(tmp_path), Spool(tmp_path)]
    assert sum(heir.take_over() for heir in heirs) == 1


@pytest.mark.parametrize("missing", [1, 4, 8, 10])
def test_a_torn_tail_is_cut_and_logged(tmp_path: Path, missing: int) -> None:
    left = abandon(filled(tmp_path, b"one", b"two", b"three"))
    os.truncate(left, left.stat().st_size - missing)
    heir = Spool(tmp_path)
    heir.take_over()
    with capture_logs() as logs:
        assert read(heir) == [b"one", b"two"]
    assert [entry["event"] for entry in logs] == ["usage_spool_cut"]
    assert not files(tmp_path)


def test_a_tail_of_zeros_is_cut(tmp_path: Path) -> None:
    """As some file systems leave one when the power fails."""
    left = abandon(filled(tmp_path, b"one"))
    with left.open("ab") as file:
        file.write(bytes(100))
    heir = Spool(tmp_path)
    heir.take_over()
    assert read(heir) == [b"one"]
    assert not files(tmp_path)


def test_a_damaged_segment_is_kept_for_people_to_see(tmp_path: Path) -> None:
    left = abandon(filled(tmp_path, b"one", b"two", b"three"))
    content = bytearray(left.read_bytes())
    content[8 + 3 + 8] ^= 1  # in "two"
    left.write_bytes(content)
    heir = Spool(tmp_path)
    heir.take_over()
    with capture_logs() as logs:
        assert read(heir) == [b"one"]
    assert [entry["event"] for entry in logs] == ["usage_spool_damaged"]
    (damaged,) = tmp_path.glob("*.damaged")
    assert damaged.read_bytes() == content


def test_an_empty_segment_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    os.truncate(abandon(filled(tmp_path, b"one")), 0)
    heir = Spool(tmp_path)
    heir.take_over()
    assert read(heir) == []
    assert not files(tmp_path)


def test_a_segment_that_another_removed_does_not_stop_its_own_process(tmp_path: Path) -> None:
    spool = filled(tmp_path, b"one", b"two")
    (path,) = files(tmp_path)
    path.unlink()
    assert read(spool, most=1) == [b"one", b"two"]
    assert spool.append(b"three")
    assert files(tmp_path) != [path], "into a segment that others can find"
    assert len(files(tmp_path)) == 1
    assert read(spool) == [b"three"]


class Disk:
    """Takes so many bytes more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self._pwrite = os.pwrite
        monkeypatch.setattr(module.os, "pwrite", self.pwrite)

    def pwrite(self, file: int, data: bytes, at: int) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._pwrite(file, data if self.room is None else data[: self.room], at)
        if self.room is not None:
            self.room -= written
        return written


@pytest.mark.parametrize("room", [0, 5])
def test_a_full_disk_is_said_once_and_leaves_no_half_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    disk, spool = Disk(monkeypatch), filled(tmp_path, b"one")
    disk.room = room
    with capture_logs() as logs:
        assert [spool.append(b"two"), spool.append(b"three")] == [False, False]
    assert [entry["event"] for entry in logs] == ["usage_spool_not_written"]
    disk.room = None
    assert spool.append(b"four")
    assert read(spool) == [b"one", b"four"]


def test_what_could_not_be_read_again_is_not_taken(tmp_path: Path) -> None:
    spool = filled(tmp_path, b"one")
    assert [spool.append(b"x" * 2**21), spool.append(b"")] == [False, False]
    assert read(spool) == [b"one"]


def test_a_folder_that_cannot_be_made_is_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not Spool(tmp_path / "file" / "usage").append(b"one")


def test_syncing_waits_for_the_disk_only_for_what_is_no_row_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(module.os, "fdatasync", synced.append)
    spool = filled(tmp_path, b"one")
    spool.sync()
    assert len(synced) == 1
    read(spool)
    spool.sync()
    assert len(synced) == 1
