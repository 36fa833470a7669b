"""The assistant's side: responses begun, fed by models, interrupted, finished, and what of them was heard."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import UNSET, structs

from antiphon.engine import context, inputs
from antiphon.engine.conversation import Entry
from antiphon.engine.effects import Generate, StopGenerating, StopPlaying
from antiphon.engine.input_buffer import SAMPLES_PER_MS
from antiphon.engine.playout import Playout, Speech
from antiphon.engine.responses import RunningResponse
from antiphon.engine.state import SessionState
from antiphon.engine.transcripts import Transcripts, user_entry
from antiphon.protocol import errors, items
from antiphon.protocol import server_events as ev
from antiphon.protocol.responses import (
    ItemReference,
    OutputSettings,
    Response,
    ResponseAudio,
    ResponseError,
    ResponseParams,
    StatusReason,
    check_metadata,
)
from antiphon.protocol.session_update import VoiceReference, format_named, spoken_or_written
from antiphon.providers.base.llm import LlmRequest
from antiphon.providers.base.tts import TtsConfig

MOST_OUT_OF_BAND = 32  # responses at once, each of which holds its context

Recall = Callable[[str], Sequence[ev.ServerEvent]]


class Answering:
    """At most one response at a time writes to the conversation; out-of-band ones run beside it."""

    def __init__(
        self,
        state: SessionState,
        transcripts: Transcripts,
        *,
        paced: bool,
        recall: Recall,
        rate_limits: Sequence[ev.RateLimit],
    ) -> None:
        self._state = state
        self._transcripts = transcripts
        self._paced = paced
        self._recall = recall
        self._rate_limits = rate_limits
        self._playout = Playout(paced=paced)
        self._playing = ""  # the response that a paced transport is playing
        self._active: RunningResponse | None = None
        self._out_of_band: dict[str, RunningResponse] = {}
        self._next_turn = ""  # a finished turn that waits for the active response
        self.has_spoken = False

    # Asked for

    def create(self, params: ResponseParams) -> None:
        check_metadata(params.metadata)
        if params.conversation == "auto" and self._active is not None:
            raise errors.response_active(self._active.id)
        if params.conversation == "none" and len(self._out_of_band) >= MOST_OUT_OF_BAND:
            raise errors.too_many_responses(MOST_OUT_OF_BAND)
        self._begin(params)

    def answer_turn(self, item_id: str) -> None:
        """Answers a turn that turn detection ended, after the active response if that was not interrupted."""
        if self._active is not None:
            self._next_turn = item_id
        else:
            self._begin(ResponseParams(), turn=item_id)

    def cancel(self, response_id: str | None) -> None:
        active = self._active
        if active is not None and response_id in (None, active.id):
            self.interrupt("client_cancelled")
        elif response_id in self._out_of_band:
            response = self._out_of_band[response_id]
            self._stop(response)
            self._finish(response, response.cancel("client_cancelled"))
        else:
            raise errors.nothing_to_cancel()

    def interrupt(self, reason: StatusReason) -> None:
        """Ends what is being said, whether it is still generated or only still played."""
        active = self._active
        if active is not None:
            self._stop(active)
        cut = self._playout.stop(self._state.now)
        if self._playing:
            self._state.do(StopPlaying())
            self._state.send(ev.OutputAudioBufferCleared(response_id=self._playing))
            self._playing = ""
            for speech in cut:
                self._truncate(speech, (speech.heard or 0) // SAMPLES_PER_MS)
        if active is not None:
            self._next_turn = ""
            self._finish(active, active.cancel(reason))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """The client says how much of an item was heard. It counts by its own clock, so an end beyond the audio
        is common and means all of it."""
        entry = self._state.conversation.find(item_id)
        if entry is None:
            raise errors.unknown_item("truncate", item_id)
        if entry.speech is None or content_index != 0:
            raise errors.invalid_value("Only model output audio messages can be truncated.", "item_id")
        if audio_end_ms < 0:
            raise errors.invalid_value("'audio_end_ms' must be 0 or more.", "audio_end_ms")
        self._truncate(entry.speech, min(audio_end_ms, entry.speech.samples // SAMPLES_PER_MS))

    # Reported

    def words_known(self, item_id: str) -> None:
        """The words of a user item are there: responses that waited for them can start."""
        for response in self._running():
            if item_id in response.awaits:
                response.awaits.remove(item_id)
                self._generate_when_ready(response)

    def words_unknown(self, item_id: str, error: ResponseError) -> None:
        for response in self._running():
            if item_id in response.awaits:
                self._finish(response, response.fail(error))

    def text(self, event: inputs.TextGenerated) -> None:
        if response := self._find(event.response_id):
            self._state.send_all(response.text(event.text))

    def speech_text(self, event: inputs.SpeechText) -> None:
        if response := self._find(event.response_id):
            self._state.send_all(response.speech_text(event.text))

    def speech_audio(self, event: inputs.SpeechAudio) -> None:
        response = self._find(event.response_id)
        if response is None:
            return
        events, speech = response.speech_audio(event.pcm)
        self._playout.send(speech, len(event.pcm) // 2, self._state.now)
        self.has_spoken = self.has_spoken or response is self._active
        self._state.send_all(events)
        if self._paced and self._playing != response.id:
            self._playing = response.id
            self._state.send(ev.OutputAudioBufferStarted(response_id=response.id))

    def call_started(self, event: inputs.CallStarted) -> None:
        if response := self._find(event.response_id):
            self._state.send_all(response.call_started(event.call_id, event.name))

    def call_arguments(self, event: inputs.CallArguments) -> None:
        if response := self._find(event.response_id):
            self._state.send_all(response.call_arguments(event.call_id, event.arguments))

    def generated(self, event: inputs.Generated) -> None:
        response = self._find(event.response_id)
        if response is None:
            return
        if event.reason == "length":
            self._finish(response, response.stop_short("max_output_tokens", event.usage))
        elif event.reason == "content_filter":
            self._finish(response, response.stop_short("content_filter", event.usage))
        else:
            self._finish(response, response.complete(event.usage))

    def broke(self, response_id: str, error: ResponseError) -> None:
        if response := self._find(response_id):
            self._finish(response, response.fail(error))

    def played(self, event: inputs.Played) -> None:
        self._playout.report(event.samples)
        self._note_silence()

    # Within

    def _running(self) -> list[RunningResponse]:
        return [*([self._active] if self._active else []), *self._out_of_band.values()]

    def _find(self, response_id: str) -> RunningResponse | None:
        """None for what a superseded response still produces: it goes nowhere."""
        if self._active is not None and self._active.id == response_id:
            return self._active
        return self._out_of_band.get(response_id)

    def _begin(self, params: ResponseParams, turn: str = "") -> None:
        """`turn` is the user item that this response answers; without words in it there is nothing to say."""
        entries, speech = self._context(params)
        session = self._state.session
        output = params.audio.output
        voice = or_else(output.voice, session.audio.output.voice)
        modality = spoken_or_written(or_else(params.output_modalities, session.output_modalities))
        conversation = self._state.conversation if params.conversation == "auto" else None
        response = RunningResponse(
            Response(
                id=self._state.ids.new("resp"),
                status="in_progress",
                conversation_id=conversation.id if conversation else None,
                output_modalities=[modality],
                max_output_tokens=or_else(params.max_output_tokens, session.max_output_tokens),
                audio=ResponseAudio(
                    output=OutputSettings(
                        format=or_else(format_named(output.format), session.audio.output.format),
                        voice=voice.id if isinstance(voice, VoiceReference) else voice,
                    )
                ),
                metadata=params.metadata,
            ),
            conversation,
            self._state.ids,
            params=params,
            context=entries,
            turn=turn,
        )
        if conversation is not None:
            self._active = response
        else:
            self._out_of_band[response.id] = response
        self._state.send(ev.ResponseCreated(response=response.response))
        for entry, pcm in speech:
            self._transcripts.start(entry, pcm)
        response.awaits = {entry.item.id for entry in entries if entry.transcript is None}
        self._generate_when_ready(response)

    def _context(self, params: ResponseParams) -> tuple[list[Entry], list[tuple[Entry, bytes]]]:
        """What the model will see, and the audio among it that has yet to be recognised. Raises Refused."""
        if params.input is UNSET:
            return list(self._state.conversation), []
        entries: list[Entry] = []
        speech: list[tuple[Entry, bytes]] = []
        for index, given in enumerate(params.input):
            param = f"response.input[{index}]"
            if isinstance(given, ItemReference):
                found = self._state.conversation.find(given.id)
                if found is None:
                    raise errors.invalid_value(f"There is no item with id '{given.id}'.", f"{param}.id")
                entries.append(found)
                continue
            item = items.accept_item(given, param)
            entry, pcm = user_entry(structs.replace(item, id=self._state.ids.new("item")))
            entries.append(entry)
            if pcm:
                speech.append((entry, pcm))
        return entries, speech

    def _generate_when_ready(self, response: RunningResponse) -> None:
        if response.awaits:
            return
        if response.turn and not _has_words(response):
            self._finish(response, response.complete(None))
            return
        params, session = response.params, self._state.session
        reasoning = or_else(params.reasoning, session.reasoning)
        response.request = LlmRequest(
            instructions=or_else(params.instructions, session.instructions),
            messages=context.messages(response.context),
            tools=context.tools(or_else(params.tools, session.tools)),
            tool_choice=context.tool_choice(or_else(params.tool_choice, session.tool_choice)),
            parallel_tool_calls=or_else(
                or_else(params.parallel_tool_calls, session.parallel_tool_calls), True
            ),
            max_output_tokens=context.max_tokens(response.response.max_output_tokens),
            reasoning_effort=None if reasoning is UNSET else reasoning.effort,
            metadata=params.metadata or {},
        )
        output = session.audio.output
        self._state.do(
            Generate(
                response.id,
                session.model,
                response.request,
                response.response.output_modalities[0],
                or_else(output.model, None),
                TtsConfig(voice=response.response.audio.output.voice, speed=output.speed),
            )
        )

    def _stop(self, response: RunningResponse) -> None:
        response.retract(self._recall(response.id))
        self._state.do(StopGenerating(response.id))

    def _truncate(self, speech: Speech, end_ms: int) -> None:
        speech.cut(end_ms * SAMPLES_PER_MS)
        entry = self._state.conversation.find(speech.item_id)
        if entry is not None:
            entry.item = items.with_transcript(entry.item, speech.heard_text)
            self._state.send(ev.ItemTruncated(item_id=speech.item_id, content_index=0, audio_end_ms=end_ms))

    def _finish(self, response: RunningResponse, closing: Iterable[ev.ServerEvent]) -> None:
        self._state.send_all(closing)
        if self._rate_limits:
            self._state.send(ev.RateLimitsUpdated(rate_limits=list(self._rate_limits)))
        if response is not self._active:
            del self._out_of_band[response.id]
            return
        self._active = None
        self._note_silence()
        if self._next_turn:
            turn, self._next_turn = self._next_turn, ""
            self._begin(ResponseParams(), turn=turn)

    def _note_silence(self) -> None:
        """On a paced transport: a finished response has been played to its end."""
        if not self._playing or self._find(self._playing) is not None:
            return
        if not self._playout.is_playing(self._state.now):
            self._state.send(ev.OutputAudioBufferStopped(response_id=self._playing))
            self._playing = ""


def _has_words(response: RunningResponse) -> bool:
    return any(entry.transcript for entry in response.context if entry.item.id == response.turn)


def or_else(value: Any, default: Any) -> Any:
    """What a response sets itself, else what holds for the session."""
    return default if value is UNSET else value
