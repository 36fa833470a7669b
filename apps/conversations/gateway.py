"""Who may open a session, and with what: from a handshake to a session object, or a refusal."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.utils import timezone
from msgspec import structs

from antiphon.engine.machine import Limits
from antiphon.engine.ports import Models, UnknownModel
from antiphon.protocol import errors
from antiphon.protocol.errors import Refused
from antiphon.protocol.server_events import RateLimit
from antiphon.protocol.session import AudioOutput, Session, SessionAudio
from apps.api.endpoint import key_from_headers
from apps.conversations.log_store import SessionOpened
from apps.keys.models import Scope
from apps.keys.services import KeyGrant, aauthenticate

BAD_KEY = 3000  # close codes of the live service (protocol reference 7)
BAD_REQUEST = 4000
SUBPROTOCOL = "realtime"
_KEY_PROTOCOL = "openai-insecure-api-key."
_INSTRUCTIONS = (
    "You are a helpful voice assistant. Your answers are spoken aloud: keep them short and natural, "
    "and use no lists, headings or markup."
)


class HandshakeRefused(Exception):
    """Told in band: clients treat an error event followed by this close code as final."""

    def __init__(self, refused: Refused, close_code: int) -> None:
        super().__init__(refused.body.message)
        self.error = refused.body
        self.close_code = close_code
        self.reason = ".".join(filter(None, (refused.body.type, refused.body.code)))


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client said when it connected."""

    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    subprotocols: tuple[str, ...]

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> "Handshake":
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qs(scope["query_string"].decode("latin-1"))
        return cls(headers, query, tuple(scope.get("subprotocols", ())))

    @property
    def key(self) -> str | None:
        """From a header, or from a browser's subprotocols, since browsers cannot set headers."""
        for offered in self.subprotocols:
            if offered.startswith(_KEY_PROTOCOL):
                return offered.removeprefix(_KEY_PROTOCOL)
        return key_from_headers(self.headers)

    @property
    def accepted_subprotocol(self) -> str | None:
        return SUBPROTOCOL if SUBPROTOCOL in self.subprotocols else None

    @property
    def model(self) -> str | None:
        return self.query.get("model", [None])[0]


async def authorise(handshake: Handshake) -> KeyGrant:
    """Raises HandshakeRefused."""
    key = handshake.key
    if key is None:
        message = "No API key was given: send it as `Authorization: Bearer <key>`."
        raise HandshakeRefused(errors.invalid_request("invalid_api_key", message), BAD_KEY)
    grant = await aauthenticate(key)
    if grant is None:
        message = "This API key is not valid: it is wrong, revoked or expired."
        raise HandshakeRefused(errors.invalid_request("invalid_api_key", message), BAD_KEY)
    if not grant.allows(Scope.REALTIME):
        message = f"This API key lacks the scope {Scope.REALTIME.value!r}."
        raise HandshakeRefused(errors.invalid_request("insufficient_scope", message), BAD_KEY)
    return grant


def new_session(handshake: Handshake, grant: KeyGrant, models: Models) -> Session:
    """Raises HandshakeRefused for a model that is missing or unknown."""
    model = handshake.model
    if not model:
        message = "You must provide a model parameter: connect to /v1/realtime?model=<model>."
        raise HandshakeRefused(errors.invalid_request("missing_model", message, "model"), BAD_REQUEST)
    try:
        models.language_model(model)
    except UnknownModel as unknown:
        refused = errors.invalid_request("invalid_model", str(unknown), "model")
        raise HandshakeRefused(refused, BAD_REQUEST) from None
    output = AudioOutput()
    if grant.default_voice:
        output = structs.replace(output, voice=grant.default_voice)
    return Session(
        id=f"sess_{uuid.uuid4().hex[:21]}",
        model=model,
        expires_at=int(time.time()) + settings.SESSION_MAX_SECONDS,
        instructions=_INSTRUCTIONS,
        audio=SessionAudio(output=output),
    )


def session_opened(handshake: Handshake, grant: KeyGrant, session: Session) -> SessionOpened:
    """What the event log is told of a session when it begins."""
    return SessionOpened(
        id=uuid.uuid4(),
        tenant_id=grant.tenant_id,
        session_id=session.id,
        api_key_id=grant.key_id,
        model=session.model,
        started_at=timezone.now(),
        safety_identifier=handshake.headers.get("openai-safety-identifier", "")[:200],
    )


def limits() -> Limits:
    """As the settings have them; `rate_limits.updated` shows the allowance of a second."""
    allowance = settings.EVENTS_PER_SECOND
    told = RateLimit(name="requests", limit=allowance, remaining=allowance - 1, reset_seconds=1.0)
    return Limits(duration_ms=settings.SESSION_MAX_SECONDS * 1000, rate_limits=(told,))
