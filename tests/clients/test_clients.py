"""Everyone's clients at their newest versions, unmodified: they are given an address and a key.

Each program in this folder holds a whole conversation in its library's own way.
"""

import base64
import re
from typing import cast

import pytest

from tests.clients.conftest import Program, Run
from tests.clients.recording_proxy import Event
from tests.engine.replay import Replay
from tests.openai_beta_types import check_beta_event
from tests.openai_types import check_server_event

PUSH_TO_TALK = [Program("python/openai_sync.py"), Program("js/openai_native.mjs")]
HANDS_FREE = [Program("python/openai_async.py"), Program("js/openai_ws.mjs")]
AGENTS = [Program("python/agents_sdk.py"), Program("js/agents.mjs")]
BETA = [Program("python/openai_beta.py"), Program("js/openai_beta_ws.mjs")]
CURRENT = PUSH_TO_TALK + HANDS_FREE + AGENTS

SPEECH = "he was not an ill disposed young man"
INTERRUPTION = "he might even have been made amiable himself"

every = pytest.mark.parametrize("run", CURRENT + BETA, indirect=True, ids=str)
current = pytest.mark.parametrize("run", CURRENT, indirect=True, ids=str)
interrupting = pytest.mark.parametrize("run", HANDS_FREE + AGENTS, indirect=True, ids=str)
agents = pytest.mark.parametrize("run", AGENTS, indirect=True, ids=str)
beta = pytest.mark.parametrize("run", BETA, indirect=True, ids=str)


@every
def test_it_is_answered(run: Run) -> None:
    assert run.reported("answer")[0] == "Twelve times seven is eighty-four."


@every
def test_its_function_is_called_and_the_result_told(run: Run) -> None:
    assert run.reported("called") == ["get_weather"]
    assert run.reported("arguments") == [{"city": "Paris"}]
    assert run.reported("answer")[1] == (
        "The temperature is eighteen degrees Celsius and the conditions are sunny."
    )


@every
def test_human_speech_is_understood_and_answered_aloud(run: Run) -> None:
    heard = transcripts(run)[0]
    assert words_in_common(heard, SPEECH) >= 5, heard
    assert heard in run.reported("answer")[2], "the stand-in repeats what it heard"
    assert max(run.reported("audio_bytes")) > 48_000, "more than a second"


@every
def test_nothing_is_refused(run: Run) -> None:
    assert not run.server("error")


@current
def test_every_event_is_of_the_newest_types(run: Run) -> None:
    for frame in run.recording.server_frames:
        check_server_event(frame)


@current
def test_the_events_keep_the_invariants(run: Run) -> None:
    replay = Replay()
    for event in run.recording.server_events:
        replay.take(event)
    replay.finish()


@interrupting
def test_talking_over_an_answer_stops_it(run: Run) -> None:
    cancelled = [event["response"] for event in run.server("response.done")][-2]
    assert cancelled["status"] == "cancelled"
    assert cancelled["status_details"]["reason"] == "turn_detected"
    heard = transcripts(run)[-1]
    assert words_in_common(heard, INTERRUPTION) >= 6, heard
    assert heard in run.reported("answer")[-1]


@interrupting
def test_what_was_not_heard_is_truncated(run: Run) -> None:
    item_id = counting(run)["id"]
    (asked,) = [event for event in run.client("conversation.item.truncate") if event["item_id"] == item_id]
    (told,) = [event for event in run.server("conversation.item.truncated") if event["item_id"] == item_id]
    assert told["audio_end_ms"] == asked["audio_end_ms"]
    deltas = [
        event["delta"] for event in run.server("response.output_audio.delta") if event["item_id"] == item_id
    ]
    received = sum(len(base64.b64decode(delta)) for delta in deltas)
    assert 0 < asked["audio_end_ms"] <= received / 48


@agents
def test_an_agent_session_keeps_the_history(run: Run) -> None:
    assert run.reported("interrupted")
    (history,) = run.reported("history")
    items = [event["item"] for event in run.server("conversation.item.added")]
    shown = [item["id"] for item in items if item["type"] != "function_call_output"]  # kept with its call
    assert [item["id"] for item in history] == shown
    item_id = counting(run)["id"]
    (cut_off,) = [item["text"] for item in history if item["id"] == item_id]
    deltas = run.server("response.output_audio_transcript.delta")
    written = "".join(event["delta"] for event in deltas if event["item_id"] == item_id)
    assert cut_off.startswith("One")
    assert written.startswith(cut_off)


@beta
def test_every_beta_event_is_of_the_newest_types(run: Run) -> None:
    for frame in run.recording.server_frames:
        check_beta_event(frame)


def counting(run: Run) -> Event:
    """The item of the answer that was talked over."""
    (response,) = [
        event["response"]
        for event in run.server("response.done")
        if event["response"]["status"] == "cancelled"
    ]
    (item,) = response["output"]
    assert item["status"] == "incomplete"
    return cast(Event, item)


def transcripts(run: Run) -> list[str]:
    events = run.server("conversation.item.input_audio_transcription.completed")
    return [event["transcript"] for event in events]


def words_in_common(heard: str, said: str) -> int:
    return len(set(re.sub(r"[^a-z ]", " ", heard.lower()).split()) & set(said.split()))
