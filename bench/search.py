"""Measures how long it takes to find sessions by what was said in them, and prints one table.

    python bench/search.py                      in 100,000 transcripts
    python bench/search.py --sessions 10000     in fewer

Starts a PostgreSQL of its own in a temporary folder. A transcript has 300 words, as two minutes of talk have, each
as frequent as words of a language are (Zipf); sessions are spread over 90 days and eight agents. Time is that of
the list's first page with its snippets: the median and the 95th percentile of 20, in ms; the budget is 200 ms.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("platform", "")]

from usage_pages import own_database  # noqa: E402

DAYS, AGENTS, WORDS, TIMES = 90, 8, 300, 20
_SESSIONS = """
    INSERT INTO conversations_realtimesession (
        id, tenant_id, session_id, call_id, model, agent_version_id, kind, dialect, safety_identifier, started_at,
        alive_at, ended_at, end_reason, close_code, turns, responses, interruptions, errors, user_audio_ms,
        assistant_audio_ms, cost_micro, response_ms
    )
    SELECT gen_random_uuid(), %(tenant)s, 'sess_' || n, 'rtc_' || n, 'agent/one', versions[1 + n %% 8], 'realtime',
        'ga', '', began, began, began + interval '2 minutes', 'client_closed', 1000, 10, 10, 0, 0, 30000, 40000,
        4000, '{500,600}'
    FROM generate_series(1, %(sessions)s) AS n,
        (SELECT %(versions)s::uuid[] AS versions) AS whose,
        LATERAL (SELECT %(since)s::timestamptz + n * %(step)s::interval AS began) AS moment
"""
# A word's rank is a power of chance, so that some are in nearly every transcript and most in few.
_TEXTS = """
    INSERT INTO conversations_sessiontext (id, tenant_id, session_id, text)
    SELECT gen_random_uuid(), "tenant_id", id, (
        SELECT string_agg('word' || floor(exp(random() * ln(50000)))::int, ' ')
            || CASE WHEN replace(session_id, 'sess_', '')::int %% 20000 = 7 THEN ' giraffe parcel' ELSE '' END
        FROM generate_series(1, %(words)s) AS n WHERE session_id IS NOT NULL
    )
    FROM conversations_realtimesession WHERE "tenant_id" = %(tenant)s
"""
_INSIGHTS = """
    INSERT INTO transcripts_insights (
        id, tenant_id, session_id, summary, outcome, sentiment, data, model, cost_micro, made_at
    )
    SELECT gen_random_uuid(), "tenant_id", id, 'They spoke about it.',
        (ARRAY['resolved', 'resolved', 'unresolved', 'unknown'])[1 + floor(random() * 4)::int],
        'neutral', '{}', 'local/extract', 0, ended_at
    FROM conversations_realtimesession WHERE "tenant_id" = %(tenant)s
"""
SEARCHES: Mapping[str, dict[str, Any]] = {
    "a rare word": {"text": "giraffe"},
    "one in half of them": {"text": "word15"},
    "one in nearly all": {"text": "word1"},
    "two words": {"text": "word30 word400"},
    "a phrase": {"text": '"giraffe parcel"'},
    "a phrase of frequent words": {"text": '"word2 word3"'},
    "or, and not": {"text": "giraffe or word900 -word4"},
    "none": {"text": "rhinoceros"},
    "a rare word, of an agent": {"text": "giraffe", "agent": True},
    "one in half of them, of an agent": {"text": "word15", "agent": True},
    "one in half of them, of three days": {"text": "word15", "days": 3},
    "two words, resolved": {"text": "word30 word400", "outcome": "resolved"},
    "one in half of them, not resolved": {"text": "word15", "outcome": "unresolved"},
    "no words, not resolved": {"outcome": "unresolved"},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=100_000)
    size = parser.parse_args().sessions
    with own_database():
        tenant_id = furnish("searched", size)
        print(f"\n{size:,} transcripts of {WORDS} words\n")
        print(f"{'':44}{'median':>9}{'95 %':>9}{'shown':>9}")
        for name, wanted in SEARCHES.items():
            found = [searched(tenant_id, **wanted) for _ in range(TIMES)]
            times = sorted(ms for ms, _ in found)
            print(
                f"{name:44}{statistics.median(times):9.1f}{times[-2]:9.1f}{found[0][1]:9}",
                flush=True,
            )


def furnish(slug: str, sessions: int) -> Any:
    from django.db import connection

    from apps.accounts.services import user_create
    from apps.agents.services import agent_create, agent_publish
    from apps.core.tenancy import atomic, tenant_context
    from apps.tenants.services import tenant_create

    owner = user_create(email=f"owner@{slug}.example", password=slug)
    tenant = tenant_create(slug=slug, name=slug, owner=owner)
    since = datetime.now(UTC) - timedelta(days=DAYS)
    with tenant_context(tenant.id):
        agents = [
            agent_create(slug=f"agent-{n}", name=f"Agent {n}", template="receptionist") for n in range(AGENTS)
        ]
        versions = [agent_publish(agent=agent).id for agent in agents]
        given = {
            "tenant": tenant.id,
            "sessions": sessions,
            "versions": versions,
            "since": since,
            "step": timedelta(days=DAYS) / sessions,
            "words": WORDS,
        }
        for statement in (_SESSIONS, _TEXTS, _INSIGHTS):
            with atomic(), connection.cursor() as cursor:
                cursor.execute(statement, given)
    with connection.cursor() as cursor:
        for table in ("conversations_realtimesession", "conversations_sessiontext", "transcripts_insights"):
            cursor.execute(f"VACUUM ANALYZE {table}")
    return tenant.id


def searched(
    tenant_id: Any, *, text: str | None = None, agent: bool = False, days: int = 0, outcome: str | None = None
) -> tuple[float, int]:
    """How long the first page takes in ms, and how many sessions are on it."""
    from apps.agents.models import Agent
    from apps.conversations.selectors import session_list, snippets
    from apps.core.tenancy import tenant_context
    from apps.dashboard.paging import page_of

    with tenant_context(tenant_id):
        agent_id = Agent.objects.order_by("slug")[0].id if agent else None
        since = datetime.now(UTC) - timedelta(days=days) if days else None
        began = time.perf_counter()
        found = session_list(text=text, agent_id=agent_id, started_from=since, outcome=outcome)
        page = page_of(found, by="started_at")
        said = snippets(page.rows, text=text) if text else {}
        took = (time.perf_counter() - began) * 1000
        assert len(said) == (len(page.rows) if text else 0)
        return took, len(page.rows)


if __name__ == "__main__":
    main()
