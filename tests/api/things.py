"""One thing of each kind that a path of the management API names."""

from datetime import timedelta

from django.utils import timezone

from apps.agents.services import agent_create, agent_publish, agent_save_draft
from apps.agents.spec import AgentSpec, Prompt
from apps.billing.budgets import budget_create
from apps.core.tenancy import tenant_context
from apps.credentials.services import credential_set, provider_put
from apps.privacy.erasing import person_erase
from apps.privacy.exporting import export_request
from apps.recordings.models import Recording, RecordingState
from apps.routers.services import router_put
from apps.tenants.invitations import invitation_create
from apps.tenants.models import Invitation, Role
from apps.tools.services import tool_create
from apps.transcripts.models import Insights
from tests.cast import Person, member_of
from tests.tenancy.rows import (
    make_delivery,
    make_event,
    make_invoice,
    make_report,
    make_report_schedule,
    make_statement,
)

SLUG, SESSION = "of-a-tenant", "sess_of_a_tenant"
ADDRESS = "https://models.example.com/v1"


def make_things(person: Person) -> dict[str, object]:
    """By the name of the parameter."""
    with tenant_context(person.tenant.id):
        credential_set(provider="groq", key="a-secret-key")
        provider_put(slug=SLUG, dialect="openai", base_url=ADDRESS)
        router_put(name=SLUG, definition='{"kind": "speech_to_text", "models": ["local/test"]}')
        tool_create(slug=SLUG, kind="http", url="https://tools.example.com/", headers={"X-Key": "a-secret"})
        agent = agent_create(slug=SLUG, name="Agent")
        spec = AgentSpec(prompt=Prompt(instructions="Be kind."))
        agent_save_draft(agent=agent, spec=spec, revision=0)
        agent_publish(agent=agent)
        session = make_event(SESSION).session
        Recording.objects.create(session=session, started_at=session.started_at, state=RecordingState.READY)
        Insights.objects.create(session=session, model="local/extract", made_at=timezone.now())
        make_statement(SLUG)
        invoice = make_invoice(f"in_{person.tenant.slug}")
        budget = budget_create(amount_micro=1_000_000)
        delivery = make_delivery(SLUG)
        erasure, export = person_erase(identifier=SLUG), export_request()
        report, schedule = make_report(), make_report_schedule(SLUG)
        invitation = invitation_create(
            email=f"eve@{person.tenant.slug}.example", role=Role.VIEWER, granter=Role.OWNER
        )
        Invitation.objects.update(sent_at=timezone.now() - timedelta(days=1))
    member = member_of(person.tenant, f"carol-of-{person.tenant.slug}", Role.VIEWER)
    return {
        "slug": SLUG,
        "name": SLUG,
        "provider": "groq",
        "session_id": SESSION,
        "number": 1,
        "external_id": SLUG,
        "month": "2026-06",
        "member_id": member.membership.id,
        "invitation_id": invitation.id,
        "budget_id": budget.id,
        "endpoint_id": delivery.endpoint_id,
        "delivery_id": delivery.id,
        "erasure_id": erasure.id,
        "export_id": export.id,
        "report_id": report.id,
        "schedule_id": schedule.id,
        "invoice_id": invoice.id,
        "key_id": person.make_key().key.id,
    }
