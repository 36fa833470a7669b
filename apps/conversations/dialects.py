"""Which dialect a client speaks, by the way it connects, and how a session begins in it."""

from collections.abc import Collection, Mapping

from msgspec import structs

from antiphon.protocol.dialects.named import DialectName
from antiphon.protocol.session import SemanticVad, Session, SessionAudio, Transcription

INWORLD_PATH = "api/v1/realtime/session"
_BETA_PROTOCOL = "openai-beta.realtime-v1"
_BETA_HEADER = "realtime=v1"  # one of a list: OpenAI's clients name other betas in the same header
_INWORLD_RECOGNISER = "inworld/inworld-stt-1"


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
