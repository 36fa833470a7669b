"""Measures what metering costs, and prints one table.

    python bench/metering.py              records a second, and CPU of each
    python bench/metering.py --sessions   also its share of a session's CPU, in front of stub models: a minute more
    python bench/metering.py --million    also how long the sums of a million lines take to make and to read

Uses a database of its own. A record is made of what an engine reports, priced, kept on disk and written as rows:
five lines for three records, and the sums by hour and day. CPU time is that of this process, not of the database.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measuring.table import Row, median, render

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("platform", "")]

RECORDS = 20_000
RUNS = 3
MOST_SHARE = 1.0  # percent of a session's CPU
RECORDS_PER_TURN = 3  # its transcription, its answer and its speech
_TURN_SECONDS = 6.0
_MINUTE = 60.0  # after which the time connected is recorded
_FRAMES_PER_SECOND = 50
_DAYS = 30
_READ_MS = 100.0
_BATCH = 52  # records that a hundred sessions make in a second
_BATCHES = 100


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", action="store_true")
    parser.add_argument("--million", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder, database(Path(folder)):
        rows, cpu_us = recording(Path(folder))
        if options.million:
            rows += million()
    if options.sessions:
        rows += share_of_sessions(cpu_us)
    print(render(rows))


@contextmanager
def database(folder: Path) -> Iterator[None]:
    """A database of our own with all tables, which Django uses inside."""
    from antiphon.embedded.postgres import EmbeddedPostgres
    from antiphon.embedded.roles import prepare_roles

    server = EmbeddedPostgres(folder / "postgres")
    server.start()
    try:
        urls = prepare_roles(server.superuser_url)
        os.environ |= {
            "DATABASE_URL": urls.app,
            "ACROSS_DATABASE_URL": urls.across,
            "SECRET_KEY": "of a bench, and of nothing else" * 2,
        }
        import django
        from django.core.management import call_command
        from django.db import connections

        import antiphon.config  # noqa: F401  names the settings

        django.setup()
        call_command("migrate", verbosity=0, skip_checks=True)
        yield
        connections.close_all()
    finally:
        server.stop()


def recording(folder: Path) -> tuple[list[Row], float]:
    """And the CPU of one record in all, in microseconds."""
    from apps.tenants.models import Tenant

    tenant = Tenant.objects.create(name="Bench", slug="bench")
    runs = [_run(folder / f"spool-{number}", str(tenant.id), number) for number in range(RUNS)]
    to_disk, loop_us, to_rows, thread_us, all_us = (median(values) for values in zip(*runs, strict=True))
    rows = [
        Row("records onto disk", to_disk, "/s"),
        Row("records into rows", to_rows, "/s"),
        Row("CPU per record, on the event loop", loop_us, "µs"),
        Row("CPU per record, in the recorder's thread", thread_us, "µs"),
        Row(f"CPU per record, both, in batches of {_BATCH}", all_us, "µs"),
    ]
    return rows, all_us


def _run(folder: Path, tenant_id: str, number: int) -> tuple[float, ...]:
    from antiphon.engine.observers.usage import UsageObserver
    from antiphon.metering.price_files import list_prices
    from antiphon.metering.records import User
    from apps.usage.recorder import Recorder

    recorder = Recorder(folder)
    user = User(tenant_id, f"sess_{number}", api_key_id=str(uuid.uuid4()))
    observer = UsageObserver(recorder.record, list_prices(), user, epoch_ms=time.time() * 1000)
    events = list(_events())
    began, cpu = time.perf_counter(), time.process_time()
    for event in events:
        observer(event, 1.0)
    disk_seconds, loop_seconds = time.perf_counter() - began, time.process_time() - cpu

    began, cpu = time.perf_counter(), time.process_time()
    recorder.start()
    asyncio.run(recorder.flush(seconds=600))
    row_seconds, thread_seconds = time.perf_counter() - began, time.process_time() - cpu

    async def in_batches() -> None:
        for begin in range(0, _BATCH * _BATCHES, _BATCH):
            for event in events[begin : begin + _BATCH]:
                observer(event, 1.0)
            await recorder.flush(seconds=60)

    cpu = time.process_time()
    asyncio.run(in_batches())
    batch_seconds = time.process_time() - cpu
    recorder.stop()
    return (
        RECORDS / disk_seconds,
        loop_seconds / RECORDS * 1e6,
        RECORDS / row_seconds,
        thread_seconds / RECORDS * 1e6,
        batch_seconds / (_BATCH * _BATCHES) * 1e6,
    )


def _events() -> Iterator[object]:
    """As sessions report them: an answer, its speech and a transcription, again and again."""
    from antiphon.engine import inputs
    from antiphon.providers.base.llm import Attempt, LlmUsage
    from antiphon.providers.base.stt import SttUsage
    from antiphon.providers.base.tts import TtsUsage

    for number in range(RECORDS // RECORDS_PER_TURN + 1):
        usage = LlmUsage(400 + number, 60, cached_tokens=200)
        attempt = Attempt("openai/gpt-6-sol", "first", "completed", 0.0, 1.0, 2.0, usage)
        turn: Sequence[object] = (
            inputs.RecognitionUsed(f"item_{number}", "openai/whisper-1", SttUsage(2_400)),
            inputs.Attempted(f"resp_{number}", attempt),
            inputs.SpeechUsed(f"resp_{number}", "openai/tts-1", TtsUsage(70, 4_300)),
        )
        yield from turn[: RECORDS - number * RECORDS_PER_TURN]


def share_of_sessions(cpu_us: float) -> list[Row]:
    """Of the CPU of a session that has a turn every six seconds."""
    import uvloop
    from measuring import load
    from measuring.platform import running_platform, stub_models

    with stub_models() as models, running_platform(models) as platform:
        measured = uvloop.run(load.conversing(platform))
    per_frame = next(row.value for row in measured if "per 20 ms frame, conversing, median" in row.name)
    session_us = per_frame * _FRAMES_PER_SECOND
    metering_us = (RECORDS_PER_TURN / _TURN_SECONDS + 1 / _MINUTE) * cpu_us
    return [
        Row("CPU of a session, per second", session_us, "µs"),
        Row("  of which metering", metering_us, "µs"),
        Row("  of which metering", metering_us / session_us * 100, "%", MOST_SHARE),
    ]


_MILLION = """
    INSERT INTO usage_usageline (
        tenant_id, key, unit, kind, session_id, attempt, provider, model, quantity, rate_id, unit_price, per,
        cost_micro, price_micro, estimated, is_priced, at, posting_id, api_key_id
    )
    SELECT %(tenant)s, 'sess_' || n / 20 || ':response:' || n, (ARRAY['input_text_token', 'output_text_token',
        'character', 'input_audio_ms'])[n %% 4 + 1], 'response', 'sess_' || n / 20, 0, 'acme', 'acme/' || n %% 7,
        100, 'a-rate', 2, 1000000, 200, 220, n %% 10 = 0, true, now() - n * interval '2.592 s', gen_random_uuid(),
        md5((n %% 5)::text)::uuid
    FROM generate_series(1, 1000000) AS n
"""


def million() -> list[Row]:
    """Of a month, with seven models, four units and five keys."""
    from django.db import connections
    from django.db.models import Sum

    from apps.core.tenancy import tenant_context
    from apps.tenants.models import Tenant
    from apps.usage.models import UsageDay, UsageHour, UsageLine
    from apps.usage.rollups import rollups_rebuild

    tenant = Tenant.objects.create(name="Million", slug="million")
    with tenant_context(tenant.id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, false)", [str(tenant.id)])
        cursor.execute(_MILLION, {"tenant": tenant.id})
        cursor.execute("ANALYZE usage_usageline")
    began = time.perf_counter()
    rollups_rebuild(tenant_id=tenant.id)
    rebuilt = time.perf_counter() - began
    with connections["default"].cursor() as cursor:
        cursor.execute("ANALYZE usage_usagehour")
        cursor.execute("ANALYZE usage_usageday")

    def read(query: Any) -> float:
        times = []
        for _ in range(10):
            began = time.perf_counter()
            list(query.all())
            times.append((time.perf_counter() - began) * 1000)
        return median(times)

    with tenant_context(tenant.id):
        price = Sum("price_micro")
        hours, days, lines = UsageHour.objects.order_by(), UsageDay.objects.order_by(), UsageLine.objects
        return [
            Row("sums of a million lines, made anew", rebuilt, "s"),
            Row("  a month by hour", read(hours.values("hour").annotate(price)), "ms", _READ_MS),
            Row(
                "  a month by day and model",
                read(days.values("day", "model").annotate(price)),
                "ms",
                _READ_MS,
            ),
            Row("  a month by key", read(days.values("api_key_id").annotate(price)), "ms", _READ_MS),
            Row("  the latest 50 lines", read(lines.order_by("-at", "-id")[:50]), "ms", _READ_MS),
        ]


if __name__ == "__main__":
    main()
