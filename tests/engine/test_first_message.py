"""An assistant that speaks first, with words that were given."""

from antiphon.engine import inputs
from antiphon.engine.machine import Limits
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.scripted.realtime import ScriptedRealtime, speak
from tests.engine.session_harness import Stage

GREETING = "Welcome to Acme. How can I help?"


async def test_it_works_the_session_opens_with_it_spoken_and_no_model_is_asked() -> None:
    stage = Stage(first_message=GREETING)
    async with stage.session() as client:
        done = await client.wait_for("response.done")
        assert client.kinds[:2] == ["session.created", "response.created"]
        assert done["response"]["status"] == "completed"
        [item] = done["response"]["output"]
        assert item["content"] == [{"type": "output_audio", "transcript": GREETING}]
        assert client.of("response.output_audio.delta")
    assert stage.llm.calls == []


async def test_only_its_speech_is_billed() -> None:
    stage = Stage(first_message=GREETING)
    async with stage.session() as client:
        done = await client.wait_for("response.done")
    usage = done["response"]["usage"]
    assert usage["input_tokens"] == 0
    assert usage["output_token_details"]["text_tokens"] == 0
    assert usage["output_token_details"]["audio_tokens"] > 0
    [spoken] = [event for event in stage.seen if isinstance(event, inputs.SpeechUsed)]
    assert spoken.usage.characters >= len(GREETING) - 1
    assert not [event for event in stage.seen if isinstance(event, inputs.Attempted)]


async def test_the_model_knows_what_was_said_first() -> None:
    stage = Stage(first_message=GREETING)
    async with stage.session() as client:
        await client.wait_for("response.done")
        client.say("hi")
        await client.wait_for("response.done", 2)
    told = [(message.role, message.text) for message in stage.llm.calls[0].request.messages]
    assert told == [("assistant", GREETING), ("user", "hi")]


async def test_talking_over_it_stops_it_and_only_what_was_heard_counts() -> None:
    stage = Stage(first_message="One two three four five. " * 40)
    async with stage.session(paced=True) as client:
        await client.wait_for("output_audio_buffer.started")
        await client.speak(0.5)
        truncated = await client.wait_for("conversation.item.truncated")
        assert truncated["audio_end_ms"] < 1_000


async def test_on_a_phone_line_it_is_played() -> None:
    stage = Stage(first_message=GREETING)
    async with stage.session(paced=True) as client:
        await client.wait_for("output_audio_buffer.started")
        await client.wait_for("output_audio_buffer.stopped")


async def test_a_model_that_speaks_itself_is_told_to_say_it() -> None:
    model = ScriptedRealtime(speak(GREETING), capabilities=RealtimeCapabilities())
    stage = Stage(model=model.name, native=[model], first_message=GREETING)
    async with stage.session() as client:
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"
    [asked] = model.calls
    assert GREETING in asked.request.prompt.instructions
    assert stage.tts.calls == []


async def test_a_model_that_cannot_be_told_fails_that_response_and_the_session_goes_on() -> None:
    model = ScriptedRealtime(speak("Hi."), capabilities=RealtimeCapabilities(per_response=False))
    stage = Stage(model=model.name, native=[model], first_message=GREETING)
    async with stage.session() as client:
        done = await client.wait_for("response.done")
        assert done["response"]["status_details"]["error"]["code"] == "unsupported_by_model"
        client.say("hi")
        done = await client.wait_for("response.done", 2)
        assert done["response"]["status"] == "completed"


async def test_a_session_that_expires_says_after_how_long() -> None:
    stage = Stage(limits=Limits(duration_ms=1_500))
    async with stage.session() as client:
        error = await client.wait_for("error")
    assert error["error"]["code"] == "session_expired"
    assert error["error"]["message"].endswith("2 seconds.")
