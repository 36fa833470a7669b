"""What only those get who listen in to a session: what its user says, in sound and in words."""

from antiphon.engine.inputs import AudioFrame, Transcribed
from antiphon.protocol import client_events as client
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.session import Session, TranscriptionSession

_G711_RATE = 8000
OF_USER = (client.InputAudioAppend, AudioFrame, Transcribed)


class UserAudio(ServerEvent, tag="antiphon.user_audio.delta"):
    """Audio of the user as it came in. Never sent to clients."""

    delta: bytes
    """Base64."""
    format: str
    """As in `session.audio.input.format.type`."""
    rate: int
    """Samples a second."""


class UserWords(ServerEvent, tag="antiphon.user_words.done"):
    """The words of a turn, whether or not the client asked for transcripts. Never sent to clients."""

    item_id: str
    transcript: str


def of_user(
    event: client.InputAudioAppend | AudioFrame | Transcribed,
    session: Session | TranscriptionSession,
    event_id: str,
) -> ServerEvent:
    """What who listens in is told of it."""
    if isinstance(event, Transcribed):
        return UserWords(event_id=event_id, item_id=event.item_id, transcript=event.text)
    if isinstance(event, AudioFrame):
        return UserAudio(event_id=event_id, delta=event.pcm, format="audio/pcm", rate=24_000)
    source = session.audio.input.format
    rate = getattr(source, "rate", _G711_RATE)
    return UserAudio(
        event_id=event_id, delta=event.audio, format=str(source.__struct_config__.tag), rate=rate
    )
