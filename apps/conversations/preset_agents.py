"""Agents in the place of a model: the session that one brings along."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from channels.db import database_sync_to_async

from antiphon.protocol import errors, provider_data
from antiphon.protocol.session_update import SessionPatch
from antiphon.providers.registry import ModelRegistry
from apps.agents.choosing import PREFIX, AgentRefused, ChosenAgent, agent_choose
from apps.agents.sessions import session_settings
from apps.agents.variables import BadVariables, filled, values_of
from apps.keys.authentication import KeyGrant


@dataclass(frozen=True, slots=True)
class PresetAgent:
    """An agent as it is when a session opens. `name` is what the session shows as its model; `settings` is what it
    changes of a session. `version_id` is None for a draft, `session_seconds` where it has no limit of its own."""

    name: str
    version_id: uuid.UUID | None
    model: str
    settings: SessionPatch
    first_message: str
    session_seconds: int | None
    keep_log: bool
    keep_audio: bool

    def among(self, models: ModelRegistry) -> ModelRegistry:
        """These models, which know the agent by its name."""
        return models.with_alias(self.name, self.model or models.defaults.language_model)


def is_agent(model: str) -> bool:
    return model.startswith(PREFIX)


async def preset_agent(
    name: str, grant: KeyGrant, variables: Mapping[str, str], *, identity: str = ""
) -> PresetAgent:
    """`name` may leave the version open; `identity` is who uses the client. Raises Refused."""
    chosen = await _chosen(name, grant, identity)
    try:
        values = values_of(chosen.spec.prompt.variables, variables)
    except BadVariables as bad:
        raise errors.invalid_request("invalid_variables", str(bad), "variables") from None
    return _preset(chosen, values)


async def minted_agent(name: str, grant: KeyGrant) -> PresetAgent:
    """The same for a client secret, whose client may bring the variables later. Raises Refused."""
    return _preset(await _chosen(name, grant, ""), {})


def variables_of(preset: SessionPatch) -> dict[str, str]:
    """What a client secret fills an agent's texts with."""
    data = preset.providerData
    return provider_data.variables(data) if isinstance(data, dict) else {}


async def _chosen(name: str, grant: KeyGrant, identity: str) -> ChosenAgent:
    try:
        call = database_sync_to_async(agent_choose, thread_sensitive=False)
        chosen: ChosenAgent = await call(tenant_id=grant.tenant_id, name=name, identity=identity)
    except AgentRefused as refused:
        raise errors.invalid_request("invalid_model", str(refused), "model") from None
    return chosen


def _preset(chosen: ChosenAgent, values: Mapping[str, str]) -> PresetAgent:
    spec = chosen.spec
    return PresetAgent(
        name=chosen.name,
        version_id=chosen.version_id,
        model=spec.model.name,
        settings=msgspec.convert(session_settings(spec, values, chosen.tools), SessionPatch),
        first_message=filled(spec.first_message, values),
        session_seconds=spec.limits.session_seconds,
        keep_log=spec.privacy.keep_log,
        keep_audio=spec.privacy.record,
    )
