"""The session that a client secret brings along: checked when it is minted, applied when a client connects."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from msgspec import UNSET, structs

from antiphon.engine.ports import UnknownModel
from antiphon.engine.tool_offers import check_tools
from antiphon.protocol import errors
from antiphon.protocol.client_events import SessionUpdate
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.dialects.ga import GA
from antiphon.protocol.dialects.named import DialectName
from antiphon.protocol.session import AudioOutput, Session, SessionAudio, TranscriptionSession, shown
from antiphon.protocol.session_update import SessionPatch
from antiphon.providers.registry import ModelRegistry
from apps.conversations import runtime
from apps.conversations.on_account import CUSTOMER, customer_named, for_customer
from apps.conversations.preset_agents import is_agent, minted_agent
from apps.keys.authentication import KeyGrant

_INSTRUCTIONS = (
    "You are a helpful voice assistant. Your answers are spoken aloud: keep them short and natural, "
    "and use no lists, headings or markup."
)


@dataclass(frozen=True, slots=True)
class CheckedPreset:
    """`text` is the JSON that a client secret keeps; `session` is what a client that connects with it gets, on the
    account of the customer, if there is one."""

    text: str
    session: Session | TranscriptionSession
    customer_id: uuid.UUID | None = None


class _Minted(msgspec.Struct):
    dialect: DialectName = "undeclared"


async def preset_check(
    given: Mapping[str, Any], grant: KeyGrant, dialect: DialectName = "undeclared"
) -> CheckedPreset:
    """Without a model it gets the tenant's default. Raises Refused, as `session.update` would, and for a model
    or a customer that this tenant hasn't got."""
    given, external_id = customer_named(given)
    grant = await for_customer(grant, external_id, CUSTOMER)
    models = await runtime.models_of(grant)
    default = models.defaults.language_model
    text = msgspec.json.encode({"model": default, **given, "dialect": dialect}).decode()
    preset = read_preset(text)
    model = cast(str, preset.model)
    session = default_session(model, grant, expires_at=0)
    if is_agent(model):
        agent = await minted_agent(model, grant)
        session = agent.settings.onto(session)
        models = models.with_alias(model, agent.model or default)
    require_model(model, models, "session.model")
    session = preset.onto(session)
    check_tools(session.tools, "session.tools")
    return CheckedPreset(text, shown(session), grant.customer.id if grant.customer else None)


def preset_dialect(text: str) -> DialectName:
    """What the clients speak for whom this was minted."""
    return msgspec.json.decode(text, type=_Minted).dialect


def read_preset(text: str) -> SessionPatch:
    """What a client secret brings. Inworld's `modelId` becomes its `model`, for here a model is no update but a
    default, which the URL may override. Raises Refused."""
    try:
        event = GA.decode(f'{{"type":"session.update","session":{text}}}')
    except BadEvent as bad:
        raise bad.refused from None
    patch = cast(SessionUpdate, event).session
    return structs.replace(patch, model=patch.modelId or patch.model, modelId=UNSET)


def require_model(model: str, models: ModelRegistry, param: str) -> None:
    """Raises Refused for a model that is unknown or can't be used."""
    try:
        models.capabilities(model)
    except UnknownModel as unknown:
        raise errors.invalid_request("invalid_model", str(unknown), param) from None


def default_session(model: str, grant: KeyGrant, *, expires_at: int) -> Session:
    """A session of this tenant before any client has changed it."""
    output = AudioOutput()
    if grant.default_voice:
        output = structs.replace(output, voice=grant.default_voice)
    return Session(
        id=f"sess_{uuid.uuid4().hex[:21]}",
        model=model,
        expires_at=expires_at,
        instructions=_INSTRUCTIONS,
        audio=SessionAudio(output=output),
    )
