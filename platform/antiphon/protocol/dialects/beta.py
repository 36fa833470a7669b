"""OpenAI's beta, of which GA is the successor (protocol reference 3.4).

Its session and responses are flat, `modalities` of text and audio together mean speech, events and content have
other names, and one event tells of an item where GA has two.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType, structs

from antiphon.protocol import items
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import EventDecoder, encode_audio_delta, encode_server_event
from antiphon.protocol.dialects import beta_shapes as beta
from antiphon.protocol.dialects.flat import nested
from antiphon.protocol.items import Item
from antiphon.protocol.responses import Response
from antiphon.protocol.session import (
    AudioFormat,
    FunctionChoice,
    McpChoice,
    Modality,
    Pcma,
    Pcmu,
    Session,
    ToolChoice,
    TranscriptionSession,
)

_DEFAULT_TEMPERATURE = 0.8

_decoder = EventDecoder[beta.BetaEvent](beta.BetaEvent)


class Beta:
    def decode(self, frame: str) -> ClientEvent:
        return nested(_decoder.decode(frame))

    def encode(self, event: ev.ServerEvent) -> Sequence[str]:
        if type(event) is ev.OutputAudioDelta:
            return (encode_audio_delta(event, "response.audio.delta"),)
        if type(event) is ev.ItemDone:
            return ()
        translate = _TRANSLATIONS.get(type(event))
        return (encode_server_event(event if translate is None else translate(event)),)


BETA = Beta()


def beta_session(session: Session | TranscriptionSession) -> beta.BetaSession | beta.BetaTranscriptionSession:
    """The session as its client sees it."""
    return _transcription_session(session) if isinstance(session, TranscriptionSession) else _session(session)


def _session(session: Session) -> beta.BetaSession:
    heard, said = session.audio.input, session.audio.output
    return beta.BetaSession(
        id=session.id,
        call_id=session.call_id,
        resume_token=session.resume_token,
        model=session.model,
        expires_at=session.expires_at,
        modalities=_modalities(session.output_modalities),
        instructions=session.instructions,
        voice=said.voice,
        speed=said.speed,
        input_audio_format=_format_name(heard.format),
        output_audio_format=_format_name(said.format),
        input_audio_transcription=heard.transcription,
        input_audio_noise_reduction=heard.noise_reduction,
        turn_detection=heard.turn_detection,
        tools=session.tools,
        tool_choice=_choice_name(session.tool_choice),
        temperature=_temperature(session.temperature),
        max_response_output_tokens=session.max_output_tokens,
        tracing=session.tracing,
        prompt=session.prompt,
        include=session.include,
        providerData=session.providerData,
    )


def _transcription_session(session: TranscriptionSession) -> beta.BetaTranscriptionSession:
    heard = session.audio.input
    return beta.BetaTranscriptionSession(
        id=session.id,
        call_id=session.call_id,
        resume_token=session.resume_token,
        expires_at=session.expires_at,
        input_audio_format=_format_name(heard.format),
        input_audio_transcription=heard.transcription,
        input_audio_noise_reduction=heard.noise_reduction,
        turn_detection=heard.turn_detection,
        include=session.include,
    )


def _session_created(event: ev.SessionCreated) -> ev.ServerEvent:
    if isinstance(event.session, TranscriptionSession):
        shown = _transcription_session(event.session)
        return beta.TranscriptionSessionCreated(event_id=event.event_id, session=shown)
    return beta.BetaSessionCreated(event_id=event.event_id, session=_session(event.session))


def _session_updated(event: ev.SessionUpdated) -> ev.ServerEvent:
    if isinstance(event.session, TranscriptionSession):
        shown = _transcription_session(event.session)
        return beta.TranscriptionSessionUpdated(event_id=event.event_id, session=shown)
    return beta.BetaSessionUpdated(event_id=event.event_id, session=_session(event.session))


def _item_added(event: ev.ItemAdded) -> ev.ServerEvent:
    return beta.ItemCreated(
        event_id=event.event_id, previous_item_id=event.previous_item_id, item=_item(event.item)
    )


def _with_item(event: ev.ItemRetrieved | ev.OutputItemAdded | ev.OutputItemDone) -> ev.ServerEvent:
    return structs.replace(event, item=_item(event.item))


def _response_created(event: ev.ResponseCreated) -> ev.ServerEvent:
    return beta.BetaResponseCreated(event_id=event.event_id, response=_response(event.response))


def _response_done(event: ev.ResponseDone) -> ev.ServerEvent:
    return beta.BetaResponseDone(event_id=event.event_id, response=_response(event.response))


def _error(event: ev.Error) -> ev.ServerEvent:
    return structs.replace(event, error=structs.replace(event.error, param=_beta_path(event.error.param)))


def _renamed(kind: type[ev.ServerEvent]) -> Callable[[ev.ServerEvent], ev.ServerEvent]:
    """The same event under the name of `kind`."""
    return lambda event: kind(**structs.asdict(event))


_TRANSLATIONS: Mapping[type[Struct], Callable[[Any], ev.ServerEvent]] = {
    ev.SessionCreated: _session_created,
    ev.SessionUpdated: _session_updated,
    ev.Error: _error,
    ev.ItemAdded: _item_added,
    ev.ItemRetrieved: _with_item,
    ev.ResponseCreated: _response_created,
    ev.ResponseDone: _response_done,
    ev.OutputItemAdded: _with_item,
    ev.OutputItemDone: _with_item,
    ev.OutputTextDelta: _renamed(beta.TextDelta),
    ev.OutputTextDone: _renamed(beta.TextDone),
    ev.OutputTranscriptDelta: _renamed(beta.TranscriptDelta),
    ev.OutputTranscriptDone: _renamed(beta.TranscriptDone),
    ev.OutputAudioDone: _renamed(beta.AudioDone),
}

_PATHS = (
    ("session.audio.input.format", "session.input_audio_format"),
    ("session.audio.input.noise_reduction", "session.input_audio_noise_reduction"),
    ("session.audio.input.transcription", "session.input_audio_transcription"),
    ("session.audio.input.turn_detection", "session.turn_detection"),
    ("session.audio.output.format", "session.output_audio_format"),
    ("session.audio.output", "session"),
    ("session.output_modalities", "session.modalities"),
    ("session.max_output_tokens", "session.max_response_output_tokens"),
    ("response.audio.output.format", "response.output_audio_format"),
    ("response.audio.output", "response"),
    ("response.output_modalities", "response.modalities"),
    ("response.max_output_tokens", "response.max_response_output_tokens"),
)
"""Where GA has what the beta has elsewhere."""


def _beta_path(param: str | None) -> str | None:
    for here, there in _PATHS:
        if param is not None and param.startswith(here):
            return there + param.removeprefix(here)
    return param


def _response(response: Response) -> beta.BetaResponse:
    output = response.audio.output
    return beta.BetaResponse(
        id=response.id,
        status=response.status,
        status_details=response.status_details,
        output=[_item(item) for item in response.output],
        conversation_id=response.conversation_id,
        modalities=_modalities(response.output_modalities),
        voice=output.voice,
        output_audio_format=_format_name(output.format),
        temperature=_temperature(response.temperature),
        max_output_tokens=response.max_output_tokens,
        usage=response.usage,
        metadata=response.metadata,
        antiphon_usage=response.antiphon_usage,
    )


def _item(item: Item) -> Item:
    if not isinstance(item, items.Message):
        return item
    return structs.replace(item, content=[_content(part) for part in item.content])


def _content(part: items.Content) -> items.Content:
    if isinstance(part, items.OutputText):
        return items.LegacyText(text=part.text)
    if isinstance(part, items.OutputAudio):
        return items.LegacyAudio(transcript=part.transcript, audio=part.audio)
    return part


def _modalities(modalities: Sequence[Modality]) -> list[Modality]:
    return ["text"] if "audio" not in modalities else ["text", "audio"]


def _format_name(audio: AudioFormat) -> str:
    match audio:
        case Pcmu():
            return "g711_ulaw"
        case Pcma():
            return "g711_alaw"
    return "pcm16"


def _temperature(setting: float | UnsetType) -> float:
    return _DEFAULT_TEMPERATURE if setting is UNSET else setting


def _choice_name(choice: ToolChoice) -> str:
    match choice:
        case FunctionChoice(name=name):
            return name
        case McpChoice(server_label=label, name=tool):
            return tool or label
    return choice
