"""How many queries each page makes, frozen. `UPDATE_QUERY_COUNTS=1 pytest ...` writes the counts anew."""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.agents.services import agent_create, agent_publish
from apps.billing.budgets import budget_create
from apps.conversations.models import RealtimeSession
from apps.conversations.samples import samples_create
from apps.core.tenancy import tenant_context
from apps.customers.months import month_of
from apps.customers.services import customer_create, statement_issue
from apps.keys.services import api_key_create
from apps.privacy.erasing import person_erase
from apps.privacy.exporting import export_request
from apps.reports.models import Format, ReportKind
from apps.reports.parameters import Wanted
from apps.reports.services import report_request, schedule_create
from apps.tools.services import tool_create
from tests.cast import PASSWORD, Person
from tests.tenancy.rows import make_delivery

COUNTS = Path(__file__).with_name("query_counts.json")
PAGES = {
    "overview": "/acme/",
    "sessions": "/acme/sessions/",
    "sessions, filtered": "/acme/sessions/?q=parcel&model=local/&errors_only=on",
    "sessions, running": "/acme/sessions/running/",
    "session": "/acme/sessions/{session}/",
    "session, transcript": "/acme/sessions/{session}/transcript/",
    "session, latency": "/acme/sessions/{session}/latency/",
    "session, cost": "/acme/sessions/{session}/cost/",
    "session, events": "/acme/sessions/{session}/events/",
    "session, raw": "/acme/sessions/{session}/raw/",
    "live": "/acme/live/",
    "logs": "/acme/logs/",
    "analytics": "/acme/analytics/?by=version",
    "analytics, views": "/acme/analytics/views/",
    "usage": "/acme/usage/",
    "usage, records": "/acme/usage/records/?kind=response",
    "reports": "/acme/reports/",
    "report, new": "/acme/reports/new/?kind=cost",
    "report, schedules": "/acme/reports/schedules/",
    "routers": "/acme/routers/",
    "voices": "/acme/voices/",
    "providers": "/acme/providers/",
    "keys": "/acme/keys/",
    "customers": "/acme/customers/",
    "customer": "/acme/customers/globex/",
    "customer, statement": "/acme/customers/globex/statements/{month}/",
    "customer, records": "/acme/customers/globex/records/",
    "agents": "/acme/agents/",
    "agent": "/acme/agents/desk/",
    "agent, publish": "/acme/agents/desk/publish",
    "agent, versions": "/acme/agents/desk/versions",
    "agent, code": "/acme/agents/desk/code",
    "tools": "/acme/tools/",
    "playground": "/acme/playground/?agent=desk",
    "webhooks": "/acme/webhooks/",
    "webhook": "/acme/webhooks/{endpoint}/",
    "webhook, deliveries": "/acme/webhooks/deliveries/",
    "webhook, delivery": "/acme/webhooks/deliveries/{delivery}/",
    "budgets": "/acme/budgets/",
    "team": "/acme/team/",
    "settings": "/acme/settings/",
    "limits": "/acme/limits/",
    "billing": "/acme/billing/",
    "plans": "/acme/billing/plans/",
    "statement": "/acme/billing/statement/",
    "privacy": "/acme/privacy/",
    "audit": "/acme/audit/",
}


@pytest.mark.django_db
def test_no_page_makes_more_queries_than_it_did(alice: Person) -> None:
    month = month_of(timezone.now().date()) - timedelta(days=1)
    with tenant_context(alice.tenant.id):
        samples_create(sessions=70, days=7, with_events=10)
        RealtimeSession.objects.filter(id=RealtimeSession.objects.all()[1].id).update(ended_at=None)
        session = RealtimeSession.objects.first()
        for slug in ("desk", "counter", "kitchen"):
            agent_publish(agent=agent_create(slug=slug, name=slug, template="receptionist"))
            tool_create(slug=f"ask_{slug}", kind="client")
            budget_create(amount_micro=1_000_000)
        for external_id in ("globex", "initech", "hooli"):
            customer = customer_create(external_id=external_id, name=external_id)
            api_key_create(name=external_id, customer=customer)
            statement_issue(customer=customer, month=month)
            report_request(wanted=Wanted(ReportKind.COST, month, month), format=Format.PDF)
            person_erase(identifier=external_id)
            export_request()
            schedule_create(name=external_id, kind="cost", formats=["pdf"])
        delivery = make_delivery("one")
        make_delivery("two")
    assert session is not None
    client = Client()
    assert client.login(email=alice.user.email, password=PASSWORD)
    named = {
        "session": session.session_id,
        "month": f"{month:%Y-%m}",
        "endpoint": delivery.endpoint_id,
        "delivery": delivery.id,
    }
    counts = {name: count(client, page.format(**named)) for name, page in PAGES.items()}
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        COUNTS.write_text(json.dumps(counts, indent=2) + "\n")
    assert counts == json.loads(COUNTS.read_text())


def count(client: Client, address: str) -> int:
    asked: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            asked.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        assert client.get(address).status_code == 200
    return len(asked)
