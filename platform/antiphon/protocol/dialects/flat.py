"""The keys of the beta, whose session was flat, and the places that they have now (protocol reference 3.4).

Every dialect takes them: GA clients that were only half moved still send them, Inworld's `response.create` has a
flat `voice`. What is given in its own place wins over a flat key.
"""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, structs

from antiphon.protocol import client_events as client
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.responses import RequestedAudio, RequestedOutput, ResponseParams
from antiphon.protocol.session import MaxTokens, Modality
from antiphon.protocol.session_update import (
    AudioInputPatch,
    AudioOutputPatch,
    FormatName,
    NoiseReductionPatch,
    SessionAudioPatch,
    SessionPatch,
    TranscriptionPatch,
    TurnDetectionPatch,
    VoiceReference,
)

Modalities = Annotated[list[Modality], Meta(min_length=1)]


class FlatSessionPatch(SessionPatch, frozen=True):
    modalities: Modalities | UnsetType = UNSET
    voice: str | VoiceReference | UnsetType = UNSET
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | UnsetType = UNSET
    input_audio_format: FormatName | UnsetType = UNSET
    output_audio_format: FormatName | UnsetType = UNSET
    input_audio_transcription: TranscriptionPatch | None | UnsetType = UNSET
    input_audio_noise_reduction: NoiseReductionPatch | None | UnsetType = UNSET
    turn_detection: TurnDetectionPatch | None | UnsetType = UNSET
    max_response_output_tokens: MaxTokens | UnsetType = UNSET

    @property
    def is_flat(self) -> bool:
        return _has_any(self, _FLAT_SESSION)

    @property
    def is_nested(self) -> bool:
        return _has_any(self, _NESTED_SESSION)

    def nested(self) -> SessionPatch:
        """The same with each key in its place."""
        audio = self.audio or SessionAudioPatch()
        heard, said = audio.input or AudioInputPatch(), audio.output or AudioOutputPatch()
        patch = SessionPatch(**{name: getattr(self, name) for name in SessionPatch.__struct_fields__})
        return structs.replace(
            patch,
            output_modalities=_first(self.output_modalities, self.modalities),
            max_output_tokens=_first(self.max_output_tokens, self.max_response_output_tokens),
            audio=SessionAudioPatch(
                input=AudioInputPatch(
                    format=_first(heard.format, self.input_audio_format),
                    noise_reduction=_first(heard.noise_reduction, self.input_audio_noise_reduction),
                    transcription=_first(heard.transcription, self.input_audio_transcription),
                    turn_detection=_first(heard.turn_detection, self.turn_detection),
                ),
                output=AudioOutputPatch(
                    format=_first(said.format, self.output_audio_format),
                    voice=_first(said.voice, self.voice),
                    speed=_first(said.speed, self.speed),
                    model=said.model,
                ),
            ),
        )


class FlatResponseParams(ResponseParams, frozen=True):
    modalities: Modalities | UnsetType = UNSET
    voice: str | VoiceReference | UnsetType = UNSET
    output_audio_format: FormatName | UnsetType = UNSET
    max_response_output_tokens: MaxTokens | UnsetType = UNSET

    @property
    def is_flat(self) -> bool:
        return _has_any(self, _FLAT_RESPONSE)

    @property
    def is_nested(self) -> bool:
        return self.output_modalities is not UNSET or self.audio != RequestedAudio()

    def nested(self) -> ResponseParams:
        """The same with each key in its place."""
        said = self.audio.output
        params = ResponseParams(**{name: getattr(self, name) for name in ResponseParams.__struct_fields__})
        return structs.replace(
            params,
            output_modalities=_first(self.output_modalities, self.modalities),
            max_output_tokens=_first(self.max_output_tokens, self.max_response_output_tokens),
            audio=RequestedAudio(
                output=RequestedOutput(
                    format=_first(said.format, self.output_audio_format),
                    voice=_first(said.voice, self.voice),
                )
            ),
        )


class FlatSessionUpdate(client.ClientEventBase, frozen=True, tag="session.update"):
    session: FlatSessionPatch


class FlatResponseCreate(client.ClientEventBase, frozen=True, tag="response.create"):
    response: FlatResponseParams | None = None


class TranscriptionSessionUpdate(client.ClientEventBase, frozen=True, tag="transcription_session.update"):
    """The beta's own event for a session that only transcribes."""

    session: FlatSessionPatch


Unchanged = (
    client.InputAudioAppend
    | client.InputAudioCommit
    | client.InputAudioClear
    | client.ItemCreate
    | client.ItemRetrieve
    | client.ItemDelete
    | client.ItemTruncate
    | client.OutputAudioClear
    | client.ResponseCancel
)
"""The events that all dialects write alike."""

FlatEvent = Unchanged | FlatSessionUpdate | FlatResponseCreate | TranscriptionSessionUpdate


def nested(event: FlatEvent) -> ClientEvent:
    """The event with each key in its place."""
    if type(event) is client.InputAudioAppend:  # nearly all there is, so ahead of the rest
        return event
    if isinstance(event, FlatSessionUpdate):
        return client.SessionUpdate(event_id=event.event_id, session=event.session.nested())
    if isinstance(event, FlatResponseCreate):
        params = event.response and event.response.nested()
        return client.ResponseCreate(event_id=event.event_id, response=params)
    if isinstance(event, TranscriptionSessionUpdate):
        patch = structs.replace(event.session.nested(), type="transcription")
        return client.SessionUpdate(event_id=event.event_id, session=patch)
    return event


_FLAT_SESSION = frozenset(FlatSessionPatch.__struct_fields__) - frozenset(SessionPatch.__struct_fields__)
_NESTED_SESSION = frozenset({"type", "output_modalities", "audio", "max_output_tokens"})
_FLAT_RESPONSE = frozenset(FlatResponseParams.__struct_fields__) - frozenset(ResponseParams.__struct_fields__)


def _has_any(value: Any, names: frozenset[str]) -> bool:
    return any(getattr(value, name) is not UNSET for name in names)


def _first(own: Any, flat: Any) -> Any:
    return flat if own is UNSET else own
