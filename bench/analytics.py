"""Measures how long the numbers of the analytics page take to find, and prints one table.

    python bench/analytics.py                      10,000 sessions with 100,000 turns, and ten times as many
    python bench/analytics.py --sessions 10000     only so many

Starts a PostgreSQL of its own in a temporary folder. Sessions are spread over 30 days, ten spoken turns each, of
24 versions of eight agents. Time is the median of five, in ms; the budget is 300 ms of 100,000 turns.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("platform", "")]

from pages import signed_in  # noqa: E402
from usage_pages import own_database  # noqa: E402

DAYS, TURNS = 30, 10
_SESSIONS = """
    INSERT INTO conversations_realtimesession (
        id, tenant_id, session_id, call_id, model, agent_version_id, kind, dialect, safety_identifier, started_at,
        alive_at, ended_at, end_reason, close_code, turns, responses, interruptions, errors, user_audio_ms,
        assistant_audio_ms, cost_micro, response_ms
    )
    SELECT gen_random_uuid(), %(tenant)s, 'sess_' || n, 'rtc_' || n, 'agent/one', versions[1 + n %% 24], 'realtime',
        'ga', '', began, began, began + interval '2 minutes',
        (ARRAY['client_closed', 'connection_lost', 'hung_up'])[1 + n %% 3], 1000, 10, 10, n %% 3,
        (n %% 50 = 0)::int, 30000, 40000, 4000, '{500,600,550,700}'
    FROM generate_series(1, %(sessions)s) AS n,
        (SELECT %(versions)s::uuid[] AS versions) AS whose,
        LATERAL (SELECT %(since)s::timestamptz + n * %(step)s::interval AS began) AS moment
"""
_INSIGHTS = """
    INSERT INTO transcripts_insights (
        id, tenant_id, session_id, summary, outcome, sentiment, data, model, cost_micro, made_at
    )
    SELECT gen_random_uuid(), "tenant_id", id, repeat('They spoke about it at length. ', 10),
        (ARRAY['resolved', 'resolved', 'unresolved', 'unknown'])[1 + floor(random() * 4)::int],
        (ARRAY['positive', 'neutral', 'negative'])[1 + floor(random() * 3)::int], '{}', 'local/extract', 0, ended_at
    FROM conversations_realtimesession WHERE "tenant_id" = %(tenant)s
"""
_TURNS = """
    INSERT INTO transcripts_turntime (
        "tenant_id", session_id, number, at, item_id, transcript_ms, first_token_ms, first_audio_ms, total_ms,
        interrupted, agent_version_id, model, language
    )
    SELECT "tenant_id", id, n, started_at + n * interval '10 seconds', 'item_' || n, a, b, c, a + b + c,
        random() < 0.1, agent_version_id, model, (ARRAY['en', 'de', ''])[1 + floor(random() * 3)::int]
    FROM conversations_realtimesession, generate_series(1, %(turns)s) AS n,
        LATERAL (SELECT n AS of, random() AS x, random() AS y, random() AS z OFFSET 0) AS chance,
        LATERAL (SELECT (50 + 400 * x ^ 3)::int AS a, (100 + 900 * y ^ 4)::int AS b,
            (60 + 500 * z ^ 3)::int AS c) AS took
    WHERE "tenant_id" = %(tenant)s
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, nargs="*", default=[10_000, 100_000])
    sizes = parser.parse_args().sessions
    with own_database():
        for size in sizes:
            slug = f"with-{size}"
            furnish(slug, size)
            print(f"\n{size:,} sessions, {size * TURNS:,} turns\n")
            print(f"{'':44}{'median':>9}{'worst':>9}")
            for name, work in works(slug).items():
                times = sorted(timed(work) for _ in range(5))
                print(f"{name:44}{statistics.median(times):9.0f}{times[-1]:9.0f}", flush=True)


def furnish(slug: str, sessions: int) -> None:
    from django.db import connection

    from apps.accounts.services import user_create
    from apps.agents.services import agent_create, agent_publish
    from apps.core.tenancy import tenant_context
    from apps.tenants.services import tenant_create

    tenant = tenant_create(
        slug=slug, name=slug, owner=user_create(email=f"owner@{slug}.example", password=slug)
    )
    with tenant_context(tenant.id):
        agents = [
            agent_create(slug=f"agent-{n}", name=f"Agent {n}", template="receptionist") for n in range(8)
        ]
        given = {
            "tenant": tenant.id,
            "sessions": sessions,
            "turns": TURNS,
            "versions": [agent_publish(agent=agent).id for agent in agents for _ in range(3)],
            "since": datetime.now(UTC) - timedelta(days=DAYS - 1),
            "step": timedelta(days=DAYS - 1) / sessions,
        }
        with connection.cursor() as cursor:
            for statement in (_SESSIONS, _INSIGHTS, _TURNS):
                cursor.execute(statement, given)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def works(slug: str) -> Mapping[str, Callable[[], object]]:
    from apps.analytics.filtering import Filters
    from apps.analytics.measures import WAYS, measures_of, series_of
    from apps.core.tenancy import tenant_context
    from apps.tenants.models import Tenant
    from apps.usage.periods import Period, today_utc

    tenant, today = Tenant.objects.get(slug=slug).id, today_utc()
    month, week = Period(today - timedelta(days=29), today), Period(today - timedelta(days=6), today)
    client = signed_in(slug)

    def within(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            with tenant_context(tenant):
                return work()

        return run

    def page(query: str) -> Callable[[], object]:
        def run() -> None:
            assert client.get(f"/{slug}/analytics/{query}").status_code == 200

        return run

    return (
        {"30 days": within(lambda: measures_of(month))}
        | {
            f"30 days by {way}": within(lambda way=way: measures_of(month, way))  # type: ignore[misc]
            for way in WAYS
        }
        | {
            "30 days by agent, in one language": within(
                lambda: measures_of(month, "agent", Filters(language="de"))
            ),
            "30 days by version, of one agent": within(
                lambda: measures_of(month, "version", Filters(agent="agent-1"))
            ),
            "7 days by agent": within(lambda: measures_of(week, "agent")),
            "30 days, day by day": within(lambda: series_of(month, "day")),
            "30 days, day by day, one stage": within(lambda: series_of(month, "day", stages=["total"])),
            "the page, 30 days by agent": page("?period=30&by=agent"),
            "the page, 7 days": page("?period=7"),
        }
    )


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
