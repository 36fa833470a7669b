"""Measures what a tenant's pages cost the server, and prints one table.

    python bench/pages.py --tenant demo

Uses the database of the `manage.py up` that runs on the same data folder; `manage.py seed_sessions` fills a tenant.
Time is that of a request from the first middleware to the last byte, without a socket: its median, the least, and
how much CPU time this process and its server process of PostgreSQL took (the latter only where it is one of this
machine). On a busy machine only these say something about the pages.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("platform", "")]

REQUESTS = 30
BUDGET_MS = 100.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tenant", default="demo", help="the tenant's slug (demo)")
    slug = parser.parse_args().tenant
    prepare()
    addresses, client = pages(slug), signed_in(slug)
    print_head()
    for name, address in addresses.items():
        print_row(name, client, address)


def print_head() -> None:
    print(f"{'page':<44} {'median ms':>9} {'least ms':>9} {'CPU ms':>7} {'database':>9} {'queries':>8}")


def print_row(name: str, client: "Client", address: str) -> None:  # noqa: F821
    times, cpu, database, queries = measure(client, address)
    middle = statistics.median(times)
    late = "  over the budget" if middle > BUDGET_MS else ""
    print(
        f"{name:<44} {middle:>9.1f} {min(times):>9.1f} {cpu:>7.1f} {database:>9.1f} {queries:>8}{late}",
        flush=True,
    )


def prepare() -> None:
    from antiphon.config.env import env_data_dir
    from antiphon.embedded.running import running_environment

    for name, value in running_environment(env_data_dir()).items():
        os.environ.setdefault(name, value)
    import django
    from django.conf import settings

    import antiphon.config  # noqa: F401  names the settings

    django.setup()

    settings.ALLOWED_HOSTS = ["testserver"]


def pages(slug: str) -> Mapping[str, str]:
    from apps.conversations.models import RealtimeSession
    from apps.conversations.samples import MARK
    from apps.core.tenancy import tenant_context
    from apps.dashboard.paging import page_of
    from apps.tenants.models import Tenant

    with tenant_context(Tenant.objects.get(slug=slug).id):
        sessions = RealtimeSession.objects.filter(session_id__startswith=MARK)
        print(f"{RealtimeSession.objects.count()} sessions\n")
        longest = sessions.order_by("-started_at")[:100]
        session = max(longest, key=lambda session: session.turns).session_id
        deep = page_of(sessions, by="started_at", size=sessions.count() // 2).older
    at = f"/{slug}"
    return {
        "overview, 7 days": f"{at}/",
        "overview, 90 days": f"{at}/?days=90",
        "sessions": f"{at}/sessions/",
        "sessions, in the middle": f"{at}/sessions/?cursor={deep}",
        "sessions, words in most of them": f"{at}/sessions/?q=the",
        "sessions, words in few": f"{at}/sessions/?q=parcel+depot",
        "sessions, words in none": f"{at}/sessions/?q=xylophone",
        "sessions, of a model and long": f"{at}/sessions/?model=groq/&shortest=30&errors_only=on",
        "sessions, by the reason of their end": f"{at}/sessions/?ended=crashed",
        "session": f"{at}/sessions/{session}/",
        "session, transcript": f"{at}/sessions/{session}/transcript/",
        "session, latency": f"{at}/sessions/{session}/latency/",
        "session, cost": f"{at}/sessions/{session}/cost/",
        "session, events": f"{at}/sessions/{session}/events/",
        "session, raw": f"{at}/sessions/{session}/raw/",
        "live": f"{at}/live/",
        "logs": f"{at}/logs/",
        "agents": f"{at}/agents/",
        "tools": f"{at}/tools/",
        "playground": f"{at}/playground/",
        "team": f"{at}/team/",
        "settings": f"{at}/settings/",
        "audit log": f"{at}/audit/",
        "routers": f"{at}/routers/",
        "voices": f"{at}/voices/",
        "keys": f"{at}/keys/",
        "providers": f"{at}/providers/",
        "home": "/",
        "documentation": "/docs/protocol",
        "models": "/models",
    }


def signed_in(slug: str) -> "Client":  # noqa: F821
    from django.test import Client

    client = Client(headers={"accept": "text/html"})
    client.force_login(member(slug))
    return client


def measure(client: "Client", address: str) -> tuple[list[float], float, float, int]:  # noqa: F821
    answer = client.get(address, follow=True)
    assert answer.status_code == 200, (address, answer.status_code)
    with counted() as queries:
        client.get(address)
    times, cpu = [], []
    database = database_cpu()
    for _ in range(REQUESTS):
        began, used = time.perf_counter(), time.process_time()
        client.get(address).getvalue()
        times.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    return times, statistics.median(cpu), (database_cpu() - database) / REQUESTS, len(queries)


def database_cpu() -> float:
    """CPU time of our connection's server process so far, in ms; 0 if it is none of this machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


@contextmanager
def counted() -> Iterator[list[str]]:
    from django.db import connection

    queries: list[str] = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        queries.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        yield queries


def member(slug: str) -> "User":  # noqa: F821
    from apps.accounts.models import User
    from apps.core.tenancy import tenant_context
    from apps.tenants.models import Membership, Tenant

    with tenant_context(Tenant.objects.get(slug=slug).id):
        return User.objects.get(id=Membership.objects.earliest("created_at").user_id)


if __name__ == "__main__":
    main()
