"""Models at work for a session: recognisers that follow, formats on the wire, calls in parallel, silences."""

import base64

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import LlmUsage, Stop, TextDelta, ToolCallDelta, ToolCallStarted
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from tests.engine.session_harness import Client, Stage

DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"
FOLLOWED = Heard("good morning to you all", partial_every_ms=200)


async def transcribed(client: Client) -> str:
    client.send("session.update", session={"audio": {"input": {"transcription": {"model": "whisper-1"}}}})
    await client.turn()
    return str((await client.wait_for(COMPLETED))["transcript"])


async def test_words_are_shown_while_they_are_spoken() -> None:
    async with Stage(stt=ScriptedStt(FOLLOWED)).session() as client:
        assert await transcribed(client) == "good morning to you all"
        assert "".join(event["delta"] for event in client.of(DELTA)) == "good morning to you all"
        assert client.at(DELTA) < client.at("input_audio_buffer.speech_stopped")


async def test_a_recogniser_gets_each_sample_of_a_turn_once() -> None:
    stage = Stage(stt=ScriptedStt(FOLLOWED))
    async with stage.session() as client:
        await transcribed(client)
        started = client.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
        stopped = client.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
        [stream] = stage.stt.streams
        assert abs(len(stream.pcm) // 48 - (stopped - started)) <= 1


async def test_a_recogniser_that_fails_while_the_user_speaks_is_asked_again_with_everything() -> None:
    failing = Heard("never", partial_every_ms=200, error=ProviderError("network", "gone"), error_at_ms=400)
    stage = Stage(stt=ScriptedStt(failing, FOLLOWED))
    async with stage.session() as client:
        assert await transcribed(client) == "good morning to you all"
        failed, asked_again = stage.stt.streams
        assert len(asked_again.pcm) > len(failed.pcm)


async def test_a_turn_that_is_cleared_gives_its_recogniser_up() -> None:
    stage = Stage(stt=ScriptedStt(FOLLOWED))
    async with stage.session() as client:
        await client.speak(0.5)
        client.send("input_audio_buffer.clear")
        await client.wait_for("input_audio_buffer.cleared")
        [stream] = stage.stt.streams
    assert stream.state == "cancelled"


async def test_an_answer_in_g711_is_as_long_as_it_sounds() -> None:
    async with Stage().session() as client:
        client.send("session.update", session={"audio": {"output": {"format": {"type": "audio/pcmu"}}}})
        client.say("hi")
        await client.wait_for("response.done")
        audio = b"".join(base64.b64decode(e["delta"]) for e in client.of("response.output_audio.delta"))
        assert len(audio) == len("Hello there. How are you today?") * 50 * 8


async def test_calls_that_a_model_writes_at_the_same_time_come_one_after_the_other() -> None:
    steps = [
        (0.0, TextDelta("Let me look. ")),
        (0.0, ToolCallStarted("call_a", "weather")),
        (0.0, ToolCallDelta("call_a", '{"city":')),
        (0.0, ToolCallStarted("call_b", "time")),
        (0.0, ToolCallDelta("call_b", "{}")),
        (0.0, ToolCallDelta("call_a", '"Paris"}')),
        (0.0, LlmUsage(10, 5)),
        (0.0, Stop("tool_calls")),
    ]
    async with Stage(llm=ScriptedLlm(steps)).session() as client:
        client.say("weather and time?")
        output = (await client.wait_for("response.done"))["response"]["output"]
    said, first, second = output
    assert said["content"][0]["transcript"].strip() == "Let me look."
    assert (first["call_id"], first["arguments"]) == ("call_a", '{"city":"Paris"}')
    assert (second["call_id"], second["arguments"]) == ("call_b", "{}")


async def test_a_call_and_its_result_do_not_touch_audio_that_is_playing() -> None:
    long = say("This is a long answer that takes its time to be said. " * 3)
    stage = Stage(llm=ScriptedLlm(long, say("Later.")))
    async with stage.session(paced=True) as client:
        client.say("talk")
        await client.wait_for("response.done")
        call = {"type": "function_call", "call_id": "call_a", "name": "weather", "arguments": "{}"}
        client.send("conversation.item.create", item=call)
        result = {"type": "function_call_output", "call_id": "call_a", "output": "sunny"}
        client.send("conversation.item.create", item=result)
        client.send("response.create")
        await client.wait_for("response.done", 2)
        await client.wait_for("output_audio_buffer.stopped", 2)
        assert not client.of("output_audio_buffer.cleared")
        assert not client.of("conversation.item.truncated")


async def test_a_user_who_stays_silent_is_spoken_to_again() -> None:
    stage = Stage(llm=ScriptedLlm(say("Hello there."), say("Are you still there?")))
    async with stage.session() as client:
        detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
        client.send("session.update", session={"audio": {"input": {"turn_detection": detection}}})
        client.say("hi")
        await client.speak(12, loud=False)
        await client.wait_for("response.done", 2)
        waited = client.at("input_audio_buffer.timeout_triggered") - client.at("response.done")
        assert abs(waited - 5 - len("Hello there.") * 0.05) < 0.2
        assert client.of("response.done")[1]["response"]["output"][0]["content"][0]["transcript"]
