"""Which dialect a client speaks, by the way it connects, and how a session begins in it."""

from collections.abc import Callable, Collection, Mapping
from typing import Literal

from msgspec import structs

from antiphon.protocol.dialects.base import Dialect
from antiphon.protocol.dialects.beta import BETA
from antiphon.protocol.dialects.inworld import INWORLD
from antiphon.protocol.dialects.undeclared import Undeclared
from antiphon.protocol.session import SemanticVad, Session, SessionAudio, Transcription

DialectName = Literal["undeclared", "beta", "inworld"]

INWORLD_PATH = "api/v1/realtime/session"
_BETA_PROTOCOL = "openai-beta.realtime-v1"
_BETA_HEADER = "realtime=v1"  # one of a list: OpenAI's clients name other betas in the same header
_INWORLD_RECOGNISER = "inworld/inworld-stt-1"

_MAKERS: Mapping[DialectName, Callable[[], Dialect]] = {
    "undeclared": Undeclared,
    "beta": lambda: BETA,
    "inworld": lambda: INWORLD,
}


def dialect_name(
    path: str, headers: Mapping[str, str], query: Collection[str], subprotocols: Collection[str]
) -> DialectName:
    """`headers` by lower-case name; `query` has the names of its parameters."""
    if path.strip("/") == INWORLD_PATH or "token" in query:
        return "inworld"
    betas = [beta.strip() for beta in headers.get("openai-beta", "").split(",")]
    if _BETA_HEADER in betas or _BETA_PROTOCOL in subprotocols:
        return "beta"
    return "undeclared"


def new_dialect(name: DialectName) -> Dialect:
    """For one connection."""
    return _MAKERS[name]()


def as_begun(session: Session, name: DialectName) -> Session:
    """The session with the dialect's own defaults: Inworld waits for the end of the sense, and transcribes."""
    if name != "inworld":
        return session
    heard = structs.replace(
        session.audio.input,
        turn_detection=SemanticVad(),
        transcription=Transcription(model=_INWORLD_RECOGNISER),
    )
    return structs.replace(session, audio=SessionAudio(input=heard, output=session.audio.output))
