"""The recorder: what is used becomes rows once, whatever fails in between."""

import asyncio
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import structlog
from django.db import connections
from structlog.testing import capture_logs

from antiphon.metering.records import UsageRecord
from apps.core.writing import LONGEST_WAIT, wait_after
from apps.usage import recorder as module
from apps.usage.models import UsageDay, UsageHour
from apps.usage.recorder import REFUSED, Recorder
from apps.usage.rows import NewLine
from apps.usage.spool import Spool
from tests.apps.live import in_thread
from tests.apps.test_event_log import Outage as _Outage
from tests.apps.using import AT, KEY, keys_of, lines_of, sums_of, used
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

MakeRecorder = Callable[..., Recorder]
_encode = msgspec.msgpack.encode


@pytest.fixture(autouse=True)
def own_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "log", structlog.get_logger())


@pytest.fixture
def make_recorder(tmp_path: Path) -> Iterator[MakeRecorder]:
    """Makes recorders of one folder that are stopped after the test, if it has not done so."""
    recorders: list[Recorder] = []

    def make(**settings: Any) -> Recorder:
        recorders.append(Recorder(tmp_path, **settings))
        recorders[-1].start()
        return recorders[-1]

    yield make
    for recorder in recorders:
        recorder.stop()


class Outage(_Outage):
    def begin(self) -> None:
        with psycopg.connect(**connections["across"].get_connection_params()) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'antiphon usage recorder'"
            )
        self._monkeypatch.setitem(connections.settings["across"], "HOST", "/nowhere")


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    return Outage(monkeypatch)


def write(recorder: Recorder, *records: UsageRecord) -> None:
    for record in records:
        recorder.record(record)
    recorder.stop()


def left_in(folder: Path, *records: UsageRecord) -> None:
    """As a process leaves it that stopped while the database was away."""
    spool = Spool(folder)
    for record in records:
        assert spool.append(_encode(record))
    spool.close()


def test_it_works_a_record_is_a_row_for_each_line(alice: Person, make_recorder: MakeRecorder) -> None:
    write(make_recorder(), used(alice, 9))
    images, tokens, written = lines_of(alice)
    assert (tokens.key, tokens.unit, tokens.quantity) == ("sess_1:response:resp_9:0", "input_text_token", 10)
    assert (tokens.kind, tokens.session_id, tokens.response_id) == ("response", "sess_1", "resp_9")
    assert (tokens.provider, tokens.model) == ("groq", "groq/gpt-oss-120b")
    assert (tokens.api_key_id, tokens.agent_version_id, tokens.customer_id) == (KEY, None, None)
    assert (tokens.rate_id, str(tokens.unit_price.normalize()), tokens.per) == ("rate-in", "2.5", 1_000_000)
    assert (tokens.cost_micro, tokens.price_micro, tokens.margin_micro) == (20, 25, 5)
    assert (tokens.estimated, tokens.is_priced, tokens.outcome) == (False, True, "completed")
    assert tokens.at.timestamp() * 1000 == AT
    assert (written.unit, written.quantity, written.price_micro) == ("output_text_token", 9, 90)
    assert (images.unit, images.is_priced, images.unit_price, images.price_micro) == (
        "input_image_token",
        False,
        None,
        0,
    )
    assert tokens.posting_id == written.posting_id == images.posting_id


def test_a_record_that_comes_twice_is_there_once(
    alice: Person, mallory: Person, make_recorder: MakeRecorder
) -> None:
    write(make_recorder(), used(alice, 1), used(alice, 1), used(mallory, 1))
    write(make_recorder(), used(alice, 1), used(alice, 2))
    assert keys_of(alice) == ["sess_1:response:resp_1:0", "sess_1:response:resp_2:0"]
    assert keys_of(mallory) == ["sess_1:response:resp_1:0"]
    (hour,) = [hour for hour in sums_of(alice, UsageHour) if hour["quantity"] == 1]
    assert (hour["records"], hour["price_micro"]) == (1, 10)


def test_what_is_written_raises_the_sums_of_its_hour_and_day(
    alice: Person, make_recorder: MakeRecorder
) -> None:
    ms = 3_600_000
    records = [used(alice, number, at=AT + number * ms) for number in (2, 14)]  # of that day, and of the next
    write(make_recorder(), *records, used(alice, 8, at=AT + 2 * ms + 1000))
    hours = [h for h in sums_of(alice, UsageHour) if h["unit"] == "output_text_token"]
    assert [(str(h["hour"]), h["quantity"], h["records"]) for h in hours] == [
        ("2026-11-18 13:00:00+00:00", 10, 2),
        ("2026-11-19 01:00:00+00:00", 14, 1),
    ]
    assert [(h["cost_micro"], h["price_micro"], h["estimated_micro"]) for h in hours] == [
        (80, 100, 100),
        (112, 140, 140),
    ]
    days = [d for d in sums_of(alice, UsageDay) if d["unit"] == "input_image_token"]
    assert [(str(d["day"]), d["unpriced"], d["api_key_id"]) for d in days] == [("2026-11-19", 1, None)]


class Book:
    """Notes what is booked; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.booked: list[Sequence[NewLine]] = []
        self.failures = failures
        self.failed, self.has_booked = threading.Event(), threading.Event()

    def __call__(self, cursor: psycopg.Cursor[Any], lines: Sequence[NewLine]) -> None:
        if self.failures:
            self.failures -= 1
            self.failed.set()
            cursor.execute("SELECT 1 / 0")
        self.booked.append(lines)
        self.has_booked.set()


def test_only_new_lines_are_booked_with_one_posting_for_each_tenant(
    alice: Person, mallory: Person, make_recorder: MakeRecorder
) -> None:
    write(make_recorder(), used(alice, 1))
    book = Book()
    write(make_recorder(books=[book]), used(alice, 1), used(alice, 2), used(mallory, 3))
    (lines,) = book.booked
    assert {(line.tenant_id, line.unit, line.price_micro) for line in lines} == {
        (alice.tenant.id, "input_text_token", 25),
        (alice.tenant.id, "output_text_token", 20),
        (mallory.tenant.id, "input_text_token", 25),
        (mallory.tenant.id, "output_text_token", 30),
    }
    assert len({(line.tenant_id, line.posting_id) for line in lines}) == 2
    assert {line.posting_id for line in lines} & {line.posting_id for line in lines_of(alice)}


def test_what_cannot_be_booked_is_not_written_and_tried_again(
    alice: Person, make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    failing = Book(failures=10**6)
    recorder = make_recorder(books=[failing])
    recorder.record(used(alice, 1))
    assert failing.failed.wait(10)
    recorder.stop()
    assert lines_of(alice) == []
    assert sums_of(alice, UsageHour) == []
    book = Book()
    write(make_recorder(books=[book]))
    assert len(book.booked) == 1
    assert keys_of(alice) == ["sess_1:response:resp_1:0"]
    assert not (tmp_path / REFUSED).exists(), "there is nothing wrong with the record"


def test_what_is_used_during_an_outage_waits_on_the_disk(
    alice: Person, make_recorder: MakeRecorder, outage: Outage, tmp_path: Path
) -> None:
    recorder = make_recorder()
    outage.begin()
    write(recorder, *(used(alice, number) for number in range(20)))
    outage.end()
    assert lines_of(alice) == []
    write(make_recorder())
    assert sorted(keys_of(alice)) == sorted(used(alice, number).id for number in range(20))
    assert not list(tmp_path.glob("*.usage"))


def test_an_outage_that_ends_is_noticed(alice: Person, make_recorder: MakeRecorder, outage: Outage) -> None:
    book = Book()
    recorder = make_recorder(books=[book])
    outage.begin()
    recorder.record(used(alice, 1))
    asyncio.run(recorder.flush(seconds=0.01))  # on the disk
    assert lines_of(alice) == []
    outage.end()
    assert book.has_booked.wait(10)
    recorder.stop()
    assert keys_of(alice) == ["sess_1:response:resp_1:0"]


def test_after_a_flush_the_records_are_rows(alice: Person, make_recorder: MakeRecorder) -> None:
    async def session() -> None:
        recorder = make_recorder()
        await recorder.flush()  # of nothing
        recorder.record(used(alice, 1))
        await recorder.flush(seconds=30)
        assert await in_thread(keys_of, alice) == ["sess_1:response:resp_1:0"]

    asyncio.run(session())


def test_a_full_disk_loses_nothing(
    alice: Person, make_recorder: MakeRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = make_recorder()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    recorder.record(used(alice, 1))
    monkeypatch.setattr("apps.usage.spool.os.pwrite", full)
    recorder.record(used(alice, 2))
    asyncio.run(recorder.flush(seconds=30))
    assert sorted(keys_of(alice)) == [used(alice, number).id for number in (1, 2)]


@pytest.mark.parametrize("books", [[], [Book()]], ids=["no books", "a book"])
def test_a_record_that_the_database_refuses_stops_no_other(
    alice: Person, make_recorder: MakeRecorder, tmp_path: Path, books: list[Book]
) -> None:
    bad = [
        msgspec.structs.replace(used(alice, 1), id="too large", attempt=2**31),
        msgspec.structs.replace(used(alice, 3), id="nobody's", tenant_id=str(uuid.uuid4())),
        msgspec.structs.replace(used(alice, 5), id="no tenant", tenant_id="acme"),
        used(alice, 7, model="openai/" + "".join(str(uuid.uuid4()) for _ in range(300))),
    ]
    with capture_logs() as logs:
        write(make_recorder(books=books), used(alice, 0), bad[0], used(alice, 2), *bad[1:], used(alice, 4))
    assert sorted(keys_of(alice)) == [used(alice, number).id for number in (0, 2, 4)]
    refused = [msgspec.json.decode(line) for line in (tmp_path / REFUSED).read_text().splitlines()]
    assert [line["record"]["id"] for line in refused] == [record.id for record in bad]
    assert len([entry for entry in logs if entry["event"] == "usage_refused"]) == 4


def test_what_another_version_left_stops_no_other(
    alice: Person, make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    spool = Spool(tmp_path)
    for record in (_encode(used(alice, 1)), _encode({"id": "from the future"}), _encode(used(alice, 2))):
        spool.append(record)
    spool.close()
    write(make_recorder())
    assert keys_of(alice) == [used(alice, number).id for number in (1, 2)]
    (line,) = (tmp_path / REFUSED).read_text().splitlines()
    assert "msgpack" in msgspec.json.decode(line)["record"]


_DOOMED = """
import os, signal, sys
from pathlib import Path
from apps.usage.spool import Spool

spool = Spool(Path(sys.argv[1]), segment_bytes=2000)
for line in sys.stdin:
    spool.append(bytes.fromhex(line))
    print(line, end="", flush=True)  # as a client is told of it
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_had_told_of_is_recorded(
    alice: Person, make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    records = [used(alice, number) for number in range(30)]
    given = "".join(_encode(record).hex() + "\n" for record in records)
    command = [sys.executable, "-c", _DOOMED, str(tmp_path)]
    killed = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    told = killed.stdout.splitlines()
    assert len(told) == 30
    assert len(list(tmp_path.glob("*.usage"))) > 1
    write(make_recorder())
    assert sorted(keys_of(alice)) == sorted(record.id for record in records)
    assert sum(line.price_micro for line in lines_of(alice)) == sum(record.price_micro for record in records)
    assert not list(tmp_path.glob("*.usage"))


def test_what_a_process_leaves_is_recorded_by_one_that_runs_already(
    alice: Person, make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    recorder = make_recorder(take_over_seconds=0.0)
    recorder.record(used(alice, 1))
    left_in(tmp_path, used(alice, 1), used(alice, 2))
    recorder.stop()
    assert sorted(keys_of(alice)) == [used(alice, number).id for number in (1, 2)]


def test_a_segment_that_another_process_emptied_holds_nobody_up(
    alice: Person, make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path)
    recorder.record(used(alice, 1))
    (segment,) = tmp_path.glob("*.usage")
    segment.write_bytes(b"")
    recorder.start()

    async def session() -> None:
        async with asyncio.timeout(20):
            await recorder.flush(seconds=60)
            recorder.record(used(alice, 2))
            await recorder.flush(seconds=60)

    asyncio.run(session())
    recorder.stop()
    assert keys_of(alice) == ["sess_1:response:resp_2:0"]


def test_recorders_that_write_the_same_at_once_agree(
    alice: Person, make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    records = [used(alice, number) for number in range(200)]
    recorders = [make_recorder(), make_recorder()]
    for one, other in zip(records, reversed(records), strict=True):
        recorders[0].record(one)
        recorders[1].record(other)
    for recorder in recorders:
        recorder.stop(30)
    assert len(keys_of(alice)) == 200
    assert sum(hour["price_micro"] for hour in sums_of(alice, UsageHour)) == sum(
        record.price_micro for record in records
    )


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.25), (2, 0.5), (4, 2.0), (7, LONGEST_WAIT)])
def test_the_wait_for_the_database_doubles(failures: int, seconds: float) -> None:
    assert wait_after(failures) == seconds


def test_days_of_failures_are_no_overflow() -> None:
    assert wait_after(10**6) == LONGEST_WAIT
