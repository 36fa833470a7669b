"""The session as one pure machine: an input and the time in, effects out.

It has no await, no clock and no I/O of its own; given the same inputs, times and ids it does the same. `listening`
is the user's side of it, `answering` the assistant's; the rest of the work is theirs.

To add a client event: its Struct in `protocol.client_events`, a method here with its row in `_HANDLERS`, a test.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from msgspec import UNSET

from antiphon.engine import inputs
from antiphon.engine.answering import IDLE, Answering, Recall
from antiphon.engine.asking import check_abilities
from antiphon.engine.editing import Editing
from antiphon.engine.effects import Close, Effect, Leave, SetTimer
from antiphon.engine.function_calls import FunctionCalls
from antiphon.engine.ids import Ids
from antiphon.engine.listening import Listening
from antiphon.engine.ports import UnknownModel
from antiphon.engine.remote_tools import RemoteTools
from antiphon.engine.state import SessionState
from antiphon.engine.telling import attempt_ended, latency_decided
from antiphon.engine.tool_offers import check_tools
from antiphon.engine.transcripts import Transcripts
from antiphon.engine.winding_up import WINDING_UP, WindingUp
from antiphon.protocol import client_events as client
from antiphon.protocol import errors, provider_data
from antiphon.protocol import server_events as ev
from antiphon.protocol.codec import BadEvent
from antiphon.protocol.errors import Refused
from antiphon.protocol.responses import ResponseError, ResponseParams
from antiphon.protocol.session import Session, shown
from antiphon.providers.base.errors import ErrorKind
from antiphon.providers.base.llm import LlmCapabilities

EXPIRY = "expiry"
GOING_AWAY = 1001

_ERROR_CODES: dict[ErrorKind, str] = {
    "auth": "provider_auth_failed",
    "rate_limit": "inference_rate_limit_exceeded",
    "quota": "insufficient_quota",
    "overloaded": "provider_overloaded",
    "invalid": "provider_refused_request",
    "context_length": "context_length_exceeded",
    "not_found": "model_not_found",
    "timeout": "provider_timeout",
    "network": "provider_unreachable",
    "upstream": "provider_failed",
    "unsupported": "unsupported_by_model",
}
_GENERATIONS = frozenset(get_args(inputs.Generation))
_CLIENTS_FAULT: tuple[ErrorKind, ...] = ("invalid", "context_length", "not_found", "unsupported")


@dataclass(frozen=True, slots=True)
class Limits:
    """`fixed_voice`: as with OpenAI, another voice is refused once the assistant has spoken."""

    duration_ms: float = 3_600_000
    fixed_voice: bool = True


def _nothing_told() -> Sequence[ev.RateLimit]:
    return ()


def _nothing_unsent(response_id: str) -> Sequence[ev.ServerEvent]:
    return ()


def _usual(model: str) -> LlmCapabilities:
    return LlmCapabilities()


class SessionMachine:
    def __init__(
        self,
        session: Session,
        *,
        ids: Ids,
        limits: Limits | None = None,
        first_message: str = "",
        paced: bool = False,
        recall: Recall = _nothing_unsent,
        capabilities: Callable[[str], LlmCapabilities] = _usual,
        functions: Container[str] = (),
        rate_limits: Callable[[], Sequence[ev.RateLimit]] = _nothing_told,
    ) -> None:
        """`first_message`: what the assistant says when the session opens; empty, and the user speaks first.

        `paced`: the transport plays audio at real-time pace and reports it, rather than sending events.

        `recall` takes back those last deltas of a response that have not left the process yet. `capabilities` of a
        language model by name, or of one that speaks itself, raises UnknownModel.
        `functions` are those that the platform runs itself. `rate_limits` are told after each response, unless
        there are none.
        """
        self._limits = limits or Limits()
        self._first_message = first_message
        self._state = SessionState(session, ids, capabilities)
        self._transcripts = Transcripts(self._state)
        self._remote = RemoteTools(self._state)
        self._functions = FunctionCalls(self._state, functions)
        self._editing = Editing(self._state, self._transcripts, self._remote, self._functions)
        self._answering = Answering(
            self._state,
            self._transcripts,
            self._remote,
            self._functions,
            paced=paced,
            recall=recall,
            rate_limits=rate_limits,
        )
        self._listening = Listening(self._state, self._transcripts, self._answering)
        self._winding_up = WindingUp(self._state, self._answering, self._listening, self._remote, paced=paced)
        self._held_up: list[inputs.Generation] = []  # by tools that we run

    @property
    def session(self) -> Session:
        """As it is in effect now."""
        return self._state.session

    def start(self, now: float) -> list[Effect]:
        self._state.now = now
        self._state.send(ev.SessionCreated(session=shown(self._state.session)))
        self._state.do(SetTimer(EXPIRY, self._limits.duration_ms))
        if self._first_message:
            self._answering.recite(self._first_message)
        self._remote.want(self._state.session.tools)
        return self._state.take_effects()

    def handle(self, event: inputs.Input, now: float) -> list[Effect]:
        """`now` is milliseconds on any steady clock. A refused client event changes nothing and sends `error`."""
        self._state.now = now
        try:
            self._take(event)
            held_up, self._held_up = self._held_up, []
            for earlier in held_up:
                self._take(earlier)
            if self._winding_up.is_on:
                self._winding_up.advance()
            elif self._functions.is_due and not self._listening.hears_speech:
                self._answering.tell_results()
        except Refused as refused:
            self._state.refuse(refused, getattr(event, "event_id", None))
        return self._state.take_effects()

    def leave(self, now: float) -> list[Effect]:
        """Nobody hears any more: what that cuts short. No input follows."""
        self._state.now = now
        self._answering.leave()
        return self._state.take_effects()

    def _take(self, event: inputs.Input) -> None:
        if self._winding_up.is_on and not self._winding_up.admits(event):
            return
        kind = type(event)
        if kind in _GENERATIONS and self._answering.is_held_up(cast(inputs.Generation, event)):
            self._held_up.append(cast(inputs.Generation, event))
        else:
            _HANDLERS[kind](self, event)

    # What clients ask

    def _bad_event(self, bad: BadEvent) -> None:
        self._state.refuse(bad.refused, bad.event_id)

    def _update_session(self, event: client.SessionUpdate) -> None:
        before = self._state.session
        session = event.session.onto(before)
        new_voice = session.audio.output.voice != before.audio.output.voice
        if new_voice and self._answering.has_spoken and self._limits.fixed_voice:
            raise errors.voice_is_fixed()
        self._check_model(session, changed=session.model != before.model)
        check_tools(session.tools, "session.tools")
        if session.model != before.model and self._state.native:
            self._state.do(Leave(before.model))
        self._state.session = session
        self._listening.configure(before.audio.input.turn_detection)
        self._state.send(ev.SessionUpdated(session=shown(session)))
        if event.session.tools is not UNSET and session.type == "realtime":
            self._remote.want(session.tools)

    def _check_model(self, session: Session, *, changed: bool) -> None:
        try:
            capabilities = self._state.capabilities(session.model)
        except UnknownModel as unknown:
            if changed:
                raise errors.unknown_model(str(unknown)) from None
        else:
            if session.type == "realtime":
                check_abilities(capabilities, session)

    def _append(self, event: client.InputAudioAppend) -> None:
        self._listening.append(event.audio)

    def _commit(self, event: client.InputAudioCommit) -> None:
        self._listening.commit()

    def _clear(self, event: client.InputAudioClear) -> None:
        self._listening.clear()

    def _create_item(self, event: client.ItemCreate) -> None:
        self._editing.create(event.item, event.previous_item_id)

    def _retrieve_item(self, event: client.ItemRetrieve) -> None:
        self._editing.retrieve(event.item_id)

    def _delete_item(self, event: client.ItemDelete) -> None:
        self._editing.delete(event.item_id)

    def _truncate(self, event: client.ItemTruncate) -> None:
        self._answering.truncate(event.item_id, event.content_index, event.audio_end_ms)

    def _clear_output(self, event: client.OutputAudioClear) -> None:
        self._answering.silence()

    def _create_response(self, event: client.ResponseCreate) -> None:
        self._answering.create(event.response or ResponseParams())

    def _cancel_response(self, event: client.ResponseCancel) -> None:
        self._answering.cancel(event.response_id)

    # What detectors, models, timers and the transport report

    def _audio_frame(self, frame: inputs.AudioFrame) -> None:
        self._listening.listen(frame.pcm)

    def _speech_heard(self, heard: inputs.SpeechHeard) -> None:
        self._listening.heard(heard)

    def _turn_scored(self, score: inputs.TurnScored) -> None:
        self._listening.scored(score)

    def _partly_transcribed(self, partial: inputs.PartlyTranscribed) -> None:
        self._transcripts.partly(partial)
        self._listening.worded(partial)

    def _foreseen(self, result: inputs.Foreseen) -> None:
        self._listening.foreseen(result)

    def _transcribed(self, result: inputs.Transcribed) -> None:
        self._transcripts.finish(result)
        self._answering.words_known(result.item_id)

    def _transcription_broke(self, failure: inputs.TranscriptionBroke) -> None:
        error = _provider_error(failure.kind, failure.message)
        self._transcripts.fail(failure, error)
        self._answering.words_unknown(failure.item_id, error)

    def _for_observers(self, event: inputs.Happening) -> None:
        """They measure with it; it changes nothing."""

    def _attempted(self, event: inputs.Attempted) -> None:
        if self._wants("attempts"):
            self._state.send(attempt_ended(event))

    def _latency_decided(self, event: inputs.LatencyDecided) -> None:
        if self._wants("decisions"):
            self._state.send(latency_decided(event))

    def _wants(self, events: str) -> bool:
        """Whether the client asked for these events, which are not of the protocol."""
        return events in provider_data.wanted_events(self._state.session.providerData)

    def _turn_signalled(self, event: inputs.TurnSignalled) -> None:
        self._listening.signalled(event)

    def _speech_even(self, event: inputs.SpeechEven) -> None:
        self._answering.speech_even(event)

    def _word_marked(self, event: inputs.WordMarked) -> None:
        self._answering.word_marked(event)

    def _text_generated(self, event: inputs.TextGenerated) -> None:
        self._answering.text(event)

    def _speech_text(self, event: inputs.SpeechText) -> None:
        self._answering.speech_text(event)

    def _speech_audio(self, event: inputs.SpeechAudio) -> None:
        self._answering.speech_audio(event)

    def _call_started(self, event: inputs.CallStarted) -> None:
        self._answering.call_started(event)

    def _call_arguments(self, event: inputs.CallArguments) -> None:
        self._answering.call_arguments(event)

    def _generated(self, event: inputs.Generated) -> None:
        self._answering.generated(event)

    def _generation_broke(self, event: inputs.GenerationBroke) -> None:
        self._answering.broke(event.response_id, _provider_error(event.kind, event.message))

    def _tools_listed(self, event: inputs.ToolsListed) -> None:
        self._remote.listed(event)
        self._answering.words_known(event.item_id)

    def _tools_not_listed(self, event: inputs.ToolsNotListed) -> None:
        """Responses go on without them."""
        self._remote.not_listed(event)
        self._answering.words_known(event.item_id)

    def _remote_tool_returned(self, event: inputs.RemoteToolReturned) -> None:
        if event.response_id:
            self._answering.tool_returned(event)
        else:
            self._remote.returned(event)

    def _function_returned(self, event: inputs.FunctionReturned) -> None:
        self._answering.function_returned(event)

    def _played(self, event: inputs.Played) -> None:
        self._answering.played(event)

    def _timer_fired(self, timer: inputs.TimerFired) -> None:
        if timer.name == EXPIRY:
            seconds = round(self._limits.duration_ms / 1000)
            self._state.refuse(errors.session_expired(seconds), None)
            self._state.do(Close(GOING_AWAY, "session_expired"))
        elif timer.name == IDLE:
            self._listening.waited()
        elif timer.name == WINDING_UP:
            self._winding_up.close()

    def _wind_up(self, event: inputs.WindUp) -> None:
        self._winding_up.begin(event)


_HANDLERS: dict[type, Callable[[SessionMachine, Any], None]] = {
    BadEvent: SessionMachine._bad_event,
    client.SessionUpdate: SessionMachine._update_session,
    client.InputAudioAppend: SessionMachine._append,
    client.InputAudioCommit: SessionMachine._commit,
    client.InputAudioClear: SessionMachine._clear,
    client.ItemCreate: SessionMachine._create_item,
    client.ItemRetrieve: SessionMachine._retrieve_item,
    client.ItemDelete: SessionMachine._delete_item,
    client.ItemTruncate: SessionMachine._truncate,
    client.OutputAudioClear: SessionMachine._clear_output,
    client.ResponseCreate: SessionMachine._create_response,
    client.ResponseCancel: SessionMachine._cancel_response,
    inputs.AudioFrame: SessionMachine._audio_frame,
    inputs.SpeechHeard: SessionMachine._speech_heard,
    inputs.TurnScored: SessionMachine._turn_scored,
    inputs.PartlyTranscribed: SessionMachine._partly_transcribed,
    inputs.Foreseen: SessionMachine._foreseen,
    inputs.Transcribed: SessionMachine._transcribed,
    inputs.TranscriptionBroke: SessionMachine._transcription_broke,
    inputs.TurnSignalled: SessionMachine._turn_signalled,
    inputs.RecognitionUsed: SessionMachine._for_observers,
    inputs.Attempted: SessionMachine._attempted,
    inputs.LatencyDecided: SessionMachine._latency_decided,
    inputs.SpeechUsed: SessionMachine._for_observers,
    inputs.UpstreamUsed: SessionMachine._for_observers,
    inputs.WordMarked: SessionMachine._word_marked,
    inputs.SpeechEven: SessionMachine._speech_even,
    inputs.ModelStarted: SessionMachine._for_observers,
    inputs.TextGenerated: SessionMachine._text_generated,
    inputs.SpeechText: SessionMachine._speech_text,
    inputs.SpeechAudio: SessionMachine._speech_audio,
    inputs.CallStarted: SessionMachine._call_started,
    inputs.CallArguments: SessionMachine._call_arguments,
    inputs.Generated: SessionMachine._generated,
    inputs.GenerationBroke: SessionMachine._generation_broke,
    inputs.ToolsListed: SessionMachine._tools_listed,
    inputs.ToolsNotListed: SessionMachine._tools_not_listed,
    inputs.RemoteToolReturned: SessionMachine._remote_tool_returned,
    inputs.RemoteToolUsed: SessionMachine._for_observers,
    inputs.FunctionStarted: SessionMachine._for_observers,
    inputs.FunctionEnded: SessionMachine._for_observers,
    inputs.FunctionReturned: SessionMachine._function_returned,
    inputs.Played: SessionMachine._played,
    inputs.TimerFired: SessionMachine._timer_fired,
    inputs.WindUp: SessionMachine._wind_up,
}


def _provider_error(kind: ErrorKind, message: str) -> ResponseError:
    fault = "invalid_request_error" if kind in _CLIENTS_FAULT else "server_error"
    return ResponseError(type=fault, code=_ERROR_CODES[kind], message=message)
