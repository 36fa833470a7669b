"""Sessions whose model hears and speaks itself, and sessions that change between such a model and a cascade."""

import asyncio
from typing import Any

from antiphon.engine import inputs
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import ToolCall
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.realtime import ScriptedRealtime, call, speak, write
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from tests.engine.session_harness import Client, Stage

NATIVE = "scripted/native"
ANSWER = "Hello there. How are you today?"
LONG = "One two three four five. Six seven eight nine ten. " * 20


class Native(Stage):
    """A session on a native model, with a cascade beside it."""

    def __init__(self, *answers: Any, **given: Any) -> None:
        capabilities = given.pop("capabilities", RealtimeCapabilities(images=True, speed=True))
        self.realtime = ScriptedRealtime(*answers or [speak(ANSWER, first=0.3)], capabilities=capabilities)
        super().__init__(model=NATIVE, native=[self.realtime], **given)

    @property
    def requests(self) -> list[Any]:
        return [made.request for made in self.realtime.calls]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """What the native model was last told, as role and text."""
        return [(m.role, m.text) for m in self.requests[-1].prompt.messages]


def use(client: Client, model: str) -> None:
    client.send("session.update", session={"modelId": model})


async def test_it_works_a_spoken_turn_is_heard_and_answered() -> None:
    stage = Native()
    async with stage.session() as client:
        await client.turn()
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"
        [item] = done["response"]["output"]
        assert item["content"] == [{"type": "output_audio", "transcript": ANSWER}]
        audio = "".join(event["delta"] for event in client.of("response.output_audio.delta"))
        assert audio
    [message] = stage.requests[0].prompt.messages
    assert (message.role, message.text) == ("user", "")
    assert 1200 < len(message.audio) / 48 < 1600, "the second that was spoken, and its padding"
    assert stage.stt.streams == []
    assert stage.llm.calls == []


async def test_the_model_hears_while_the_user_speaks() -> None:
    stage = Native()
    async with stage.session() as client:
        await client.speak(1.0)
        [upstream] = stage.realtime.upstreams
        [heard] = upstream.heard.values()
        assert 900 < len(heard) / 48 < 1400
        await client.speak(0.4, loud=False)
        await client.wait_for("response.done")
        [message] = stage.requests[0].prompt.messages
        assert list(upstream.heard) == [message.item_id]
        assert message.audio.startswith(upstream.heard[message.item_id])


async def test_a_turn_that_was_cleared_is_dropped() -> None:
    stage = Native()
    async with stage.session() as client:
        await client.speak(1.0)
        client.send("input_audio_buffer.clear")
        await client.wait_for("input_audio_buffer.cleared")
        [upstream] = stage.realtime.upstreams
        assert upstream.dropped == list(upstream.heard)


async def test_the_answer_does_not_wait_for_the_transcript_which_comes_when_it_was_asked_for() -> None:
    stage = Native(stt=ScriptedStt(Heard("hi", delay=5)))
    async with stage.session() as client:
        client.send("session.update", session={"audio": {"input": {"transcription": {"model": "whisper-1"}}}})
        await client.turn()
        await client.wait_for("response.done")
        event = await client.wait_for("conversation.item.input_audio_transcription.completed")
        assert event["transcript"] == "hi"
        kinds = client.kinds
        assert kinds.index("response.done") < kinds.index(event["type"])


async def test_words_come_in_step_with_the_audio_that_says_them() -> None:
    text = "one two three four five six seven eight nine ten " * 10
    stage = Native(speak(text, ahead=1000, pace=0.1))
    async with stage.session() as client:
        client.say("count")
        await client.wait_for("response.done")
        said = played = 0
        for event in client.events:
            if event["type"] == "response.output_audio_transcript.delta":
                said += len(event["delta"])
            elif event["type"] == "response.output_audio.delta":
                played += len(event["delta"]) * 3 // 4 // 48
                assert abs(said - played / 65) < 20
        done = client.of("response.output_audio_transcript.done")[0]
        assert done["transcript"] == text


async def test_talking_over_an_answer_cancels_it_and_the_model_is_told_what_was_heard() -> None:
    stage = Native(speak(LONG, pace=0.05, ms_per_character=65), speak("Yes?"))
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        await asyncio.sleep(2)
        await client.turn(0.5)
        done = await client.wait_for("response.done")
        assert done["response"]["status_details"]["reason"] == "turn_detected"
        await client.wait_for("response.done", 2)
    assert stage.realtime.calls[0].state == "cancelled"
    user, assistant, question = stage.requests[1].prompt.messages
    assert (user.text, question.role, bool(question.audio)) == ("talk", "user", True)
    assert LONG.startswith(assistant.text)
    assert 2000 < assistant.heard_ms < 2400
    assert abs(len(assistant.text) * 65 - assistant.heard_ms) < 400


async def test_an_answer_that_is_only_still_played_is_cut_by_what_was_heard_too() -> None:
    stage = Native(speak(LONG), speak("Yes?"))
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.done")
        await asyncio.sleep(3)
        client.say("what?")
        await client.turn(0.5)
        await client.wait_for("response.done", 2)
        await client.wait_for("response.done", 3)
    assistant = stage.requests[-1].prompt.messages[1]
    assert 3000 < assistant.heard_ms < 3400
    assert abs(len(assistant.text) * 50 - assistant.heard_ms) < 300


async def test_a_tool_is_called_and_its_result_comes_back() -> None:
    weather = ToolCall("call_1", "weather", '{"city":"Oslo"}')
    stage = Native(call(weather), speak("It is sunny."))
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
    async with stage.session() as client:
        client.send("session.update", session={"tools": [tool]})
        await client.turn()
        done = await client.wait_for("response.done")
        [item] = done["response"]["output"]
        assert (item["name"], item["arguments"]) == ("weather", weather.arguments)
        output = {"type": "function_call_output", "call_id": item["call_id"], "output": "sunny"}
        client.send("conversation.item.create", item=output)
        client.send("response.create")
        await client.wait_for("response.done", 2)
    assert [t.name for t in stage.requests[0].prompt.tools] == ["weather"]
    _, called, result = stage.requests[1].prompt.messages
    assert called.tool_calls == (weather,)
    assert (result.call_id, result.text) == ("call_1", "sunny")
    assert called.item_id == item["id"]


async def test_from_native_to_a_cascade_and_back_the_conversation_goes_on() -> None:
    stage = Native(
        speak("I am the native one."),
        speak("Native again."),
        stt=ScriptedStt(Heard("what is my name?"), Heard("my name is Zoë")),  # which is asked for later
        llm=ScriptedLlm(say("You are Zoë.")),
    )
    async with stage.session() as client:
        await client.turn()
        await client.wait_for("response.done")
        await asyncio.sleep(3)
        use(client, "scripted/llm")
        await client.turn()
        await client.wait_for("response.done", 2)
        await asyncio.sleep(3)
        [upstream] = stage.realtime.upstreams
        assert upstream.closed, "the connection to a model that the session has left is closed"
        use(client, NATIVE)
        await client.turn()
        await client.wait_for("response.done", 3)
    seen = [(m.role, m.text) for m in stage.llm.calls[0].request.messages]
    assert seen == [
        ("user", "my name is Zoë"),
        ("assistant", "I am the native one."),
        ("user", "what is my name?"),
    ]
    assert stage.texts == [*seen, ("assistant", "You are Zoë."), ("user", "")]
    assert stage.requests[-1].prompt.messages[-1].audio
    assert len(stage.realtime.upstreams) == 2
    assert all(upstream.closed for upstream in stage.realtime.upstreams)


async def test_a_turn_during_which_the_session_goes_native_is_heard_from_its_beginning() -> None:
    stage = Native(stt=ScriptedStt(Heard("well well well", partial_every_ms=200)))
    stage.model = "scripted/llm"
    async with stage.session() as client:
        await client.speak(0.6)
        use(client, NATIVE)
        await client.turn(0.6)
        await client.wait_for("response.done")
    [message] = stage.requests[0].prompt.messages
    [upstream] = stage.realtime.upstreams
    assert len(upstream.heard[message.item_id]) > 48 * 1100
    assert message.audio.startswith(upstream.heard[message.item_id])
    assert stage.stt.streams[0].state == "cancelled"


async def test_a_turn_during_which_the_session_leaves_its_native_model_is_recognised_whole() -> None:
    stage = Native(stt=ScriptedStt(Heard("well well well", partial_every_ms=200)))
    async with stage.session() as client:
        await client.speak(0.6)
        use(client, "scripted/llm")
        await client.turn(0.6)
        await client.wait_for("response.done")
    [upstream] = stage.realtime.upstreams
    assert upstream.closed
    assert stage.llm.calls[0].request.messages[0].text == "well well well"
    assert 1400 < len(stage.stt.streams[0].pcm) / 48 < 1800


async def test_an_answer_goes_on_while_its_model_is_left() -> None:
    stage = Native(speak(LONG, pace=0.2))
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        use(client, "scripted/llm")
        await client.wait_for("session.updated")
        assert not stage.realtime.upstreams[0].closed
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"
        await asyncio.sleep(0.1)
        assert stage.realtime.upstreams[0].closed


async def test_an_out_of_band_response_leaves_the_conversation_alone() -> None:
    stage = Native(speak("Hello."), write("greeting"))
    async with stage.session() as client:
        client.say("hi")
        await client.wait_for("response.done")
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Classify."}]}
        response = {"conversation": "none", "output_modalities": ["text"], "input": [item]}
        client.send("response.create", response=response)
        done = await client.wait_for("response.done", 2)
        assert done["response"]["output"][0]["content"] == [{"type": "output_text", "text": "greeting"}]
        assert len(client.of("conversation.item.added")) == 2
    assert stage.requests[1].beside
    assert stage.requests[1].modality == "text"
    assert stage.texts == [("user", "Classify.")]


async def test_the_usage_is_that_of_the_model_with_its_audio_tokens() -> None:
    stage = Native(speak("one two three"))
    async with stage.session() as client:
        client.say("count")
        done = await client.wait_for("response.done")
    usage = done["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (30, 9)
    assert usage["input_token_details"] | {"cached_tokens_details": {}} == {
        "text_tokens": 10,
        "audio_tokens": 20,
        "image_tokens": 0,
        "cached_tokens": 0,
        "cached_tokens_details": {},
    }
    assert usage["output_token_details"] == {"text_tokens": 3, "audio_tokens": 6}
    [attempted] = [event.attempt for event in stage.seen if isinstance(event, inputs.Attempted)]
    assert (attempted.model, attempted.outcome) == (NATIVE, "completed")
    assert attempted.usage is not None
    assert attempted.usage.output_audio_tokens == 6


async def test_an_attempt_that_was_cut_off_is_reported_with_what_it_said() -> None:
    stage = Native(speak(LONG, pace=0.5))
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta", 5)
        client.send("response.cancel")
        await client.wait_for("response.done")
        await asyncio.sleep(0.1)
    [attempt] = [event.attempt for event in stage.seen if isinstance(event, inputs.Attempted)]
    assert attempt.outcome == "cancelled"
    assert attempt.usage is not None
    assert attempt.usage.estimated
    assert attempt.usage.output_audio_tokens > 0


async def test_a_broken_upstream_fails_its_response_and_the_next_one_works() -> None:
    gone = ProviderError("network", "api.example broke the connection.")
    stage = Native([(0.1, gone)], speak("Here again."))
    async with stage.session() as client:
        client.say("hi")
        done = await client.wait_for("response.done")
        assert done["response"]["status_details"]["error"]["code"] == "provider_unreachable"
        client.say("hi?")
        done = await client.wait_for("response.done", 2)
        assert done["response"]["status"] == "completed"


async def test_a_client_that_vanishes_leaves_no_upstream() -> None:
    stage = Native(speak(LONG, pace=0.5))
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
    assert stage.realtime.calls[0].state == "cancelled"
    assert stage.realtime.upstreams[0].closed


async def test_a_recogniser_that_fails_does_not_matter_to_the_answer() -> None:
    broken = Heard(error=ProviderError("network", "The recogniser cannot be reached."))
    stage = Native(stt=ScriptedStt(broken))
    async with stage.session() as client:
        client.send("session.update", session={"audio": {"input": {"transcription": {}}}})
        await client.turn()
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"


async def test_a_phone_line_hears_the_whole_answer() -> None:
    stage = Native(speak(ANSWER))
    async with stage.session(paced=True) as client:
        client.say("hi")
        await client.wait_for("output_audio_buffer.stopped")
        assert len(client.transport.heard) == len(ANSWER) * 50 * 48


# What a model can't do

LIMITED = RealtimeCapabilities(
    text_out=False, out_of_band=False, per_response=False, forget=False, tool_choice=False
)


async def refusal(response: dict[str, Any] | None = None, session: dict[str, Any] | None = None) -> Any:
    """The error that a model which can do little gives, as code and param."""
    stage = Native(capabilities=LIMITED)
    async with stage.session() as client:
        if session is not None:
            client.send("session.update", session=session, event_id="mine")
        else:
            client.send("response.create", response=response, event_id="mine")
        error = (await client.wait_for("error"))["error"]
        assert error["event_id"] == "mine"
        assert NATIVE in error["message"]
        assert "response.created" not in client.kinds
        assert stage.realtime.calls == []
    return error["code"], error["param"]


async def test_text_alone_is_refused_by_a_model_that_only_speaks() -> None:
    asked = await refusal({"output_modalities": ["text"]})
    assert asked == ("unsupported_by_model", "response.output_modalities")
    asked = await refusal(session={"output_modalities": ["text"]})
    assert asked == ("unsupported_by_model", "session.output_modalities")


async def test_another_speed_is_refused_by_a_model_that_has_one() -> None:
    asked = await refusal(session={"audio": {"output": {"speed": 1.2}}})
    assert asked == ("unsupported_by_model", "session.audio.output.speed")


async def test_out_of_band_responses_are_refused_by_a_model_without_them() -> None:
    assert await refusal({"conversation": "none"}) == ("unsupported_by_model", "response.conversation")
    assert await refusal({"input": []}) == ("unsupported_by_model", "response.input")


async def test_settings_for_one_response_are_refused_by_a_model_that_has_one_set() -> None:
    for name, value in (("instructions", "Shout."), ("tools", [{"type": "function", "name": "f"}])):
        assert await refusal({name: value}) == ("unsupported_by_model", f"response.{name}")
    voice = {"audio": {"output": {"voice": "marin"}}}
    assert await refusal(voice) == ("unsupported_by_model", "response.audio.output.voice")


async def test_a_choice_of_tools_is_refused_by_a_model_that_takes_none() -> None:
    asked = await refusal({"tool_choice": "required"})
    assert asked == ("unsupported_by_model", "response.tool_choice")


async def test_what_the_session_has_anyway_is_no_setting_of_the_response() -> None:
    stage = Native(capabilities=LIMITED)
    async with stage.session() as client:
        client.send("session.update", session={"instructions": "Be kind."})
        response = {"instructions": "Be kind.", "tools": [], "conversation": "auto"}
        client.send("response.create", response=response)
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"


async def test_a_model_that_cannot_do_what_the_session_is_set_to_is_not_taken() -> None:
    stage = Native(capabilities=LIMITED)
    stage.model = "scripted/llm"
    async with stage.session() as client:
        client.send("session.update", session={"output_modalities": ["text"]})
        use(client, NATIVE)
        error = (await client.wait_for("error"))["error"]
        assert error["code"] == "unsupported_by_model"
        client.say("hi")
        done = await client.wait_for("response.done")
        assert done["response"]["output"][0]["content"][0]["type"] == "output_text"
    assert len(stage.llm.calls) == 1


async def test_a_model_that_does_not_exist_is_not_taken() -> None:
    stage = Native()
    async with stage.session() as client:
        use(client, "no/such")
        error = (await client.wait_for("error"))["error"]
        assert error["code"] == "invalid_model"
