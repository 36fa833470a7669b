"""The assistant's side: responses begun, fed by models, interrupted, finished, and what of them was heard."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

from msgspec import UNSET, structs

from antiphon.engine import inputs
from antiphon.engine.asking import (
    CannotAsk,
    check_abilities,
    generation,
    or_else,
    response_object,
    visible,
)
from antiphon.engine.conversation import Conversation, Entry
from antiphon.engine.effects import (
    CancelTimer,
    Heard,
    SetTimer,
    Speculate,
    StopGenerating,
    StopPlaying,
    StopRemoteTool,
)
from antiphon.engine.function_calls import MOST_IN_A_ROW, FunctionCalls
from antiphon.engine.input_buffer import SAMPLES_PER_MS
from antiphon.engine.line import Line
from antiphon.engine.playout import Playout, Speech
from antiphon.engine.ports import UnknownModel
from antiphon.engine.remote_tools import RemoteTools
from antiphon.engine.responses import RunningResponse
from antiphon.engine.state import SessionState
from antiphon.engine.tool_offers import check_tools
from antiphon.engine.transcripts import Transcripts
from antiphon.protocol import errors, items, provider_data
from antiphon.protocol import server_events as ev
from antiphon.protocol.responses import ResponseError, ResponseParams, StatusReason, check_metadata
from antiphon.protocol.session import ServerVad

IDLE = "idle"  # the timer that runs while the user is expected to speak
MOST_OUT_OF_BAND = 32  # responses at once, each of which holds its context

Recall = Callable[[str], Sequence[ev.ServerEvent]]


class Answering:
    """At most one response at a time writes to the conversation; out-of-band ones run beside it."""

    def __init__(
        self,
        state: SessionState,
        transcripts: Transcripts,
        remote: RemoteTools,
        functions: FunctionCalls,
        *,
        paced: bool,
        recall: Recall,
        rate_limits: Callable[[], Sequence[ev.RateLimit]],
    ) -> None:
        self._state = state
        self._transcripts = transcripts
        self._remote = remote
        self._functions = functions
        self._paced = paced
        self._recall = recall
        self._rate_limits = rate_limits
        self._playout = Playout(paced=paced)
        self._line = Line(state, lambda response_id: self._find(response_id) is None)
        self._last_heard = ""  # the response whose audio was sent last
        self._active: RunningResponse | None = None
        self._out_of_band: dict[str, RunningResponse] = {}
        self._next_turn = ""  # a finished turn that waits for the active response
        self._in_a_row = 0  # responses that told results of functions, one after the other
        self.has_spoken = False

    # Asked for

    def create(self, params: ResponseParams) -> None:
        if self._state.session.type == "transcription":
            raise errors.not_in_transcription("responses")
        check_metadata(params.metadata)
        check_tools(or_else(params.tools, ()), "response.tools")
        if params.conversation == "auto" and self._active is not None:
            raise errors.response_active(self._active.id)
        with suppress(UnknownModel):  # which the response will say
            session = self._state.session
            check_abilities(self._state.capabilities(session.model), session, params)
        if params.conversation == "none" and len(self._out_of_band) >= MOST_OUT_OF_BAND:
            raise errors.too_many_responses(MOST_OUT_OF_BAND)
        if params.conversation == "none" or params.input is not UNSET:
            self._begin(params)
            return
        self._in_a_row = 0
        self._functions.asked()
        self._begin(params, awaits=self._functions.pending)

    def answer_turn(self, item_id: str) -> None:
        """Answers a turn that turn detection ended, after the active response if that was not interrupted."""
        if self._state.session.type == "transcription":
            return
        self._in_a_row = 0
        if self._active is not None:
            self._next_turn = item_id
        else:
            self._begin(ResponseParams(), turn=item_id)

    @property
    def may_foresee(self) -> bool:
        """Whether an answer may be begun before its turn is over."""
        session = self._state.session
        return (
            session.type == "realtime"
            and self._state.native is None
            and self._active is None
            and provider_data.may_speculate(session.providerData)
        )

    def foresee(self, item_id: str, words: str) -> None:
        """Begins the answer that this turn, which is not an item yet, will get if it says no more."""
        if not words.strip() or not self.may_foresee:
            return
        turn = Entry(items.Message(id=item_id, role="user", content=[items.InputAudio()]), transcript=words)
        entries = [*visible(self._state, ResponseParams())[0], turn]
        if any(entry.transcript is None for entry in entries):
            return
        response = self._new_response(ResponseParams(), None, entries, item_id)
        response.offer = self._remote.offer(self._state.session.tools)
        left_out = set(self._state.left_out)
        with suppress(CannotAsk):  # said when the turn is over
            job = generation(self._state, response, paced=self._paced)
            self._state.do(Speculate(structs.replace(job, response_id="")))
        self._state.left_out = left_out  # the turn may yet come to nothing

    def cancel(self, response_id: str | None) -> None:
        active = self._active
        if active is not None and response_id in (None, active.id):
            self.interrupt("client_cancelled")
            if response_id is None:
                self._stop_functions(None)
        elif response_id in self._out_of_band:
            response = self._out_of_band[response_id]
            self._stop(response)
            self._finish(response, response.cancel("client_cancelled"))
        elif not self._stop_functions(response_id):
            raise errors.nothing_to_cancel()

    def interrupt(self, reason: StatusReason | None) -> None:
        """Ends what is being said, whether it is still generated or only still played. The protocol has no reason
        for an end that neither the user nor the client wanted."""
        active = self._active
        cut_off = self._last_heard if self._playout.is_playing(self._state.now) else ""
        if active is not None:
            self._stop(active)
            cut_off = active.id
        self._stop_playing()
        if active is not None:
            self._next_turn = ""
            self._finish(active, active.cancel(reason))
        if cut_off:
            self._stop_functions(cut_off)

    def stop_all(self) -> None:
        """Ends whatever is said, answered, run or played."""
        self.silence()
        self.interrupt(None)
        for response in list(self._out_of_band.values()):
            self._stop(response)
            self._finish(response, response.cancel(None))
        self._stop_functions(None)

    def recite(self, words: str) -> RunningResponse | None:
        """Says these words of its own accord, whatever was said before. A model that speaks itself can only be told
        to. None in a transcription session, which says nothing."""
        if self._state.session.type == "transcription":
            return None
        if self._state.native:
            told = f"Say exactly this, and nothing else: {words}"
            return self._begin(
                ResponseParams(instructions=told, tools=[], tool_choice="auto", max_output_tokens="inf")
            )
        return self._begin(ResponseParams(tools=[]), said=words)

    def answer_silence(self) -> None:
        """Says something of its own accord, since the user does not."""
        if self.is_quiet and self._state.session.type == "realtime":
            self._begin(ResponseParams())

    @property
    def is_quiet(self) -> bool:
        """Nothing is being answered, run or played."""
        if self._active is not None or self._functions.pending:
            return False
        return not self._playout.is_playing(self._state.now)

    @property
    def left_ms(self) -> float:
        """How long what was sent still plays."""
        return self._playout.left_ms(self._state.now)

    def tell_results(self) -> None:
        """Answers what functions of ours have returned, unless something is being answered that will tell it."""
        if self._active is None:
            self._functions.told()
            self._in_a_row += 1
            self._begin(ResponseParams(tool_choice="auto" if self._in_a_row < MOST_IN_A_ROW else "none"))

    def silence(self) -> None:
        """The client wants what is playing to stop, and goes on listening."""
        if self._paced:
            self._stop_playing()
        elif cut := self._playout.stop(self._state.now):
            self._tell_heard(cut)
            self._state.send(ev.OutputAudioBufferCleared(response_id=self._last_heard))

    def leave(self) -> None:
        """The session is over, and with it what is playing."""
        self._tell_heard(self._playout.stop(self._state.now))

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
        self._tell_heard([entry.speech])
        self._playout.skip(entry.speech, self._state.now)

    # Reported

    def words_known(self, item_id: str) -> None:
        """What an item says is there, a user's words or a list of tools: responses that waited for it can start."""
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

    def word_marked(self, event: inputs.WordMarked) -> None:
        if response := self._find(event.response_id):
            response.word_marked(event.text, int(event.end_ms * SAMPLES_PER_MS))

    def speech_even(self, event: inputs.SpeechEven) -> None:
        if response := self._find(event.response_id):
            response.speech_even()

    def speech_audio(self, event: inputs.SpeechAudio) -> None:
        response = self._find(event.response_id)
        if response is None:
            return
        events, speech = response.speech_audio(event.audio, event.samples)
        self._state.audio.add(speech.item_id, event.audio, response.format)
        self._playout.send(speech, event.samples, self._state.now)
        self._last_heard = response.id
        self.has_spoken = self.has_spoken or response is self._active
        self._state.send_all(events)
        if self._paced:
            self._line.add(response.id, self._playout.sent)

    def call_started(self, event: inputs.CallStarted) -> None:
        if response := self._find(event.response_id):
            if event.name not in response.offer.targets:
                self._state.call_ids.add(event.call_id)
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

    def is_held_up(self, event: inputs.Generation) -> bool:
        """Whether this must wait for a tool that we run for the response; it starts once its call is complete."""
        response = self._find(event.response_id)
        if response is None or not response.is_held_up(event):
            return False
        if not response.running_tool:
            events, call = response.run_tool()
            self._state.send_all(events)
            self._state.do(call)
        return True

    def tool_returned(self, event: inputs.RemoteToolReturned) -> None:
        response = self._find(event.response_id)
        if response is not None and response.running_tool == event.item_id:
            self._state.send_all(response.tool_returned(event.output, event.error))

    def function_returned(self, event: inputs.FunctionReturned) -> None:
        if self._functions.returned(event):
            self._call_over(event.item_id)

    def played(self, event: inputs.Played) -> None:
        self._playout.report(event.samples)
        self._line.advance(self._playout.played)

    # Within

    def _stop_functions(self, response_id: str | None) -> bool:
        """Those that a response called, or all. Says whether there were any."""
        stopped = self._functions.stop(response_id)
        for item_id in stopped:
            self._call_over(item_id)
        return bool(stopped)

    def _call_over(self, item_id: str) -> None:
        for response in self._running():
            if item_id in response.awaits:
                response.context, _ = visible(self._state, response.params)
        self.words_known(item_id)

    def _running(self) -> list[RunningResponse]:
        return [*([self._active] if self._active else []), *self._out_of_band.values()]

    def _find(self, response_id: str) -> RunningResponse | None:
        """None for what a superseded response still produces: it goes nowhere."""
        if self._active is not None and self._active.id == response_id:
            return self._active
        return self._out_of_band.get(response_id)

    def _begin(
        self, params: ResponseParams, turn: str = "", awaits: Collection[str] = (), said: str = ""
    ) -> RunningResponse:
        """`turn` is the user item that this response answers; without words in it there is nothing to say.
        `awaits` are items that have to be complete before its model is asked; `said` is what it says, if that is
        given."""
        entries, speech = ([], []) if said else visible(self._state, params)
        conversation = self._state.conversation if params.conversation == "auto" else None
        response = self._new_response(params, conversation, entries, turn)
        response.said = said
        if conversation is not None:
            self._active = response
            self._state.do(CancelTimer(IDLE))
        else:
            self._out_of_band[response.id] = response
        self._state.send(ev.ResponseCreated(response=response.response))
        for entry, pcm in speech:
            self._transcripts.start(entry, pcm)
        response.awaits = {*awaits, *self._missing_words(response)}
        response.awaits |= self._remote.want(or_else(params.tools, ()))
        self._generate_when_ready(response)
        return response

    def _new_response(
        self, params: ResponseParams, conversation: Conversation | None, context: Sequence[Entry], turn: str
    ) -> RunningResponse:
        return RunningResponse(
            response_object(self._state, params),
            conversation,
            self._state.ids,
            ask=self._remote.ask,
            called=self._functions.called,
            params=params,
            context=context,
            turn=turn,
        )

    def _generate_when_ready(self, response: RunningResponse) -> None:
        if response.awaits:
            return
        response.awaits = self._missing_words(response)  # the model may be another one by now
        if response.awaits:
            return
        if response.turn and not self._state.native and not _has_words(response):
            self._finish(response, response.complete(None))
            return
        if response is self._active and response.params.input is UNSET:
            self._functions.told()
        response.offer = self._remote.offer(or_else(response.params.tools, self._state.session.tools))
        try:
            work = generation(self._state, response, paced=self._paced)
        except CannotAsk as refusal:
            self._finish(response, response.fail(refusal.error))
            return
        response.request = None if response.said else work.request
        response.format = work.format
        self._state.do(work)

    def _missing_words(self, response: RunningResponse) -> set[str]:
        """The items whose words the model needs and that are still being recognised; one that hears needs none."""
        return set() if self._state.native else self._transcripts.require(response.context)

    def _stop_playing(self) -> None:
        cut = self._playout.stop(self._state.now)
        if self._paced and self._line.clear():
            self._state.do(StopPlaying())
            for speech in cut:
                self._truncate(speech, (speech.heard or 0) // SAMPLES_PER_MS)
        self._tell_heard(cut)

    def _stop(self, response: RunningResponse) -> None:
        unsent = self._recall(response.id)
        response.retract(unsent)
        for event in unsent:
            if isinstance(event, ev.OutputAudioDelta):
                self._state.audio.shorten(event.item_id, len(event.delta))
        self._state.do(StopGenerating(response.id))
        if response.running_tool:
            self._state.do(StopRemoteTool(response.running_tool))

    def _truncate(self, speech: Speech, end_ms: int) -> None:
        speech.cut(end_ms * SAMPLES_PER_MS)
        entry = self._state.conversation.find(speech.item_id)
        if entry is not None and entry.speech is speech:
            entry.item = items.with_transcript(entry.item, speech.heard_text)
            self._state.send(ev.ItemTruncated(item_id=speech.item_id, content_index=0, audio_end_ms=end_ms))

    def _tell_heard(self, cut: Iterable[Speech]) -> None:
        """Observers, of what is news to them."""
        for speech in cut:
            heard = speech.heard_samples // SAMPLES_PER_MS, speech.heard_text
            if heard != speech.told:
                speech.told = heard
                self._state.do(Heard(speech.item_id, *heard))

    def _tell_in_the_end(self, response: RunningResponse) -> None:
        """What came after an item was cut can tell more exactly which words were heard by then."""
        for item in response.response.output:
            entry = self._state.conversation.find(item.id)
            if entry is not None and entry.speech is not None and entry.speech.heard is not None:
                self._tell_heard([entry.speech])

    def _finish(self, response: RunningResponse, closing: Iterable[ev.ServerEvent]) -> None:
        self._state.send_all(closing)
        self._tell_in_the_end(response)
        if rate_limits := self._rate_limits():
            self._state.send(ev.RateLimitsUpdated(rate_limits=list(rate_limits)))
        if response is not self._active:
            del self._out_of_band[response.id]
            self._line.advance(self._playout.played)
            return
        self._active = None
        self._line.advance(self._playout.played)
        if self._next_turn:
            turn, self._next_turn = self._next_turn, ""
            self._begin(ResponseParams(), turn=turn)
        elif response.response.status != "cancelled":
            self._wait_for_user()

    def _wait_for_user(self) -> None:
        detection = self._state.session.audio.input.turn_detection
        if isinstance(detection, ServerVad) and detection.idle_timeout_ms is not None:
            self._state.do(SetTimer(IDLE, self.left_ms + detection.idle_timeout_ms))


def _has_words(response: RunningResponse) -> bool:
    return any(entry.transcript for entry in response.context if entry.item.id == response.turn)
