"""Sums by hour and day are what their lines add up to, however they came about."""

import random
import threading
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from antiphon.metering.records import UsageRecord
from apps.core.tenancy import tenant_context
from apps.usage.models import UsageDay, UsageHour, UsageLine
from apps.usage.recorder import Recorder
from apps.usage.rollups import rollups_rebuild
from apps.usage.rows import prepare, write
from tests.apps.using import AT, lines_of, sums_of, used
from tests.cast import Person

HOUR = 3_600_000
recording = pytest.mark.django_db(transaction=True, databases=["default", "across"])


def record(folder: Path, *records: UsageRecord) -> None:
    recorder = Recorder(folder)
    recorder.start()
    for each in records:
        recorder.record(each)
    recorder.stop()


def all_sums(*people: Person) -> list[object]:
    return [sums_of(person, model) for person in people for model in (UsageHour, UsageDay)]


@recording
def test_it_works_sums_that_are_made_anew_equal_those_that_grew(
    alice: Person, mallory: Person, tmp_path: Path
) -> None:
    chance = random.Random(3)
    records = [
        used(person, number, at=AT + chance.randrange(72) * HOUR)
        for person in (alice, mallory)
        for number in range(150)
    ]
    chance.shuffle(records)
    for begin in range(0, 300, 60):  # with some that came before, and some that are days late
        record(tmp_path, *records[begin : begin + 90])
    grown = all_sums(alice, mallory)
    assert len(lines_of(alice)) == 150 * 2 + 30
    out = StringIO()
    call_command("rebuild_rollups", stdout=out)
    assert all_sums(alice, mallory) == grown
    assert "acme: " in out.getvalue()


@recording
def test_a_record_that_is_late_is_in_the_hour_in_which_it_was_used(alice: Person, tmp_path: Path) -> None:
    record(tmp_path, used(alice, 2, at=AT))
    before = all_sums(alice)
    record(tmp_path, used(alice, 8, at=AT - 30 * 24 * HOUR))
    assert all_sums(alice) != before
    assert {str(day["day"]) for day in sums_of(alice, UsageDay)} == {"2026-11-18", "2026-10-19"}


@recording
def test_what_is_recorded_during_a_rebuild_is_counted_once(alice: Person, tmp_path: Path) -> None:
    record(tmp_path, used(alice, 1))
    writing, may_commit = threading.Event(), threading.Event()

    def hold(cursor: object, lines: object) -> None:
        writing.set()
        assert may_commit.wait(10)

    def write_meanwhile() -> None:
        with psycopg.connect(**connections["across"].get_connection_params()) as connection:
            prepare(connection)
            write(connection, [used(alice, 3)], [hold])

    def rebuild() -> None:
        rollups_rebuild(tenant_id=alice.tenant.id)
        connections.close_all()

    threads = [threading.Thread(target=work) for work in (write_meanwhile, rebuild)]
    threads[0].start()
    assert writing.wait(10)
    threads[1].start()
    threads[1].join(0.05)  # time to go wrong in
    may_commit.set()
    for thread in threads:
        thread.join(10)
    assert sum(hour["records"] for hour in sums_of(alice, UsageHour)) == len(lines_of(alice)) == 4
    (out,) = [hour for hour in sums_of(alice, UsageHour) if hour["unit"] == "output_text_token"]
    assert out["quantity"] == 1 + 3


@pytest.mark.django_db
def test_wrong_sums_are_put_right(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        UsageHour.objects.create(
            hour=datetime(2020, 1, 1, tzinfo=UTC), kind="speech", unit="character", quantity=9
        )
        call_command("rebuild_rollups", "--tenant=acme", stdout=StringIO())
        assert not UsageHour.objects.exists()
        assert not UsageLine.objects.exists()


@pytest.mark.django_db
def test_an_unknown_tenant_is_said() -> None:
    with pytest.raises(CommandError, match="There is no tenant 'nobody'"):
        call_command("rebuild_rollups", "--tenant=nobody")
