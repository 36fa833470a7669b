"""Measures what the usage pages of a tenant with very many records cost the server, and prints one table.

    python bench/usage_pages.py                    a million records of 30 days; about two minutes
    python bench/usage_pages.py --records 100000

Starts a PostgreSQL of its own in a temporary folder. There are twenty records for each session, of ten API keys and
24 versions of eight agents with models of their own; some are of a model that is rare. Time is as in
bench/pages.py; the budget is 100 ms.
"""

import argparse
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("platform", "")]

from pages import print_head, print_row, signed_in  # noqa: E402

SLUG, DAYS, IN_A_SESSION, RARE = "many", 30, 20, "acme/rare"

_SESSIONS = """
    INSERT INTO conversations_realtimesession (
        id, tenant_id, session_id, call_id, api_key_id, model, agent_version_id, kind, dialect, safety_identifier,
        started_at, alive_at, ended_at, end_reason, close_code, turns, responses, interruptions, errors,
        user_audio_ms, assistant_audio_ms, cost_micro, response_ms
    )
    SELECT gen_random_uuid(), %(tenant)s, 'sess_' || n, 'rtc_' || n, keys[1 + n %% 10], 'agent/one',
        versions[1 + n / 10 %% 24], 'realtime', 'ga', '', began, began, began + interval '2 minutes',
        'client_closed', 1000, 4, 4, 0, 0, 30000, 40000, 4000, '{500,600,550,700}'
    FROM generate_series(1, %(sessions)s) AS n,
        (SELECT %(keys)s::uuid[] AS keys, %(versions)s::uuid[] AS versions) AS whose,
        LATERAL (SELECT %(since)s::timestamptz + n * %(step)s::interval AS began) AS moment
"""
_LINES = """
    INSERT INTO usage_usageline (
        tenant_id, key, unit, kind, session_id, attempt, api_key_id, agent_version_id, provider, model, quantity,
        rate_id, unit_price, per, cost_micro, price_micro, estimated, is_priced, at, posting_id
    )
    SELECT %(tenant)s, 'sess_' || n || ':' || kind || ':' || turn, unit, kind, 'sess_' || n, 0, keys[1 + n %% 10],
        versions[version], split_part(model, '/', 1), model, 50 + n %% 100, 'list', 0.6, 1000000, 80, 100 + n %% 50,
        n %% 50 = 0, n %% 9999 > 0,
        %(since)s::timestamptz + n * %(step)s::interval + turn * interval '25 seconds', gen_random_uuid()
    FROM generate_series(1, %(sessions)s) AS n,
        generate_series(1, 4) AS turn,
        (VALUES ('transcription', 'input_audio_ms'), ('response', 'input_text_token'),
            ('response', 'cached_text_token'), ('response', 'output_text_token'), ('speech', 'character')
        ) AS used (kind, unit),
        (SELECT %(keys)s::uuid[] AS keys, %(versions)s::uuid[] AS versions) AS whose,
        LATERAL (SELECT 1 + n / 10 %% 24 AS version) AS chosen,
        LATERAL (SELECT CASE WHEN n %% 7777 = 0 THEN 'acme/rare'
            WHEN kind = 'response' THEN 'groq/model-' || version %% 6
            WHEN kind = 'speech' THEN 'cartesia/voice-' || version %% 2
            ELSE 'deepgram/nova' END AS model) AS named
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000, help="how many (1000000)")
    records = parser.parse_args().records
    with own_database():
        key = furnish(records)
        pages, operations = addresses()
        print_head()
        client = signed_in(SLUG)
        for name, address in pages.items():
            print_row(name, client, address)
        for name, address in operations.items():
            print_row(name, program(key), address)


@contextmanager
def own_database() -> Iterator[None]:
    from antiphon.embedded.postgres import EmbeddedPostgres
    from antiphon.embedded.roles import prepare_roles

    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder), durable=False)
        server.start()
        try:
            urls = prepare_roles(server.superuser_url)
            os.environ |= {
                "DATABASE_URL": urls.app,
                "ACROSS_DATABASE_URL": urls.across,
                "ANTIPHON_DATA_DIR": folder,
                "DJANGO_SETTINGS_MODULE": "antiphon.config.settings.test",
            }
            import django
            from django.core.management import call_command
            from django.db import connections

            django.setup()
            call_command("migrate", verbosity=0)
            yield
            connections.close_all()
        finally:
            server.stop()


def furnish(records: int) -> str:
    """Returns an API key that may do everything."""
    from django.core.management import call_command
    from django.db import connection

    from apps.accounts.services import user_create
    from apps.agents.services import agent_create, agent_publish
    from apps.core.tenancy import tenant_context
    from apps.keys.models import Scope
    from apps.keys.services import api_key_create
    from apps.tenants.services import tenant_create

    owner = user_create(email="owner@example.com", password=uuid.uuid4().hex)
    tenant = tenant_create(slug=SLUG, name="Many", owner=owner)
    began, sessions = time.monotonic(), records // IN_A_SESSION
    with tenant_context(tenant.id):
        made = [api_key_create(name=f"Key {n}", scopes=Scope.values) for n in range(10)]
        agents = [
            agent_create(slug=f"agent-{n}", name=f"Agent {n}", template="receptionist") for n in range(8)
        ]
        versions = [agent_publish(agent=agent).id for agent in agents for _ in range(3)]
        given = {
            "tenant": tenant.id,
            "sessions": sessions,
            "keys": [each.key.id for each in made],
            "versions": versions,
            "since": datetime.now(UTC) - timedelta(days=DAYS, minutes=5),
            "step": timedelta(days=DAYS) / sessions,
        }
        with connection.cursor() as cursor:
            cursor.execute(_SESSIONS, given)
            cursor.execute(_LINES, given)
            lines = cursor.rowcount
    seeded = time.monotonic()
    call_command("rebuild_rollups", tenant=SLUG)
    rebuilt = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(f"{lines:,} records in {seeded - began:.0f} s, their sums in {rebuilt - seeded:.0f} s\n")
    return made[0].text


def addresses() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Pages and operations, by name."""
    from apps.core.tenancy import tenant_context
    from apps.dashboard.paging import page_of
    from apps.keys.models import ApiKey
    from apps.tenants.models import Tenant
    from apps.usage.models import UsageLine

    with tenant_context(Tenant.objects.get(slug=SLUG).id):
        key = ApiKey.objects.earliest("created_at").id
        lines = UsageLine.objects.all()
        deep = page_of(lines, by="at", size=lines.count() // 2).older
    page, api = f"/{SLUG}/usage/", "/api/v1"
    first = (datetime.now(UTC) - timedelta(days=90)).date()
    pages = {
        "usage, today": f"{page}?period=today",
        "usage, 7 days": f"{page}?period=7",
        "usage, 30 days": page,
        "usage, 90 days": f"{page}?first={first}",
        "usage, of a model": f"{page}?model=groq/model-1",
        "usage, of an agent": f"{page}?agent=agent-1",
        "usage, of a key": f"{page}?key={key}",
        "records": f"{page}records/",
        "records, in the middle": f"{page}records/?cursor={deep}",
        "records, of a model": f"{page}records/?model=groq/model-1",
        "records, of a model that is rare": f"{page}records/?model={RARE}",
        "records, of a rare model and a key": f"{page}records/?model={RARE}&key={key}",
        "records, of no model": f"{page}records/?model=of/none",
        "records, without a price": f"{page}records/?unpriced=on",
        "records, of a session": f"{page}records/?session=sess_77",
        "a session's cost": f"/{SLUG}/sessions/sess_77/cost/",
        "overview, 30 days": f"/{SLUG}/?days=30",
    }
    week = f"first={(datetime.now(UTC) - timedelta(days=6)).date()}"
    ways = ("day", "model", "unit", "api_key", "agent", "agent_version", "customer")
    operations = {f"GET /usage by {way}": f"{api}/usage?by={way}" for way in ways} | {
        "GET /usage by hour": f"{api}/usage?by=hour&{week}",
        "GET /usage by hour, of an agent": f"{api}/usage?by=hour&agent=agent-1&{week}",
        "GET /usage/records": f"{api}/usage/records?limit=100",
        "GET /usage/records of a rare model": f"{api}/usage/records?limit=100&model={RARE}",
        "GET /usage/records without a price": f"{api}/usage/records?limit=100&only_unpriced=true",
        "GET /sessions/{id}/usage": f"{api}/sessions/sess_77/usage?limit=100",
    }
    return pages, operations


def program(key: str) -> "Client":  # noqa: F821
    from django.test import Client

    return Client(headers={"authorization": f"Bearer {key}"})


if __name__ == "__main__":
    main()
