"""Measures what it costs to keep sessions within what their tenants can spend, and prints one table.

    python bench/spending.py

Uses a database of its own. A look is one transaction for all sessions of a process; CPU time is that of this
process, not of the database.
"""

import os
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from measuring.table import Row, median, render
from metering import database

if TYPE_CHECKING:
    from apps.billing.spending import Spending

RUNS = 15
SESSIONS = 100
TENANTS = 10
COUNTS = 1000
_STEP_SECONDS = 5.0


def main() -> None:
    os.environ["BILLING"] = "on"
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder, database(Path(folder)):
        print(render(looking()))


def looking() -> list[Row]:
    from apps.billing.holds import Ask, HoldStore
    from apps.billing.services import account_open
    from apps.billing.spending import Spender, Spending
    from apps.core.tenancy import tenant_context
    from apps.tenants.models import Tenant

    tenants = [Tenant.objects.create(slug=f"tenant-{number}", name="Tenant") for number in range(TENANTS)]
    for tenant in tenants:
        with tenant_context(tenant.id):
            account_open()
    store = HoldStore(uuid.uuid4())

    def begun() -> Spending:
        spending = Spending(Spender(tenants[uuid.uuid4().int % TENANTS].id, f"sess_{uuid.uuid4()}"))
        answer = store.round([Ask(spending, is_new=True)]).answers[spending.spender.session_id]
        spending.granted_micro += answer.decision.grant_micro
        return spending

    def extended() -> None:
        asks = []
        for spending in running:
            spending.used_micro += 1
            asks.append(Ask(spending))
        answers = store.round(asks).answers
        for spending in running:
            spending.granted_micro += answers[spending.spender.session_id].decision.grant_micro

    opening, _ = measured(begun)
    running = [begun() for _ in range(SESSIONS)]
    look, cpu = measured(extended)
    counting, _ = measured(lambda: count(running[0]))
    store.close()
    return [
        Row("the first step of a session is held", opening * 1000, "ms"),
        Row(f"a look for {SESSIONS} sessions of {TENANTS} tenants", look * 1000, "ms"),
        Row("its CPU, for each session and second", cpu / SESSIONS / _STEP_SECONDS * 1e6, "µs"),
        Row("to count what was used, on the loop", counting / COUNTS * 1e6, "µs"),
    ]


def count(spending: "Spending") -> None:
    """As `Money.used` does."""
    for _ in range(COUNTS):
        spending.used_micro += 1
        assert spending.over_micro is not None


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """The median of seconds, and of seconds of CPU."""
    times, cpus = [], []
    for _ in range(RUNS):
        began, cpu = time.perf_counter(), time.process_time()
        work()
        times.append(time.perf_counter() - began)
        cpus.append(time.process_time() - cpu)
    return median(times), median(cpus)


if __name__ == "__main__":
    main()
