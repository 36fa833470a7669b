"""Measures what a report of very many usage records takes, and prints one table.

    python bench/reports.py                    a million records of 30 days; about four minutes
    python bench/reports.py --records 100000 --formats csv pdf

Starts a PostgreSQL of its own in a temporary folder, with the records of bench/usage_pages.py. Each report is made
by its job, in a process of its own: of three days, and of all thirty. Memory is the most that the process ever had,
less what it had before; constant memory means that both are about the same. The budget is 30 s for the CSV of a
million.
"""

import argparse
import logging
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("platform", "")]

from usage_pages import DAYS, SLUG, furnish, own_database  # noqa: E402

_FORMATS = ("csv", "xlsx", "pdf")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000, help="how many (1000000)")
    parser.add_argument("--formats", nargs="+", choices=_FORMATS, default=_FORMATS, help="which (all)")
    parser.add_argument("--make", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        make(*given.make.split(","))
        return
    with own_database():
        furnish(given.records)
        print(
            f"{'report':<12} {'days':>4} {'rows':>10} {'seconds':>8} {'of CPU':>8} {'memory':>8} {'file':>9}"
        )
        reports = [(kind, format) for format in given.formats for kind in ("usage", "cost")]
        for kind, format in reports:
            for days in (3, DAYS):
                argument = f"{kind},{format},{days}"
                subprocess.run([sys.executable, __file__, "--make", argument], check=True, env=os.environ)


def make(kind: str, format: str, days: str) -> None:
    """In the database that the environment names. Prints one row."""
    import django

    django.setup()
    logging.disable(logging.INFO)

    from apps.core.tenancy import tenant_context
    from apps.reports import pdf_writer, xlsx_writer  # noqa: F401, so that their code is no memory of the report's
    from apps.reports.models import Format, ReportKind
    from apps.reports.parameters import Wanted
    from apps.reports.selectors import job_of
    from apps.reports.services import report_request
    from apps.tenants.models import Tenant

    today = datetime.now(UTC).date()
    first = today - timedelta(days=int(days))
    with tenant_context(Tenant.objects.get(slug=SLUG).id):
        before, began, worked = _memory_begin(), time.perf_counter(), time.process_time()
        # Tasks run at once, in this process: it is made when this returns.
        run = report_request(wanted=Wanted(ReportKind(kind), first, today), format=Format(format))
        took, worked = time.perf_counter() - began, time.process_time() - worked
        run.refresh_from_db()
        job = job_of(run)
    assert job is not None
    assert run.made_at is not None, job.error
    memory = f"{(_status('VmHWM') - before) / 1024:.0f} MiB"
    file = f"{run.size_bytes / 1e6:.1f} MB"
    told = f"{kind}, {format}"
    print(
        f"{told:<12} {days:>4} {run.rows:>10,} {took:>8.1f} {worked:>8.1f} {memory:>8} {file:>9}", flush=True
    )


def _memory_begin() -> int:
    """KiB that this process has in memory; from now on its peak counts anew (proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main()
