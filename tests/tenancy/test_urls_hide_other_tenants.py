"""Every URL that carries something of a tenant answers 404 to another tenant's member and key."""

import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.urls.resolvers import URLResolver

from apps.agents.models import Agent
from apps.agents.services import agent_create
from apps.analytics.models import SavedView
from apps.billing.budgets import budget_create
from apps.billing.models import Budget, InvoiceLine, LedgerTransaction
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.credentials.models import ProviderCredential
from apps.credentials.services import credential_set
from apps.customers.models import Statement
from apps.privacy.erasing import person_erase
from apps.privacy.exporting import export_request
from apps.privacy.models import Erasure, TenantExport
from apps.reports.models import ReportRun, ReportSchedule
from apps.routers.models import Router
from apps.routers.services import router_put
from apps.tenants.invitations import invitation_create
from apps.tenants.models import Invitation, Role
from apps.tools.models import Tool
from apps.tools.services import tool_create
from apps.webhooks.models import Delivery
from tests.cast import PASSWORD, Person
from tests.tenancy.rows import (
    make_delivery,
    make_invoice,
    make_ledger_transaction,
    make_report,
    make_report_schedule,
    make_session,
    make_statement,
)

STAFF = "admin"  # superusers only, across tenants by purpose
MANAGEMENT = "management"  # the API: tests/api/test_every_operation.py
ACCOUNTS = "accounts/"  # a person's own, of no tenant
IN_OTHER_THREADS = {"model", "hang-up"}  # they see what is committed


def patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern
        elif pattern.namespace not in (STAFF, MANAGEMENT) and str(pattern.pattern) != ACCOUNTS:
            yield from patterns(pattern)


def row_of(person: Person) -> ProviderCredential:
    with tenant_context(person.tenant.id):
        return credential_set(provider="groq", key="a-secret-key")


def invitation_of(person: Person) -> Invitation:
    with tenant_context(person.tenant.id):
        return invitation_create(email="x@example.com", role=Role.VIEWER, granter=Role.OWNER)


def arguments_of(person: Person) -> dict[str, object]:
    """What may stand in the URLs of a person's tenant."""
    return {
        "slug": person.tenant.slug,
        "key_id": person.make_key().key.id,
        "row_id": row_of(person).id,
        "member_id": person.membership.id,
        "invitation_id": invitation_of(person).id,
        "token": "of-mallory",
        "name": "of-mallory",
        "model_id": "agent/of-mallory",
        "call_id": "rtc_of_mallory",
        "agent_slug": agent_of(person).slug,
        "number": 1,
        "tool_id": tool_of(person).id,
        "session_id": session_of(person).session_id,
        "router_name": router_of(person).name,
        "external_id": statement_of(person).external_id,
        "month": "2026-06",
        "transaction_id": posted_by(person).id,
        "id": "of_mallory",
        "invoice_id": invoiced(person).invoice.id,
        "line_id": invoiced(person).id,
        "budget_id": budget_of(person).id,
        "endpoint_id": delivery_of(person).endpoint_id,
        "delivery_id": delivery_of(person).id,
        "report_id": report_of(person).id,
        "schedule_id": schedule_of(person).id,
        "view_id": view_of(person).id,
        "erasure_id": erasure_of(person).id,
        "export_id": export_of(person).id,
    }


def agent_of(person: Person) -> Agent:
    with tenant_context(person.tenant.id):
        return agent_create(slug="theirs", name="Theirs")


def tool_of(person: Person) -> Tool:
    with tenant_context(person.tenant.id):
        return tool_create(slug="get_weather", kind="client").tool


def view_of(person: Person) -> SavedView:
    with tenant_context(person.tenant.id):
        return SavedView.objects.create(name="of-mallory", query="period=7")


def erasure_of(person: Person) -> Erasure:
    with tenant_context(person.tenant.id):
        return person_erase(identifier="of-mallory")


def export_of(person: Person) -> TenantExport:
    with tenant_context(person.tenant.id):
        return export_request()


def budget_of(person: Person) -> Budget:
    with tenant_context(person.tenant.id):
        return budget_create(amount_micro=1_000_000)


def delivery_of(person: Person) -> Delivery:
    """The one there is, or a new one."""
    with tenant_context(person.tenant.id):
        if not Delivery.objects.exists():
            make_delivery("theirs")
        return Delivery.objects.get()


def report_of(person: Person) -> ReportRun:
    with tenant_context(person.tenant.id):
        return make_report()


def schedule_of(person: Person) -> ReportSchedule:
    with tenant_context(person.tenant.id):
        return make_report_schedule("theirs")


def router_of(person: Person) -> Router:
    with tenant_context(person.tenant.id):
        return router_put(name="theirs", definition='{"kind": "speech_to_text", "models": ["local/test"]}')


def statement_of(person: Person) -> Statement:
    with tenant_context(person.tenant.id):
        return make_statement("theirs")


def posted_by(person: Person) -> LedgerTransaction:
    with tenant_context(person.tenant.id):
        return make_ledger_transaction(f"theirs-{uuid.uuid4()}")


def invoiced(person: Person) -> InvoiceLine:
    with tenant_context(person.tenant.id):
        if line := InvoiceLine.objects.select_related("invoice").first():
            return line
        invoice = make_invoice(f"in_{person.tenant.slug}")
        return InvoiceLine.objects.create(invoice=invoice, kind="plan", description="Plan", amount_micro=5)


def session_of(person: Person) -> RealtimeSession:
    with tenant_context(person.tenant.id):
        return make_session("sess_theirs")


WITH_ARGUMENTS = {
    pattern.name: sorted(pattern.pattern.converters) or sorted(pattern.pattern.regex.groupindex)
    for pattern in patterns(get_resolver())
    if pattern.pattern.regex.groupindex
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.django_db(transaction=name in IN_OTHER_THREADS))
        for name in WITH_ARGUMENTS
    ],
)
def test_it_hides_other_tenants(name: str, alice: Person, mallory: Person) -> None:
    theirs = arguments_of(mallory)
    wanted = WITH_ARGUMENTS[name]
    assert set(wanted) <= set(theirs), "Say here what another tenant's argument looks like."
    client = Client(headers={"authorization": f"Bearer {alice.make_key().text}"})
    assert client.login(email=alice.user.email, password=PASSWORD)

    addresses = [{argument: theirs[argument] for argument in wanted}]
    if len(wanted) > 1:
        addresses.append(addresses[0] | {"slug": alice.tenant.slug})
    for arguments in addresses:
        url = reverse(name, kwargs=arguments)
        statuses = {client.get(url).status_code, client.post(url).status_code}
        assert 404 in statuses
        assert statuses <= {404, 405}
