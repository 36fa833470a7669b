"""Inworld's own example, with the address and the key changed."""

import pytest

from tests.clients.conftest import Program, Run
from tests.engine.replay import Replay
from tests.openai_types import check_server_event

LOCAL, WITHOUT_A_KEY = "local/dialogue", "groq/gpt-oss-120b"

examples = pytest.mark.parametrize(
    "run",
    [Program("js/inworld_browser.mjs", LOCAL), Program("js/inworld_server.mjs", LOCAL)],
    indirect=True,
    ids=str,
)


@examples
def test_it_works(run: Run) -> None:
    (session,) = run.reported("session")
    assert session["model"] == LOCAL
    assert session["audio"]["output"]["model"] == "inworld-tts-1.5-max"
    assert session["audio"]["output"]["voice"] == "Liam"
    detection = session["audio"]["input"]["turn_detection"]
    assert (detection["type"], detection["eagerness"]) == ("semantic_vad", "medium")
    assert "ill" in run.reported("answer")[0], "the stand-in repeats what it heard"
    assert run.reported("audio_bytes")[0] > 48_000, "more than a second"


@examples
def test_the_events_are_those_of_the_protocol(run: Run) -> None:
    replay = Replay()
    for frame, event in zip(run.recording.server_frames, run.recording.server_events, strict=True):
        check_server_event(frame)
        replay.take(event)
    replay.finish()
    assert run.server("response.done")


@pytest.mark.parametrize("run", [Program("js/inworld_browser.mjs", WITHOUT_A_KEY)], indirect=True, ids=str)
def test_a_model_whose_provider_has_no_key_is_refused(run: Run) -> None:
    (error,) = run.reported("error")
    assert error["code"] == "invalid_model"
    assert "GROQ_API_KEY" in error["message"]
    assert not run.reported("session")
