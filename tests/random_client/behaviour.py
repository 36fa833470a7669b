"""What a random client does over time, as data: each step a name and an argument."""

from typing import Any

from hypothesis import strategies as st

from tests.random_client.frames import UNREACHABLE, frames, reuses

Step = tuple[str, Any]

_ms = st.sampled_from([1, 20, 100, 500, 1_500, 4_000])
_lost = st.sampled_from([0, 0, 1, 3, 40])  # events that a break swallows
_on_a_sideband = st.tuples(st.integers(0, 3), frames)

_TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
_SERVER = {"type": "mcp", "server_label": "s", "server_url": UNREACHABLE}
_TOOLS: list[dict[str, Any]] = [
    {"tools": [_TOOL]},
    {"tools": [_TOOL, {**_SERVER, "require_approval": "never"}]},
    {"tools": [{**_SERVER, "require_approval": "always"}], "output_modalities": ["text"]},
]
_SETTINGS: list[dict[str, Any]] = [
    {"output_modalities": ["text"]},
    {"tools": []},
    {"audio": {"input": {"transcription": {"model": "whisper-1"}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5_000}}}},
    {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}}},
    {"audio": {"input": {"turn_detection": None}}},
    {"audio": {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcma"}}}},
    {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}},
    {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}},
]

# A client that knows what it does, most of the time.
_sensible: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(["Tell me a story.", "What is two plus two?"])),
    st.tuples(st.just("say"), st.sampled_from(["What time is it?", "Please repeat after me: so it is."])),
    st.tuples(st.just("turn"), st.sampled_from([300, 1_500, 3_000])),
    st.tuples(st.just("turn"), st.sampled_from([300, 1_500, 3_000])),
    st.tuples(st.just("speak"), st.tuples(_ms, st.sampled_from([20, 20, 7, 100, 1_000]))),
    st.tuples(st.just("silence"), _ms),
    st.tuples(st.just("wait"), _ms),
    st.tuples(st.just("wait"), st.sampled_from([1_000, 10_000, 40_000])),
    st.tuples(st.just("set"), st.sampled_from(_SETTINGS)),
    st.tuples(st.just("consult"), st.sampled_from(_TOOLS)),
    st.tuples(st.just("return_tool"), st.none()),
    st.tuples(st.just("approve"), st.booleans()),
)
_careless: st.SearchStrategy[Step] = st.tuples(
    st.just("send"), st.one_of(*[st.lists(frames, min_size=1, max_size=4)] * 5, reuses)
)
_unlucky: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("stop_reading"), st.none()),
    st.tuples(st.just("read_again"), st.none()),
    st.tuples(st.just("break_off"), st.tuples(_lost, _ms)),
    st.tuples(st.just("come_back_unasked"), _lost),
    st.tuples(st.just("storm"), st.integers(2, 6)),
    st.tuples(st.just("attach"), st.none()),
    st.tuples(st.just("sideband_sends"), _on_a_sideband),
    st.tuples(st.just("sideband_leaves"), st.integers(0, 3)),
    st.tuples(st.just("sideband_stops_reading"), st.integers(0, 3)),
)
steps: st.SearchStrategy[Step] = st.one_of(_sensible, _sensible, _careless, _careless, _unlucky)
scripts = st.lists(steps, min_size=10, max_size=40)
endings = st.sampled_from(["close", "close", "break_off", "hang_up"])
