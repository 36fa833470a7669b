import asyncio
import math

import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import TextDelta, ToolCall
from antiphon.providers.base.stt import FinalTranscript, PartialTranscript, SttConfig
from antiphon.providers.base.tts import Audio, TtsConfig
from antiphon.providers.scripted import Heard, ScriptedLlm, ScriptedStt, ScriptedTts, Speech, call_tools, say
from tests.providers.contract_llm import HELLO, LlmContract, Stalled, answer_of
from tests.providers.contract_stt import SttContract, turn
from tests.providers.contract_tts import PIECES, TtsContract, speak

OVERLOADED = ProviderError("overloaded", "The script says so.")


def now():
    return asyncio.get_running_loop().time()


class TestLlm(LlmContract):
    @pytest.fixture
    def model(self):
        return ScriptedLlm(say("Hello there!", first=0.3, pace=0.05))

    @pytest.fixture
    def tool_caller(self):
        calls = (ToolCall("call_1", "weather", '{"city":"Malmö"}'), ToolCall("call_2", "weather", "{}"))
        return ScriptedLlm(call_tools(*calls, first=0.3))

    @pytest.fixture
    def stalled(self):
        model = ScriptedLlm([(0.1, TextDelta("Well, ")), (math.inf, TextDelta("never"))])

        async def released():
            assert model.calls[-1].state == "cancelled"

        return Stalled(model, released)

    @pytest.fixture
    def broken(self):
        return ScriptedLlm([(0.2, OVERLOADED)])

    @pytest.fixture
    def broken_midway(self):
        return ScriptedLlm([(0.2, TextDelta("Well, ")), (0.2, OVERLOADED)])


class TestStt(SttContract):
    @pytest.fixture
    def stt(self):
        return ScriptedStt(Heard("good morning", delay=0.2, partial_every_ms=300))

    @pytest.fixture
    def stalled(self):
        return ScriptedStt(Heard("never", delay=math.inf))

    @pytest.fixture
    def broken(self):
        return ScriptedStt(Heard(error=OVERLOADED, delay=0.2))


class TestTts(TtsContract):
    @pytest.fixture
    def tts(self):
        return ScriptedTts(Speech(delay=0.1, pace=0.2))

    @pytest.fixture
    def stalled(self):
        return ScriptedTts(Speech(delay=math.inf))

    @pytest.fixture
    def broken(self):
        return ScriptedTts(Speech(breaks_after_ms=0, error=OVERLOADED))


async def test_words_come_at_the_pace_of_the_script():
    model = ScriptedLlm(say("one two three", first=0.5, pace=0.1))
    times = []
    async for event in model.stream(HELLO):
        if isinstance(event, TextDelta):
            times.append(now())
    assert times == pytest.approx([0.5, 0.6, 0.7])


async def test_answers_are_given_in_turn_and_the_last_one_again():
    model = ScriptedLlm(say("one"), say("two"))
    texts = [(await answer_of(model, HELLO))[0].text for _ in range(3)]
    assert texts == ["one", "two", "two"]
    assert [call.state for call in model.calls] == ["finished"] * 3


async def test_an_answer_can_depend_on_the_request():
    model = ScriptedLlm(lambda request: say(request.messages[-1].text.upper()))
    assert "".join(e.text for e in (await answer_of(model, HELLO))[:-2]) == "HELLO, ZOË! 你好 👋"
    assert model.calls[0].request == HELLO


async def test_partials_grow_with_the_audio_and_the_final_comes_after_its_delay():
    stt = ScriptedStt(Heard("one two three", delay=0.4, partial_every_ms=500))
    events = await turn(stt, bytes(48 * 1100))
    assert events == [FinalTranscript("one two three", 1100, "en")]
    stream = stt.open(SttConfig())
    heard = stream.events()
    for text in ("one", "one two"):
        stream.push(bytes(48 * 500))
        assert await anext(heard) == PartialTranscript(text)
    stream.finish()
    start = now()
    assert isinstance(await anext(heard), FinalTranscript)
    assert now() - start == pytest.approx(0.4)


async def test_recognition_can_fail_while_the_user_speaks():
    stream = ScriptedStt(Heard(error=OVERLOADED, error_at_ms=200)).open(SttConfig())
    stream.push(bytes(48 * 200))
    with pytest.raises(ProviderError):
        await anext(stream.events())
    assert stream.state == "failed"


async def test_turns_are_heard_one_after_the_other():
    stt = ScriptedStt(Heard("one"), Heard("two"))
    assert [(await turn(stt, b""))[-1].text for _ in range(3)] == ["one", "two", "two"]
    assert [stream.state for stream in stt.streams] == ["finished"] * 3


async def test_audio_tells_which_text_it_is():
    tts = ScriptedTts(ms_per_character=10)
    events = await speak(tts, *PIECES)
    pcm = b"".join(e.pcm for e in events if isinstance(e, Audio))
    assert tts.text_of(pcm) == "".join(PIECES)
    assert tts.text_of(pcm[: 2 * 24 * 45]) == "Hello"


async def test_audio_is_made_at_the_pace_of_the_script():
    tts = ScriptedTts(Speech(delay=0.3, pace=0.5), ms_per_character=100, chunk_ms=100)
    stream = tts.open(TtsConfig("default"))
    await stream.send("ab")
    stream.end()
    times = [now() async for event in stream.events() if isinstance(event, Audio)]
    assert times == pytest.approx([0.35, 0.40])


async def test_a_voice_breaks_at_the_audio_that_the_script_names():
    tts = ScriptedTts(Speech(breaks_after_ms=250, error=OVERLOADED), ms_per_character=100, chunk_ms=100)
    stream = tts.open(TtsConfig("default"))
    pcm = bytearray()

    async def listen():
        async for event in stream.events():
            pcm.extend(event.pcm if isinstance(event, Audio) else b"")

    await stream.send("ab")
    await stream.send("cd")
    stream.end()
    with pytest.raises(ProviderError) as failure:
        await listen()
    assert len(pcm) == 48 * 250
    assert failure.value.started
    assert [call.state for call in tts.calls] == ["finished", "failed"]


async def test_a_voice_that_is_closed_was_cancelled():
    tts = ScriptedTts(Speech(pace=1.0))
    stream = tts.open(TtsConfig("default"))
    await stream.send("a long sentence")
    events = stream.events()
    await anext(events)
    await stream.aclose()
    assert tts.calls[0].state == "cancelled"
