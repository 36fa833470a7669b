"""The session as an actor: streaming, barge-in, failures, slow readers, and what it leaves behind."""

import asyncio

from antiphon.engine.machine import Limits
from antiphon.engine.ports import Disconnected
from antiphon.protocol.server_events import ServerEvent
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts, Speech, text_of
from antiphon.transports.memory import MemoryTransport
from tests.engine.session_harness import Stage

LONG = "One two three four five. Six seven eight nine ten. " * 20


async def test_it_works_a_spoken_turn_is_heard_and_answered_in_speech() -> None:
    stage = Stage()
    async with stage.session() as client:
        await client.turn()
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "completed"
        [item] = done["response"]["output"]
        assert item["content"] == [{"type": "output_audio", "transcript": "Hello there. How are you today?"}]
        assert 1200 < len(stage.stt.streams[0].pcm) / 48 < 1600, "the second that was spoken, and its padding"
        assert stage.llm.calls[0].request.messages[0].text == "hi"


async def test_the_first_audio_leaves_long_before_the_text_is_complete() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, first=0.2, pace=0.1)))
    async with stage.session() as client:
        client.say("go")
        await client.wait_for("response.done")
        first_audio = client.at("response.output_audio.delta")
        assert first_audio < 1.5
        assert client.at("response.output_audio_transcript.done") > 15


async def test_talking_over_a_long_answer_stops_it() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.01)))
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
        await client.speak(0.5)
        done = await client.wait_for("response.done")
        assert done["response"]["status_details"]["reason"] == "turn_detected"
        await client.speak(1.0)
        after = client.kinds[client.kinds.index("response.done") :]
        assert not [kind for kind in after if kind.startswith("response.") and kind != "response.done"]
        assert stage.llm.calls[0].state == "cancelled"
        assert all(call.state != "running" for call in stage.tts.calls)


async def test_on_a_phone_line_nothing_is_played_after_the_user_talks_over_it() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.01)))
    async with stage.session(paced=True) as client:
        client.say("talk")
        await client.wait_for("output_audio_buffer.started")
        await asyncio.sleep(2)
        await client.speak(0.5)
        truncated = await client.wait_for("conversation.item.truncated")
        played = len(client.transport.line)
        assert truncated["audio_end_ms"] == played // 48
        await asyncio.sleep(1)
        assert len(client.transport.line) == played
        client.say("what did you say?")
        await client.wait_for("response.done", 2)
    heard = text_of(bytes(client.transport.line[:played]), 50)
    remembered = next(m.text for m in stage.llm.calls[1].request.messages if m.role == "assistant")
    assert heard.startswith(remembered)
    assert len(heard) - len(remembered) < 12


async def test_a_phone_line_plays_everything_at_its_pace() -> None:
    stage = Stage()
    async with stage.session(paced=True) as client:
        client.say("hi")
        await client.wait_for("output_audio_buffer.stopped")
        whole = "Hello there. How are you today?"
        assert text_of(client.transport.heard, 50) == whole
        playing = client.at("output_audio_buffer.stopped") - client.at("output_audio_buffer.started")
        assert abs(playing - len(whole) * 0.05) < 0.3
        assert not client.of("response.output_audio.delta")


async def test_the_transcript_of_the_user_comes_when_it_was_asked_for() -> None:
    stage = Stage()
    async with stage.session() as client:
        client.send("session.update", session={"audio": {"input": {"transcription": {"model": "whisper-1"}}}})
        await client.turn()
        event = await client.wait_for("conversation.item.input_audio_transcription.completed")
        assert event["transcript"] == "hi"
        assert event["usage"]["type"] == "duration"


async def test_semantic_turn_detection_waits_for_a_finished_turn() -> None:
    stage = Stage()
    async with stage.session() as client:
        client.send(
            "session.update", session={"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}
        )
        stage.end_of_turn.probability = 0.1
        await client.speak(1.0)
        await client.speak(1.0, loud=False)
        assert "input_audio_buffer.speech_stopped" not in client.kinds
        stage.end_of_turn.probability = 0.99
        await client.speak(0.5)
        await client.speak(0.4, loud=False)
        await client.wait_for("input_audio_buffer.speech_stopped")
        assert len(stage.end_of_turn.scored) == 2


async def test_a_turn_without_words_is_not_answered() -> None:
    stage = Stage(stt=ScriptedStt(Heard("")))
    async with stage.session() as client:
        await client.turn()
        done = await client.wait_for("response.done")
        assert (done["response"]["status"], done["response"]["output"]) == ("completed", [])
        assert stage.llm.calls == []


async def test_a_dead_recogniser_fails_the_response_and_the_next_turn_works() -> None:
    broken = Heard(error=ProviderError("network", "The recogniser cannot be reached."))
    stage = Stage(stt=ScriptedStt(broken, Heard("hi")))
    async with stage.session() as client:
        client.send("session.update", session={"audio": {"input": {"transcription": {}}}})
        await client.turn()
        done = await client.wait_for("response.done")
        assert done["response"]["status_details"]["error"]["code"] == "provider_unreachable"
        assert client.of("conversation.item.input_audio_transcription.failed")
        await client.turn()
        done = await client.wait_for("response.done", 2)
        assert done["response"]["status"] == "completed"


async def test_a_dead_language_model_fails_the_response() -> None:
    stage = Stage(llm=ScriptedLlm([(0.1, ProviderError("overloaded", "Too much to do."))]))
    async with stage.session() as client:
        client.say("hi")
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "failed"
        assert done["response"]["status_details"]["error"]["message"] == "Too much to do."


async def test_a_voice_that_breaks_in_mid_sentence_closes_what_it_opened_and_stops_the_model() -> None:
    speech = Speech(breaks_after_ms=300, error=ProviderError("upstream", "The voice broke."))
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.05)), tts=ScriptedTts(speech, ms_per_character=50))
    async with stage.session() as client:
        client.say("hi")
        done = await client.wait_for("response.done")
        assert done["response"]["status"] == "failed"
        assert done["response"]["output"][0]["status"] == "incomplete"
        await asyncio.sleep(0.1)
        assert stage.llm.calls[0].state == "cancelled"


async def test_a_model_that_does_not_exist_fails_the_response() -> None:
    async with Stage(model="no/such").session() as client:
        client.say("hi")
        done = await client.wait_for("response.done")
        assert done["response"]["status_details"]["error"]["code"] == "model_not_found"


async def test_at_its_expiry_the_session_says_so_and_closes() -> None:
    stage = Stage(limits=Limits(duration_ms=60_000))
    async with stage.session() as client:
        error = await client.wait_for("error")
        assert error["error"]["code"] == "session_expired"
        assert client.at("error") == 60
    assert client.transport.closed == (1001, "session_expired")


async def test_a_client_that_vanishes_in_mid_answer_leaves_nothing_running() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG, pace=0.1)))
    async with stage.session() as client:
        client.say("talk")
        await client.wait_for("response.output_audio.delta")
    assert stage.llm.calls[0].state == "cancelled"
    assert all(call.state != "running" for call in stage.tts.calls)


class SlowReader(MemoryTransport):
    """Takes one event and then nothing more."""

    def __init__(self) -> None:
        super().__init__(paced=False)
        self.taken = 0

    async def send(self, event: ServerEvent) -> None:
        self.taken += 1
        if self.taken > 1:
            await asyncio.Event().wait()


async def test_a_client_that_stops_reading_is_waited_for_and_then_dropped() -> None:
    stage = Stage(llm=ScriptedLlm(say(LONG * 20, pace=0.0)))
    async with stage.session(transport=SlowReader()) as client:
        client.say("talk")
        await asyncio.sleep(20)
        synthesised = sum(len(call.request) for call in stage.tts.calls) * 50 * 48
        assert synthesised < 2_000_000, "the models are held back as well"
        await asyncio.sleep(20)
        assert client.transport.closed == (1008, "the client reads too slowly")


class Broken(MemoryTransport):
    async def send(self, event: ServerEvent) -> None:
        raise Disconnected


async def test_a_client_that_is_gone_before_the_first_event_ends_the_session() -> None:
    async with Stage().session(transport=Broken(paced=False)) as client:
        await asyncio.sleep(1)
        assert client.transport.closed == (1000, "")


async def test_a_fault_of_ours_ends_the_session_with_1011() -> None:
    stage = Stage()
    async with stage.session() as client:
        client.transport.put(object())  # type: ignore[arg-type]
        await asyncio.sleep(1)
        assert client.transport.closed == (1011, "internal error")


async def test_observers_see_inputs_and_events_in_order() -> None:
    stage = Stage()
    async with stage.session() as client:
        client.say("hi")
        await client.wait_for("response.done")
    kinds = [type(event).__name__ for event in stage.seen]
    order = ["ItemCreate", "ResponseCreate", "ResponseCreated", "ModelStarted", "SpeechAudio", "ResponseDone"]
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)
