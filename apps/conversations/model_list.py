from dataclasses import dataclass
from datetime import date
from functools import partial

from channels.db import database_sync_to_async
from django.utils import timezone

from antiphon.providers.catalogue import loader as catalogue
from apps.agents.selectors import live_agents
from apps.conversations import runtime
from apps.core.tenancy import tenant_context
from apps.keys.authentication import KeyGrant


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model that a tenant's sessions can name. `created` is in seconds since 1970; 0 is unknown."""

    id: str
    owned_by: str
    created: int = 0
    shutdown_date: date | None = None


async def model_list(grant: KeyGrant) -> list[ModelInfo]:
    """The models that a session of this tenant can name, of every kind, by name: embedded ones, routers, agents,
    those of the operator's own servers, and what the catalogue knows of vendors for which there is a key. Others of
    these vendors may work as well."""
    models = await runtime.models_of(grant)
    listed = {model.name: ModelInfo(model.name, model.provider) for model in models.list()}
    usable, today = models.usable, _today()
    for entry in catalogue.entries():
        if entry.provider in usable and entry.lifecycle_on(today) != "retired":
            listed[entry.name] = ModelInfo(entry.name, entry.provider, shutdown_date=entry.shutdown_at)
    for name, created in await _agents_of(grant):
        listed[name] = ModelInfo(name, "agent", created=created)
    return [listed[name] for name in sorted(listed)]


@partial(database_sync_to_async, thread_sensitive=False)
def _agents_of(grant: KeyGrant) -> list[tuple[str, int]]:
    with tenant_context(grant.tenant_id):
        return [(str(agent), int(agent.created_at.timestamp())) for agent in live_agents()]


def _today() -> date:
    return timezone.now().date()
