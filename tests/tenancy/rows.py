"""How to make a row of each tenant model. A new model gets a line here, or its tests fail."""

import uuid
from collections.abc import Callable
from datetime import date, timedelta

from django.utils import timezone

from apps.agents.models import AgentVersion
from apps.agents.services import agent_create, agent_publish, agent_save_draft
from apps.agents.spec import AgentSpec, Prompt
from apps.analytics.models import DefaultView, SavedView
from apps.api.models import IdempotentRequest
from apps.api.services import request_keep
from apps.audit.services import record
from apps.billing.models import (
    Account,
    AccountBalance,
    Budget,
    Kind,
    LedgerEntry,
    LedgerTransaction,
    SpendHold,
    SpendWarning,
)
from apps.billing.services import account_open
from apps.billing.stripe.models import (
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    LineKind,
    MeterPush,
    Refund,
    Subscription,
    TopUp,
    TopUpSource,
)
from apps.conversations.models import RealtimeSession, SessionEvent, SessionText
from apps.core.models import TenantModel
from apps.core.tenancy import atomic
from apps.credentials.services import credential_set, provider_put
from apps.customers.models import Customer, CustomerMarkup, Statement, StatementLine
from apps.customers.services import customer_create
from apps.jobs.models import Job
from apps.keys.services import api_key_create, client_secret_create
from apps.limits.services import limit_request_create, tenant_limits_set
from apps.privacy.erasing import person_erase
from apps.privacy.exporting import export_request
from apps.privacy.models import ErasureStep, Redaction
from apps.recordings.models import Recording
from apps.reports.models import Format, ReportKind, ReportRun, ReportSchedule
from apps.reports.parameters import Wanted
from apps.reports.services import report_request, schedule_create
from apps.routers.services import router_put
from apps.tenants.invitations import invitation_create
from apps.tenants.models import Role
from apps.tenants.services import membership_create
from apps.tools.models import SigningSecret, Tool, ToolHeader
from apps.tools.services import tool_create
from apps.transcripts.models import Insights, Transcript, TurnTime
from apps.usage.models import UsageDay, UsageHour, UsageLine
from apps.webhooks.models import Attempt, Delivery, Endpoint, EndpointSecret, WebhookEvent
from tests.cast import make_user


def make_client_secret(name: str) -> TenantModel:
    key = api_key_create(name=name).key
    return client_secret_create(
        key_id=key.id, session_preset="{}", expires_after=timedelta(minutes=10)
    ).secret


def make_session(name: str) -> RealtimeSession:
    now = timezone.now()
    return RealtimeSession.objects.create(session_id=name, model="local/test", started_at=now, alive_at=now)


def make_recording(name: str) -> Recording:
    session = make_session(name)
    return Recording.objects.create(session=session, started_at=session.started_at)


def make_event(name: str) -> SessionEvent:
    return SessionEvent.objects.create(
        session=make_session(name),
        seq=0,
        at=timezone.now(),
        direction="client",
        type="response.create",
        body={},
    )


def make_tool(name: str) -> Tool:
    return tool_create(
        slug=name, kind="http", url="https://tools.example.com/", headers={"X-Key": "a-secret-value"}
    ).tool


def make_idempotent_request(name: str) -> TenantModel:
    key = api_key_create(name=name).key
    request_keep(
        key_id=key.id, operation="keys_create", idempotency_key=name, body_digest=b"x", status=201, body="{}"
    )
    return IdempotentRequest.objects.get(key=key)


_USED = {
    "kind": "speech",
    "provider": "local",
    "model": "local/piper-joe",
    "unit": "character",
    "quantity": 12,
    "cost_micro": 0,
    "price_micro": 0,
}


def make_line(name: str) -> UsageLine:
    return UsageLine.objects.create(
        **_USED,
        key=f"{name}:speech:resp_1:0",
        session_id=name,
        attempt=0,
        estimated=False,
        is_priced=True,
        at=timezone.now(),
        posting_id=uuid.uuid4(),
    )


def make_version(name: str) -> AgentVersion:
    """And its share of traffic."""
    spec = AgentSpec(prompt=Prompt(instructions="Be kind."))
    agent = agent_create(slug=name, name=name)
    agent_save_draft(agent=agent, spec=spec, revision=0)
    return agent_publish(agent=agent)


def make_customer(name: str) -> Customer:
    return customer_create(external_id=name, name=name)


def make_statement(name: str) -> Statement:
    return Statement.objects.create(
        customer=make_customer(name),
        month=date(2026, 6, 1),
        tenant_name=name,
        customer_name=name,
        external_id=name,
        records=1,
        unpriced=0,
        price_micro=4,
        resale_micro=5,
        issued_at=timezone.now(),
    )


def make_statement_line(name: str) -> StatementLine:
    return StatementLine.objects.create(
        statement=make_statement(name),
        day=date(2026, 6, 10),
        kind="speech",
        model="local/piper-joe",
        unit="character",
        markup_bp=2500,
        quantity=12,
        records=1,
        unpriced=0,
        price_micro=4,
        resale_micro=5,
    )


@atomic()
def make_ledger_transaction(name: str) -> LedgerTransaction:
    made = LedgerTransaction.objects.create(kind=Kind.CORRECTION, reference=name, at=timezone.now())
    for account, amount in ((Account.BALANCE, 5), (Account.CORRECTION, -5)):
        LedgerEntry.objects.create(transaction=made, account=account, amount_micro=amount)
    return made


def make_top_up(name: str) -> TopUp:
    now = timezone.now()
    return TopUp.objects.create(source=TopUpSource.CHECKOUT, amount_micro=5_000_000, created_at=now)


def make_invoice(name: str) -> Invoice:
    now = timezone.now()
    return Invoice.objects.create(stripe_invoice_id=name, status=InvoiceStatus.OPEN, created_at=now)


def make_push(name: str) -> MeterPush:
    now = timezone.now()
    return MeterPush.objects.create(until=now, cents=5, meter=name, next_at=now, created_at=now)


def make_endpoint(name: str) -> Endpoint:
    """One that nobody may reach."""
    return Endpoint.objects.create(url=f"https://127.0.0.1:9/{name}")


def make_webhook_event(name: str) -> WebhookEvent:
    key = f"{name} {uuid.uuid4()}"
    return WebhookEvent.objects.create(type="report.ready", data={}, key=key, at=timezone.now())


def make_delivery(name: str) -> Delivery:
    return Delivery.objects.create(
        event=make_webhook_event(name), endpoint=make_endpoint(name), next_at=timezone.now()
    )


def make_attempt(name: str) -> Attempt:
    return Attempt.objects.create(
        delivery=make_delivery(name), number=1, at=timezone.now(), duration_ms=5, request_headers={}
    )


def make_default_view(name: str) -> DefaultView:
    view = SavedView.objects.create(name=name)
    return DefaultView.objects.create(
        member=membership_create(user=make_user(name), role=Role.VIEWER), view=view
    )


def make_report() -> ReportRun:
    day = timezone.now().date()
    return report_request(wanted=Wanted(ReportKind.COST, day, day), format=Format.CSV)


def make_report_schedule(name: str) -> ReportSchedule:
    return schedule_create(name=name, kind="cost", formats=["csv"])


MAKERS: dict[str, Callable[[str], TenantModel]] = {
    "tenants.Membership": lambda name: membership_create(user=make_user(name), role=Role.VIEWER),
    "tenants.Invitation": lambda name: invitation_create(
        email=f"{name}@example.com", role=Role.VIEWER, granter=Role.OWNER
    ),
    "audit.AuditEvent": lambda name: record(action="test.done", target=api_key_create(name=name).key),
    "keys.ApiKey": lambda name: api_key_create(name=name).key,
    "keys.ClientSecret": make_client_secret,
    "credentials.ProviderCredential": lambda name: credential_set(provider="groq", key="a-secret-key"),
    "credentials.TenantProvider": lambda name: provider_put(
        slug=name, dialect="openai", base_url="https://models.example.com/v1"
    ),
    "limits.TenantLimits": lambda name: tenant_limits_set(changes={"sessions": 30}),
    "limits.LimitRequest": lambda name: limit_request_create(limit="sessions", wanted=100, reason=name),
    "api.IdempotentRequest": make_idempotent_request,
    "routers.Router": lambda name: router_put(
        name=name, definition='{"kind": "speech_to_text", "models": ["local/test"]}'
    ),
    "tools.Tool": lambda name: tool_create(slug=name, kind="client").tool,
    "tools.ToolHeader": lambda name: ToolHeader.objects.get(tool=make_tool(name)),
    "tools.SigningSecret": lambda name: SigningSecret.objects.get(tool=make_tool(name)),
    "agents.Agent": lambda name: agent_create(slug=name, name=name),
    "agents.AgentVersion": make_version,
    "agents.TrafficShare": lambda name: make_version(name).share,
    "conversations.RealtimeSession": make_session,
    "conversations.SessionEvent": make_event,
    "recordings.Recording": make_recording,
    "conversations.SessionText": lambda name: SessionText.objects.create(
        session=make_session(name), text="Hello."
    ),
    "transcripts.Transcript": lambda name: Transcript.objects.create(
        session=make_session(name), entries=[], made_at=timezone.now()
    ),
    "transcripts.Insights": lambda name: Insights.objects.create(
        session=make_session(name), model="local/extract", made_at=timezone.now()
    ),
    "transcripts.TurnTime": lambda name: TurnTime.objects.create(
        session=make_session(name), number=1, at=timezone.now(), model="local/test"
    ),
    "privacy.Redaction": lambda name: Redaction.objects.create(
        session=make_session(name), channel=0, start_ms=0, end_ms=500, kind="email"
    ),
    "privacy.Erasure": lambda name: person_erase(identifier=name),
    "privacy.ErasureStep": lambda name: ErasureStep.objects.create(
        erasure=person_erase(identifier=name), number=1
    ),
    "privacy.TenantExport": lambda name: export_request(),
    "billing.BillingAccount": lambda name: account_open(),
    "billing.LedgerTransaction": make_ledger_transaction,
    "billing.LedgerEntry": lambda name: make_ledger_transaction(name).entries.all()[0],
    "billing.AccountBalance": lambda name: AccountBalance.objects.get(
        tenant=make_ledger_transaction(name).tenant, account=Account.BALANCE
    ),
    "billing.SpendHold": lambda name: SpendHold.objects.create(
        session_id=name, granted_micro=5, expires_at=timezone.now() + timedelta(seconds=20)
    ),
    "billing.TopUp": make_top_up,
    "billing.Subscription": lambda name: Subscription.objects.create(plan="pro", created_at=timezone.now()),
    "billing.Invoice": make_invoice,
    "billing.InvoiceLine": lambda name: InvoiceLine.objects.create(
        invoice=make_invoice(name), kind=LineKind.PLAN, description=name, amount_micro=5
    ),
    "billing.MeterPush": make_push,
    "billing.Refund": lambda name: Refund.objects.create(
        top_up=make_top_up(name), amount_micro=10_000, reason=name, created_at=timezone.now()
    ),
    "billing.Budget": lambda name: Budget.objects.create(amount_micro=1_000_000),
    "billing.SpendWarning": lambda name: SpendWarning.objects.create(
        period=name, percent=50, spent_micro=5, amount_micro=10
    ),
    "customers.Customer": make_customer,
    "customers.CustomerMarkup": lambda name: CustomerMarkup.objects.get(customer=make_customer(name)),
    "customers.Statement": make_statement,
    "customers.StatementLine": make_statement_line,
    "jobs.Job": lambda name: Job.objects.create(kind="test.work", key=name, run_at=timezone.now()),
    "webhooks.Endpoint": make_endpoint,
    "webhooks.EndpointSecret": lambda name: EndpointSecret.objects.create(endpoint=make_endpoint(name)),
    "webhooks.WebhookEvent": make_webhook_event,
    "webhooks.Delivery": make_delivery,
    "webhooks.Attempt": make_attempt,
    "analytics.SavedView": lambda name: SavedView.objects.create(name=name, query="period=7"),
    "analytics.DefaultView": make_default_view,
    "reports.ReportRun": lambda name: make_report(),
    "reports.ReportSchedule": make_report_schedule,
    "usage.UsageLine": make_line,
    "usage.UsageHour": lambda name: UsageHour.objects.create(**_USED, records=1, hour=timezone.now()),
    "usage.UsageDay": lambda name: UsageDay.objects.create(**_USED, records=1, day=timezone.now().date()),
}
