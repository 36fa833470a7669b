"""The engine's invariants under random clients, models, detectors and readers."""

import asyncio
import json
import random
import re
from typing import Any

import pybase64
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.ids import Ids
from antiphon.engine.machine import SessionMachine
from antiphon.engine.outbox import Outbox
from antiphon.protocol.codec import BadEvent, decode_client_event, encode_server_event
from antiphon.protocol.errors import ErrorBody
from antiphon.protocol.items import RemoteTool, RemoteToolError
from antiphon.protocol.server_events import Error, InputAudioCommitted, OutputAudioDelta, ServerEvent
from antiphon.protocol.session import Session
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import LlmCapabilities, LlmUsage, ToolCall
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.scripted.llm import ScriptedLlm, call_tools, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from tests.engine.machine_harness import RATE_LIMITS, WINDOW_BYTES
from tests.engine.replay import Replay
from tests.engine.session_harness import Client, Stage
from tests.openai_types import check_server_event
from tests.virtual_clock import VirtualClockLoop

OUT_OF_ORDER = RemoteToolError(type="http_error", code=502, message="Out of order.")
PIECES = ["Well, ", "that is a long story. ", "One two three. ", "Yes! "]

ENOUGH = ErrorBody(type="invalid_request_error", code="enough", message="That is enough.")
BEGINNINGS = (
    fx.Generate,
    fx.Speculate,
    fx.Transcribe,
    fx.Follow,
    fx.Foresee,
    fx.Hear,
    fx.Detect,
    fx.ScoreTurn,
    fx.ListTools,
    fx.CallRemoteTool,
    fx.RunFunction,
)

MODELS = ("local/test", "local/native")

small = st.integers(0, 9)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("turn"), st.integers(2, 9)),
        st.tuples(st.just("answer"), small),
        st.tuples(st.just("hear"), st.lists(st.sampled_from([0.0, 0.0, 0.4, 0.9]), min_size=1, max_size=12)),
        st.tuples(st.just("append"), st.integers(0, 4001)),
        st.tuples(st.just("detect"), st.lists(st.sampled_from([0.0, 0.9]), min_size=1, max_size=4)),
        st.tuples(st.just("commit"), st.none()),
        st.tuples(st.just("clear"), st.none()),
        st.tuples(
            st.just("item"),
            st.tuples(small, st.sampled_from(["user", "assistant", "system", "call", "audio"])),
        ),
        st.tuples(st.just("truncate"), st.tuples(small, st.integers(-1, 3000))),
        st.tuples(st.just("retrieve"), small),
        st.tuples(st.just("delete"), small),
        st.tuples(
            st.just("partial"),
            st.tuples(small, st.sampled_from(["hel", "hello", "hello the", "hallo there"])),
        ),
        st.tuples(st.just("quiet"), st.none()),
        st.tuples(st.just("idle"), st.none()),
        st.tuples(st.just("respond"), st.sampled_from(["auto", "none", "text", "input", "bad"])),
        st.tuples(st.just("cancel"), st.one_of(st.none(), small)),
        st.tuples(st.just("update"), small),
        st.tuples(st.just("swap"), st.sampled_from(MODELS)),
        st.tuples(st.just("recognise"), st.tuples(small, st.sampled_from(["hello", "", "FAIL"]))),
        st.tuples(st.just("speak"), st.tuples(small, st.integers(1, 200))),
        st.tuples(st.just("write"), small),
        st.tuples(st.just("call"), small),
        st.tuples(st.just("tools"), st.sampled_from(["never", "always", "FAIL"])),
        st.tuples(st.just("use_tool"), st.tuples(small, st.sampled_from(["never", "always"]))),
        st.tuples(st.just("tool_returns"), st.booleans()),
        st.tuples(st.just("approve"), st.tuples(small, st.booleans())),
        st.tuples(
            st.just("end"), st.tuples(small, st.sampled_from(["end", "length", "tool_calls", "BREAK"]))
        ),
        st.tuples(st.just("wait"), st.integers(0, 3000)),
        st.tuples(st.just("score"), st.tuples(small, st.sampled_from([0.1, 0.9]))),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("play"), st.integers(0, 2000)),
        st.tuples(st.just("farewell"), st.none()),
        st.tuples(st.just("garbage"), st.sampled_from(["{", "[]", '{"type":"no.such"}', '{"event_id":"e"}'])),
    ),
    min_size=20,
    max_size=60,
)

UPDATES: list[dict[str, Any]] = [
    {"instructions": "Be brief."},
    {"audio": {"input": {"turn_detection": None}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}},
    {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}}},
    {"audio": {"input": {"transcription": {"model": "whisper-1"}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}},
    {
        "truncation": {
            "type": "retention_ratio",
            "retention_ratio": 0.5,
            "token_limits": {"post_instructions": 40},
        }
    },
    {"output_modalities": ["text"]},
    {"instructions": "never applied", "audio": {"input": {"turn_detection": {"threshold": 7}}}},
    {"audio": {"output": {"voice": "marin"}}, "instructions": "only together"},
]


class World:
    """A machine with a slow reader in front of it and everything around it under the test's control."""

    def __init__(self, *, paced: bool, model: str = "local/test") -> None:
        self.outbox = Outbox()
        self.machine = SessionMachine(
            Session(id="sess_1", model=model, expires_at=3600),
            ids=Ids(random.Random(1)),
            rate_limits=lambda: RATE_LIMITS,
            paced=paced,
            recall=self.outbox.recall,
            capabilities=lambda name: RealtimeCapabilities() if name == "local/native" else LlmCapabilities(),
        )
        self.paced = paced
        self.now = 0.0
        self.noise = random.Random(2)
        self.appended = bytearray()
        self.run = 1
        self.judged = 0  # windows of this run that the detector has judged
        self.fed = 0
        self.turns: list[bytes] = []
        self.audio_of: dict[str, bytes] = {}
        self.awaited: list[str] = []
        self.followed: list[str] = []
        self.heard: dict[tuple[str, str], bytes] = {}  # by the native model, of a turn
        self.responses: list[str] = []
        self.requests: list[fx.Generate] = []
        self.pieces: dict[str, list[tuple[str, int]]] = {}  # what was spoken of each response
        self.given_to_line = 0
        self.lists: list[str] = []  # of tools, that a server is asked for
        self.remote_calls: list[fx.CallRemoteTool | fx.StopRemoteTool] = []
        self.replay = Replay()
        self.told: dict[str, tuple[int, str]] = {}  # what was heard of an item, as observers know it
        self.departed: list[str] = []
        self.winding_up = False
        self.closed = False
        self.carry_out(self.machine.start(0.0))

    def carry_out(self, effects: list[fx.Effect]) -> None:
        for effect in effects:
            assert not (self.winding_up and isinstance(effect, BEGINNINGS)), (
                "a session that is wound up begins nothing but the goodbye"
            )
            match effect:
                case fx.Close():
                    self.closed = True
                case fx.Send(InputAudioCommitted(item_id=item_id) as event):
                    self.note_turn(item_id)
                    self.outbox.put(event)
                case fx.Send(event):
                    if not (self.paced and isinstance(event, OutputAudioDelta)):
                        self.outbox.put(event)
                case fx.Detect(run, pcm):
                    if run != self.run:
                        self.run, self.fed, self.judged = run, 0, 0
                    self.fed += len(pcm)
                case fx.Follow(item_id):
                    if item_id not in self.followed:
                        self.followed.append(item_id)
                case fx.Transcribe(item_id):
                    self.awaited.append(item_id)
                case fx.Hear(model, item_id, pcm):
                    self.heard[model, item_id] = self.heard.get((model, item_id), b"") + pcm
                case fx.StopHearing(model, item_id):
                    del self.heard[model, item_id]
                case fx.ListTools(item_id):
                    self.lists.append(item_id)
                case fx.CallRemoteTool() | fx.StopRemoteTool():
                    self.remote_calls.append(effect)
                case fx.Heard(item_id, audio_ms, text):
                    self.told[item_id] = audio_ms, text
                case fx.Generate(response_id):
                    self.responses.append(response_id)
                    self.requests.append(effect)

    def note_turn(self, item_id: str) -> None:
        entry = self.machine._state.conversation.find(item_id)
        if entry is not None and not entry.is_silence:
            recording = self.machine._state.audio.find(item_id)
            self.audio_of[item_id] = recording.audio if recording else b""
            self.turns.append(self.audio_of[item_id])

    def give(self, event: inputs.Input) -> None:
        """What did not come from the client never causes an error event. Nothing reaches a session that is over."""
        if self.closed:
            return
        effects = self.machine.handle(event, self.now)
        assert not any(isinstance(e, fx.Send) and isinstance(e.event, Error) for e in effects), effects
        self.carry_out(effects)

    def ask(self, event: inputs.Input) -> None:
        if not self.closed:
            self.carry_out(self.machine.handle(event, self.now))

    def client(self, kind: str, **fields: Any) -> None:
        self.frame(json.dumps({"type": kind, **fields}))

    def frame(self, text: str) -> None:
        try:
            self.ask(decode_client_event(text))
        except BadEvent as bad:
            self.ask(bad)

    def leave(self, count: int) -> None:
        """So many events leave the process."""
        waiting = self.outbox._events
        for _ in range(min(count, len(waiting))):
            self._depart(waiting.popleft())

    def _depart(self, event: ServerEvent) -> None:
        frame = encode_server_event(event)
        self.departed.append(frame)
        self.replay.take(json.loads(frame))

    def pick(self, among: list[str], which: int) -> str:
        return among[-1 - which % len(among)] if among else "none_such"

    # Steps

    def turn(self, windows: int) -> None:
        self.hear([0.9] * windows + [0.0] * 7)

    def answer(self, which: int) -> None:
        """Whatever waits for words gets them, and an answer begins."""
        while self.awaited:
            self.recognise((0, "hello"))
        self.respond("auto")
        self.speak((which, 100))

    def hear(self, probabilities: list[float]) -> None:
        for probability in probabilities:
            self.append(WINDOW_BYTES)
            self.detect([probability])

    def append(self, size: int) -> None:
        pcm = self.noise.randbytes(size & ~1 if self.paced else size)
        self.appended += pcm
        self.now += size / 48
        if self.paced:
            self.give(inputs.AudioFrame(pcm))
        else:
            self.client("input_audio_buffer.append", audio=pybase64.b64encode_as_string(pcm))

    def detect(self, probabilities: list[float]) -> None:
        possible = self.fed // WINDOW_BYTES - self.judged
        judged = probabilities[: max(possible, 0)]
        self.judged += len(judged)
        if judged:
            self.give(inputs.SpeechHeard(self.run, judged))

    def commit(self, _: None) -> None:
        self.client("input_audio_buffer.commit")

    def clear(self, _: None) -> None:
        self.client("input_audio_buffer.clear")

    def item(self, step: tuple[int, str]) -> None:
        which, kind = step
        order = self.replay.order
        previous: dict[str, Any] = {}
        if which == 0:
            previous = {"previous_item_id": "root"}
        elif which < 4:
            previous = {"previous_item_id": self.pick(order, which)}
        item: dict[str, Any] = {
            "type": "message",
            "role": kind,
            "content": [{"type": "input_text", "text": "hi"}],
        }
        if kind == "call":
            item = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
        elif kind == "audio":
            item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]}
        if which == 6:
            item["id"] = "item_same"
        self.client("conversation.item.create", item=item, **previous)

    def retrieve(self, which: int) -> None:
        self.client("conversation.item.retrieve", item_id=self.pick(self.replay.order, which))

    def delete(self, which: int) -> None:
        self.client("conversation.item.delete", item_id=self.pick(self.replay.order, which))

    def partial(self, step: tuple[int, str]) -> None:
        if item_id := self.pick(self.followed, step[0]):
            self.give(inputs.PartlyTranscribed(item_id, step[1]))

    def quiet(self, _: None) -> None:
        self.client("output_audio_buffer.clear")

    def idle(self, _: None) -> None:
        self.give(inputs.TimerFired("idle"))

    def truncate(self, step: tuple[int, int]) -> None:
        item_id = self.pick(self.replay.order, step[0])
        self.client("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=step[1])

    def respond(self, how: str) -> None:
        params: dict[str, Any] = {"metadata": {"how": how}}
        if how == "none":
            params["conversation"] = "none"
        elif how == "text":
            params["output_modalities"] = ["text"]
        elif how == "input":
            params |= {"conversation": "none", "input": [{"type": "item_reference", "id": "item_same"}]}
        elif how == "bad":
            params["metadata"] = {"k" * 65: "v"}
        self.client("response.create", response=params)

    def cancel(self, which: int | None) -> None:
        fields = {} if which is None else {"response_id": self.pick(self.responses, which)}
        self.client("response.cancel", **fields)

    def update(self, which: int) -> None:
        before = self.machine._state.session
        patch = {"type": "realtime", **UPDATES[which % len(UPDATES)]}
        had = sum('"error"' in frame for frame in self.everything())
        self.client("session.update", session=patch)
        refused = sum('"error"' in frame for frame in self.everything()) > had
        if refused:
            assert self.machine._state.session == before, "a refused update changes nothing"

    def swap(self, model: str) -> None:
        self.client("session.update", session={"type": "realtime", "modelId": model})

    def everything(self) -> list[str]:
        return self.departed + [encode_server_event(event) for event in self.outbox._events]

    def recognise(self, step: tuple[int, str]) -> None:
        if not self.awaited:
            return
        item_id = self.awaited.pop(step[0] % len(self.awaited))
        if step[1] == "FAIL":
            self.give(inputs.TranscriptionBroke(item_id, "network", "gone"))
        else:
            self.give(inputs.Transcribed(item_id, step[1], 500))

    def speak(self, step: tuple[int, int]) -> None:
        response_id = self.pick(self.responses, step[0] // 4)
        piece = PIECES[step[0] % len(PIECES)]
        self.give(inputs.SpeechText(response_id, f"{response_id}: {piece}"))
        self.give(inputs.SpeechAudio(response_id, b"\x01\x02" * (24 * step[1]), 24 * step[1]))

    def write(self, which: int) -> None:
        response_id = self.pick(self.responses, which // 4)
        self.give(inputs.TextGenerated(response_id, f"{response_id}: word "))

    def call(self, which: int) -> None:
        response_id = self.pick(self.responses, which // 4)
        self.give(inputs.CallStarted(response_id, f"call_{which}", "weather" if which % 2 else "remote"))
        self.give(inputs.CallArguments(response_id, f"call_{which}", "{}"))

    def tools(self, approval: str) -> None:
        """A tool server comes into the session and lists its tools, or fails to."""
        tool = {"type": "mcp", "server_label": "s", "server_url": "https://s", "require_approval": approval}
        if approval == "FAIL":
            tool |= {"require_approval": "never", "server_url": f"https://s/{len(self.lists)}"}
        self.client("session.update", session={"type": "realtime", "tools": [tool]})
        while self.lists:
            item_id = self.lists.pop()
            if approval == "FAIL":
                self.give(inputs.ToolsNotListed(item_id, OUT_OF_ORDER))
            else:
                self.give(inputs.ToolsListed(item_id, [RemoteTool(name="remote", input_schema={})]))

    def use_tool(self, step: tuple[int, str]) -> None:
        """A response calls a tool that the platform runs, and maybe another."""
        self.tools(step[1])
        while self.awaited:
            self.recognise((0, "hello"))
        self.respond("none" if step[0] == 0 else "auto")
        response_id = self.pick(self.responses, 0)
        for number in range(1 + step[0] % 2):
            self.give(inputs.CallStarted(response_id, f"call_{number}", "remote"))
            self.give(inputs.CallArguments(response_id, f"call_{number}", "{}"))
        if step[0] % 3:
            self.give(inputs.Generated(response_id, "tool_calls", LlmUsage(3, 2)))

    def tool_returns(self, well: bool) -> None:
        """The tool that was called last, which may have been stopped meanwhile."""
        for call in self.remote_calls[::-1]:
            if isinstance(call, fx.CallRemoteTool):
                self.remote_calls.clear()
                outcome = {"output": "well"} if well else {"error": OUT_OF_ORDER}
                self.give(inputs.RemoteToolReturned(call.item_id, call.response_id, **outcome))  # type: ignore[arg-type]

    def approve(self, step: tuple[int, bool]) -> None:
        requests = [item_id for item_id in self.replay.order if item_id.startswith("mcpr_")]
        answer = {
            "type": "mcp_approval_response",
            "approval_request_id": self.pick(requests, step[0]),
            "approve": step[1],
        }
        self.client("conversation.item.create", item=answer)

    def end(self, step: tuple[int, Any]) -> None:
        response_id = self.pick(self.responses, step[0] // 4)
        if step[1] == "BREAK":
            self.give(inputs.GenerationBroke(response_id, "upstream", "broke"))
        else:
            self.give(inputs.Generated(response_id, step[1], LlmUsage(3, 2)))

    def wait(self, ms: int) -> None:
        self.now += ms

    def score(self, step: tuple[int, float]) -> None:
        self.give(inputs.TurnScored(step[0], step[1]))

    def play(self, ms: int) -> None:
        if self.paced:
            self.give(inputs.Played(ms * 24))

    def wind_up(self, goodbye: str) -> None:
        """The goodbye is all that is begun from here on; unlike in a whole session, here it takes any time."""
        if self.closed:
            return
        begun = len(self.requests)
        effects = self.machine.handle(
            inputs.WindUp(ENOUGH, goodbye, 4000, "enough", patience_ms=10_000), self.now
        )
        said = [effect for effect in effects if isinstance(effect, fx.Generate)]
        assert len(said) == (1 if goodbye and not self.winding_up else 0)
        self.carry_out(effects)
        self.winding_up = True
        assert self.closed or len(self.requests) - begun == len(said)

    def farewell(self, _: None) -> None:
        """The time of a session that is wound up is over."""
        if self.winding_up:
            self.give(inputs.TimerFired("winding_up"))

    def garbage(self, text: str) -> None:
        self.frame(text)


endings = st.one_of(st.none(), st.tuples(st.integers(0, 50), st.sampled_from(["", "Goodbye."])))


@given(steps, endings, st.booleans(), st.sampled_from(MODELS))
def test_the_invariants_hold_whatever_happens(
    script: list[tuple[str, Any]], ending: tuple[int, str] | None, paced: bool, model: str
) -> None:
    """`ending`: after how many steps the session is wound up, and with which goodbye."""
    world = World(paced=paced, model=model)
    if ending is not None:
        at, goodbye = ending
        script[at:at] = [("wind_up", goodbye)]
    for step, argument in script:
        getattr(world, step)(argument)
    world.leave(10_000)
    world.replay.finish()
    assert world.replay.order == [entry.item.id for entry in world.machine._state.conversation]
    _turns_are_what_was_appended(world)
    _sessions_change_only_whole(world)
    world.carry_out(world.machine.leave(world.now))
    _what_was_heard_is_told(world)
    for frame in world.departed[:: max(len(world.departed) // 20, 1)]:
        check_server_event(frame)


def _turns_are_what_was_appended(world: World) -> None:
    """In order, each found where it was appended, none overlapping the one before."""
    cursor = 0
    for turn in world.turns:
        assert turn, "no turn is empty"
        at = world.appended.find(turn, cursor)
        assert at >= 0, "a committed turn is a run of the bytes that were appended after the turn before it"
        cursor = at + len(turn)
    for (_, item_id), heard in world.heard.items():
        turn = world.audio_of.get(item_id, heard)
        assert turn.startswith(heard) or heard.startswith(turn), "a model hears a turn from its beginning"
    for item_id, (start_ms, end_ms) in world.replay.turns.items():
        at = world.appended.find(world.audio_of[item_id])
        assert abs(at / 48 - start_ms) <= 1, "a turn begins where speech_started said"
        assert abs((at + len(world.audio_of[item_id])) / 48 - end_ms) <= 1, (
            "and ends where speech_stopped said"
        )


def _what_was_heard_is_told(world: World) -> None:
    """Of every answer that was cut, and of no other."""
    for entry in world.machine._state.conversation:
        if entry.speech is None or entry.speech.heard is None:
            assert entry.item.id not in world.told
        elif getattr(entry.item, "status", None) != "in_progress":
            heard = entry.speech.heard_samples // 24, entry.speech.heard_text
            assert world.told[entry.item.id] == heard, "the last that is told of an item is what was heard"


def _sessions_change_only_whole(world: World) -> None:
    for session in world.replay.sessions:
        assert session["instructions"] != "never applied"
        assert (session["instructions"] == "only together") <= (
            session["audio"]["output"]["voice"] == "marin"
        )


audio_lengths = st.lists(st.integers(100, 4801), min_size=1, max_size=30)


@given(audio_lengths, st.sets(st.integers(0, 29)))
def test_without_turn_detection_every_byte_is_committed_once(lengths: list[int], commits: set[int]) -> None:
    world = World(paced=False)
    world.client("session.update", session={"audio": {"input": {"turn_detection": None}}})
    for index, length in enumerate(lengths):
        world.append(length)
        if index in commits:
            world.commit(None)
    whole = b"".join(world.turns)
    assert world.appended.startswith(whole)
    assert (
        len(world.appended) - len(whole) - 1
        <= world.machine._listening._buffer.duration_ms * 48
        <= len(world.appended) - len(whole)
    )


pieces = st.lists(
    st.tuples(st.sampled_from(PIECES), st.integers(1, 900), st.integers(0, 700)), min_size=1, max_size=8
)


@given(
    pieces,
    st.integers(0, 4000),
    st.sampled_from(["user", "cancel", "truncate"]),
    st.booleans(),
    st.booleans(),
)
def test_the_model_never_sees_words_that_were_not_heard(
    spoken: list[tuple[str, int, int]], pause: int, how: str, paced: bool, reads: bool
) -> None:
    world = World(paced=paced)
    world.client("response.create")
    response_id = world.responses[-1]
    started = world.now
    for text, ms, delay in spoken:
        world.give(inputs.SpeechText(response_id, text))
        world.give(inputs.SpeechAudio(response_id, b"\x01\x02" * (24 * ms), 24 * ms))
        world.now += delay
    world.now += pause
    sent = sum(ms for _, ms, _ in spoken)
    heard = min(world.now - started, sent)
    if paced:
        heard = min(pause, sent)
        world.give(inputs.Played(heard * 24))
    elif reads:
        world.leave(10_000)
    else:
        heard = sent = 0
    if how == "user":
        world.hear([0.9, 0.9])
        heard = heard if paced else min(heard + 64, sent)
    elif how == "cancel":
        world.client("response.cancel")
    else:
        heard = min(heard, 300)
        world.client("response.cancel")
        world.leave(10_000)
        [item_id] = world.replay.order
        world.client("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=300)
    world.client("response.create", response={"conversation": "none"})
    said = "".join(message.text for message in world.requests[-1].request.messages)
    whole = "".join(text for text, _, _ in spoken)
    assert whole.startswith(said) or whole.strip() == said
    at = 0.0
    for text, ms, _ in spoken:
        if not said.strip():
            break
        assert at <= heard, f"{said!r} begins after what was heard ({heard} ms)"
        taken = said[: len(text)]
        assert at + ms * len(taken.rstrip()) / len(text) <= heard + ms / len(text) + 1
        said = said[len(text) :]
        at += ms


moments = st.sampled_from([0.0, 0.06, 0.2, 0.5, 1.2])
interventions = [
    "commit",
    "clear",
    "create",
    "cancel",
    "item",
    "model",
    "voice",
    "server_vad",
    "off",
    "retract",
]
in_pauses = st.lists(
    st.tuples(st.one_of(st.just("speak"), st.just("pause"), st.sampled_from(interventions)), moments),
    min_size=4,
    max_size=24,
)


@given(in_pauses, st.sampled_from([0.9, 0.3]), st.booleans(), st.integers(0, 99))
def test_nothing_of_a_dropped_answer_is_ever_seen(
    script: list[tuple[str, float]], score: float, follows: bool, seed: int
) -> None:
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        runner.run(_converse(script, score, follows, random.Random(seed)))


async def _converse(
    script: list[tuple[str, float]], score: float, follows: bool, dice: random.Random
) -> None:
    """Every answer says and calls something of its own, so that what is seen tells whose it is."""
    answers: list[Any] = []
    for n in range(60):
        steps = (
            call_tools(ToolCall(f"call_{n}", "order", "{}"))
            if n % 3 == 2
            else say(f"Answer {n}. " * 9, pace=0.05)
        )
        broken: Any = [(0.1, ProviderError("overloaded", "Too busy."))]
        answers.append(broken if dice.random() < 0.1 else [(dice.random(), steps[0][1]), *steps[1:]])
    partials = {"partial_every_ms": 300} if follows else {}
    heard = [Heard(f"words {n}", delay=dice.random() / 2, **partials) for n in range(60)]
    stage = Stage(llm=ScriptedLlm(*answers), stt=ScriptedStt(*heard))
    stage.end_of_turn.probability = score
    async with stage.session() as client:
        for step, seconds in [("semantic_vad", 0.0), *script, ("pause", 6.0)]:
            await _one_step(client, step, seconds)
    calls = stage.llm.calls
    assert not [call for call in calls if call.state == "running"]
    attempted = [event for event in stage.seen if isinstance(event, inputs.Attempted)]
    assert len(attempted) == len(calls), "each is reported once"
    wasted = [event for event in attempted if not event.response_id]
    assert {event.attempt.reason for event in wasted} <= {"speculation"}
    assert {event.attempt.outcome for event in wasted} <= {"superseded", "failed"}
    responses = {event["response"]["id"] for event in client.of("response.created")}
    of_responses = {event.response_id for event in attempted if event.response_id}
    assert of_responses <= responses
    assert {event["response_id"] for event in client.of("antiphon.latency.decided")} <= responses
    shown = json.dumps([event for event in client.events if event["type"].startswith("response.")])
    numbers = {*re.findall(r"Answer (\d+)\.", shown), *re.findall(r"call_(\d+)\"", shown)}
    assert len(numbers) <= len(of_responses), "what is seen is of answers that became responses"


async def _one_step(client: Client, step: str, seconds: float) -> None:
    def update(**session: Any) -> None:
        client.send("session.update", session={"type": "realtime", **session})

    match step:
        case "speak" | "pause":
            await client.speak(0.3 + seconds, loud=step == "speak")
        case "commit" | "clear":
            client.send(f"input_audio_buffer.{step}")
        case "create" | "cancel":
            client.send(f"response.{step}")
        case "retract":
            for kind in ("input_audio_buffer.commit", "response.create", "response.cancel"):
                client.send(kind)
        case "item":
            client.send(
                "conversation.item.create",
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hm"}]},
            )
        case "model":
            update(modelId=f"scripted/{seconds}")
        case "voice":
            update(audio={"output": {"speed": 1.0 + seconds / 4}})
        case "off":
            update(audio={"input": {"turn_detection": None}})
        case "semantic_vad":
            events = {"antiphon": {"events": ["attempts", "decisions"]}}
            tool = {
                "type": "function",
                "name": "order",
                "description": "Orders.",
                "parameters": {"type": "object"},
            }
            turns = {"input": {"turn_detection": {"type": step, "eagerness": "low"}}}
            update(audio=turns, tools=[tool], providerData=events)
        case "server_vad":
            update(audio={"input": {"turn_detection": {"type": step}}})
    await asyncio.sleep(seconds / 4)
