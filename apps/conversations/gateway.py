"""Who may open a session, and with what: from a handshake to a session object, or a refusal."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.utils import timezone
from msgspec import structs

from antiphon.engine.machine import Limits
from antiphon.protocol import errors
from antiphon.protocol.dialects.named import DialectName
from antiphon.protocol.errors import Refused
from antiphon.protocol.session import Session
from antiphon.protocol.session_update import SessionPatch
from antiphon.providers.registry import ModelRegistry, stands_for_default
from apps.conversations.dialects import as_begun, dialect_name
from apps.conversations.log_store import SessionOpened
from apps.conversations.on_account import for_customer
from apps.conversations.preset_agents import PresetAgent, is_agent, preset_agent, variables_of
from apps.conversations.presets import default_session, preset_dialect, read_preset, require_model
from apps.core.headers import header_text
from apps.keys.authentication import ANYONE, KeyGrant, KeyRefused, aauthenticate
from apps.keys.callers import Caller
from apps.keys.credentials import is_key, key_from_headers, unwrapped
from apps.keys.models import Scope

BAD_KEY = 3000  # close codes of the live service (protocol reference 7)
BAD_REQUEST = 4000
SUBPROTOCOL = "realtime"
_VARIABLE = "var."
_KEY_PROTOCOL = "openai-insecure-api-key."
_DIALECTS: dict[DialectName, str] = {"undeclared": "ga", "beta": "beta", "inworld": "inworld"}  # in the log


class HandshakeRefused(Exception):
    """Told in band: clients treat an error event followed by this close code as final. The headers go with the
    response to the handshake."""

    def __init__(
        self, refused: Refused, close_code: int, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(refused.body.message)
        self.refused = refused
        self.close_code = close_code
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client said when it connected."""

    path: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    subprotocols: tuple[str, ...]
    caller: Caller = ANYONE

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> "Handshake":
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qs(scope["query_string"].decode("latin-1"))
        caller = Caller.of_scope(scope, headers)
        return cls(scope["path"], headers, query, tuple(scope.get("subprotocols", ())), caller)

    @property
    def key(self) -> str | None:
        """From a header, or, since browsers cannot set headers, from a subprotocol or from the address: Inworld's
        `token`, or its `key`, which there names the session, if it holds a key of ours."""
        for offered in self.subprotocols:
            if offered.startswith(_KEY_PROTOCOL):
                return offered.removeprefix(_KEY_PROTOCOL)
        if key := key_from_headers(self.headers):
            return key
        for name in ("token", "key"):
            if (given := unwrapped(self.query.get(name, [""])[0])) and (name == "token" or is_key(given)):
                return given
        return None

    @property
    def dialect(self) -> DialectName:
        return dialect_name(self.path, self.headers, self.query, self.subprotocols)

    @property
    def accepted_subprotocol(self) -> str | None:
        return SUBPROTOCOL if SUBPROTOCOL in self.subprotocols else None

    @property
    def safety_identifier(self) -> str:
        """Who uses the client, as OpenAI's clients tell it; empty if they don't."""
        return header_text(self.headers.get("openai-safety-identifier", "")).strip()

    @property
    def resumes(self) -> bool:
        """Whether it goes on with a session, which outlives the client secret that opened it."""
        return "resume" in self.query

    @property
    def only_transcribes(self) -> bool:
        return self.query.get("intent") == ["transcription"]

    @property
    def customer(self) -> str | None:
        """On whose account, of the tenant's own customers, the session is to be."""
        return self.query.get("customer", [None])[0]

    @property
    def model(self) -> str | None:
        return self.query.get("model", [None])[0]

    @property
    def variables(self) -> dict[str, str]:
        """What an agent's texts are filled with: `var.<name>=...` in the URL."""
        return {
            name.removeprefix(_VARIABLE): values[0]
            for name, values in self.query.items()
            if name.startswith(_VARIABLE)
        }


async def authorise(handshake: Handshake) -> KeyGrant:
    """Raises HandshakeRefused."""
    key = handshake.key
    if key is None:
        message = "No API key was given: send it as `Authorization: Bearer <key>`."
        raise HandshakeRefused(errors.invalid_request("invalid_api_key", message), BAD_KEY)
    try:
        grant = await aauthenticate(key, handshake.caller, outlived=handshake.resumes)
    except KeyRefused as refused:
        raise HandshakeRefused(errors.invalid_request("invalid_api_key", str(refused)), BAD_KEY) from None
    if not grant.allows(Scope.REALTIME):
        message = f"This API key lacks the scope {Scope.REALTIME.value!r}."
        raise HandshakeRefused(errors.invalid_request("insufficient_scope", message), BAD_KEY)
    return grant


async def on_account(handshake: Handshake, grant: KeyGrant) -> KeyGrant:
    """The grant on the account of the customer whom the URL names, if it names one. Raises HandshakeRefused."""
    try:
        return await for_customer(grant, handshake.customer, "customer")
    except Refused as refused:
        raise HandshakeRefused(refused, BAD_REQUEST) from None


def dialect_of(handshake: Handshake, grant: KeyGrant) -> DialectName:
    """What the client said of itself, else what its client secret was minted in."""
    if handshake.dialect == "undeclared" and grant.session_preset:
        return preset_dialect(grant.session_preset)
    return handshake.dialect


@dataclass(frozen=True, slots=True)
class Opening:
    """A session that may open, the models it can name, and the agent it is, if it is one."""

    session: Session
    models: ModelRegistry
    agent: PresetAgent | None = None

    @property
    def first_message(self) -> str:
        return self.agent.first_message if self.agent else ""


async def open_session(handshake: Handshake, grant: KeyGrant, models: ModelRegistry) -> Opening:
    """Raises HandshakeRefused for a model or an agent that is missing, unknown or can't be used."""
    try:
        preset = read_preset(grant.session_preset or "{}")
        model = _model(handshake, preset.model or None, models)
        if not is_agent(model):
            return Opening(_new_session(handshake, grant, model, models, preset), models)
        given = handshake.variables | variables_of(preset)
        agent = await preset_agent(model, grant, given, identity=_identity(handshake, grant))
        models = agent.among(models)
        session = _new_session(handshake, grant, agent.name, models, preset, agent)
        return Opening(session, models, agent)
    except Refused as refused:
        raise HandshakeRefused(refused, BAD_REQUEST) from None


def _new_session(
    handshake: Handshake,
    grant: KeyGrant,
    model: str,
    models: ModelRegistry,
    preset: SessionPatch,
    agent: PresetAgent | None = None,
) -> Session:
    """Raises Refused."""
    require_model(model, models, "model")
    expires_at = int(time.time()) + _seconds(agent)
    session = as_begun(default_session(model, grant, expires_at=expires_at), handshake.dialect)
    if agent is not None:
        session = agent.settings.onto(session)
    session = preset.onto(session)
    kind = "transcription" if handshake.only_transcribes else session.type
    return structs.replace(session, type=kind, call_id=f"rtc_{uuid.uuid4().hex[:21]}")


def _model(handshake: Handshake, preset: str | None, models: ModelRegistry) -> str:
    """The URL's, else the client secret's. A name that only OpenAI has stands for the default, as clients send one
    that nobody chose: with a client secret the default is its own. Who only transcribes needs none, and Inworld's
    clients name theirs in their first update, if at all. Raises Refused."""
    asked = handshake.model
    if preset and (not asked or stands_for_default(asked)):
        return preset
    if asked:
        return asked
    if handshake.dialect == "inworld" or handshake.only_transcribes:
        return models.defaults.language_model
    message = "You must provide a model parameter: connect to /v1/realtime?model=<model>."
    raise errors.invalid_request("missing_model", message, "model")


def session_opened(handshake: Handshake, grant: KeyGrant, opening: Opening) -> SessionOpened:
    """What the event log is told of a session when it begins."""
    session, agent = opening.session, opening.agent
    return SessionOpened(
        id=uuid.uuid4(),
        tenant_id=grant.tenant_id,
        session_id=session.id,
        call_id=session.call_id or "",
        api_key_id=grant.key_id,
        model=session.model,
        kind=session.type,
        dialect=_DIALECTS[dialect_of(handshake, grant)],
        safety_identifier=_identity(handshake, grant)[:200],
        started_at=timezone.now(),
        agent_version_id=agent.version_id if agent else None,
        customer_id=grant.customer.id if grant.customer else None,
        keep_events=agent.keep_log if agent else True,
        record=agent.keep_audio if agent else False,
    )


def limits(dialect: DialectName, agent: PresetAgent | None = None) -> Limits:
    """As the settings have them, or the agent, if it has less."""
    return Limits(duration_ms=_seconds(agent) * 1000, fixed_voice=dialect != "inworld")


def _seconds(agent: PresetAgent | None) -> int:
    """The longest that a session may take."""
    longest: int = settings.SESSION_MAX_SECONDS
    return min(longest, agent.session_seconds or longest) if agent else longest


def _identity(handshake: Handshake, grant: KeyGrant) -> str:
    """Who uses the client; empty if nobody says."""
    return grant.safety_identifier or handshake.safety_identifier
