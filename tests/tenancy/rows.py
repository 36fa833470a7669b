"""How to make a row of each tenant model. A new model gets a line here, or its tests fail."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from apps.audit.services import record
from apps.conversations.models import RealtimeSession, SessionEvent
from apps.core.models import TenantModel
from apps.credentials.services import credential_set, provider_put
from apps.keys.services import api_key_create, client_secret_create
from apps.routers.services import router_put
from apps.tenants.invitations import invitation_create
from apps.tenants.models import Role
from apps.tenants.services import membership_create
from tests.cast import make_user


def make_client_secret(name: str) -> TenantModel:
    key = api_key_create(name=name).key
    return client_secret_create(
        key_id=key.id, session_preset="{}", expires_after=timedelta(minutes=10)
    ).secret


def make_session(name: str) -> RealtimeSession:
    now = timezone.now()
    return RealtimeSession.objects.create(session_id=name, model="local/test", started_at=now, alive_at=now)


def make_event(name: str) -> SessionEvent:
    return SessionEvent.objects.create(
        session=make_session(name),
        seq=0,
        at=timezone.now(),
        direction="client",
        type="response.create",
        body={},
    )


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
    "routers.Router": lambda name: router_put(
        name=name, definition='{"kind": "speech_to_text", "models": ["local/test"]}'
    ),
    "conversations.RealtimeSession": make_session,
    "conversations.SessionEvent": make_event,
}
