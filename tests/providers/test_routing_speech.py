"""Routers as recognisers and voices."""

import asyncio
import math

import msgspec
import pytest

from antiphon.engine.ports import UnknownModel
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.several import recognition_usages, speech_usages
from antiphon.providers.base.stt import FinalTranscript, PartialTranscript, SttConfig, SttUsage
from antiphon.providers.base.tts import (
    Audio,
    Spoken,
    TtsCapabilities,
    TtsConfig,
    TtsUsage,
    WordMark,
)
from antiphon.providers.routing.format import parse
from antiphon.providers.routing.health import Health
from antiphon.providers.routing.process import RoutingMemory
from antiphon.providers.routing.routers import Routers
from antiphon.providers.routing.tts import voice_for
from antiphon.providers.scripted import Heard, ScriptedStt, ScriptedTts, Speech
from antiphon.providers.scripted.tts import text_of
from tests.providers.contract_stt import SECOND, SttContract, turn
from tests.providers.contract_tts import PIECES, TtsContract, speak

BROKEN = ProviderError("upstream", "Status 500.")


def routers(definition):
    memory = RoutingMemory(Health(clock=asyncio.get_running_loop().time))
    router = parse(msgspec.json.encode(definition))
    return Routers({"main": router}, tenant="acme", memory=memory, cost_of=lambda name: None)


def finder(models):
    by_name = {model.name: model for model in models}

    def find(name):
        if name not in by_name:
            raise UnknownModel(f"No model is called {name!r}.")
        return by_name[name]

    return find


def routed_stt(*models, **settings):
    definition = {"kind": "speech_to_text", "models": [model.name for model in models], **settings}
    return routers(definition).speech_to_text("router/main", finder(models))


def routed_tts(*models, voices=None, **settings):
    candidates = [{"model": m.name, "voices": (voices or {}).get(m.name, {})} for m in models]
    definition = {"kind": "text_to_speech", "candidates": candidates, **settings}
    return routers(definition).text_to_speech("router/main", finder(models))


def ears(letter, *heard):
    return ScriptedStt(*heard, name=f"m/{letter}")


def voice(letter, *speeches, **settings):
    return ScriptedTts(*speeches, name=f"m/{letter}", **settings)


class TestRecogniserContract(SttContract):
    @pytest.fixture
    async def stt(self):
        return routed_stt(ears("a", Heard("Good morning.")), ears("b", Heard("Not me.")))

    @pytest.fixture
    async def stalled(self):
        return routed_stt(ears("a", Heard("Never.", delay=math.inf)))

    @pytest.fixture
    async def broken(self):
        return routed_stt(ears("a", Heard(error=BROKEN)), ears("b", Heard(error=BROKEN)))


class TestVoiceContract(TtsContract):
    @pytest.fixture
    async def tts(self):
        return routed_tts(voice("a"), voice("b"))

    @pytest.fixture
    async def stalled(self):
        return routed_tts(voice("a", Speech(delay=math.inf)))

    @pytest.fixture
    async def broken(self):
        return routed_tts(*(voice(letter, Speech(breaks_after_ms=0, error=BROKEN)) for letter in "ab"))


async def test_a_recogniser_that_fails_is_replaced_and_the_next_one_hears_the_whole_turn():
    first = ears("a", Heard("one two three", partial_every_ms=300, error=BROKEN, error_at_ms=900))
    second = ears("b", Heard("One, two, three."))
    stt = routed_stt(first, second)
    stream = stt.open(SttConfig("en"))
    reading = asyncio.create_task(collect(stream))
    for start in range(0, len(SECOND), 14_400):
        stream.push(SECOND[start : start + 14_400])
        await asyncio.sleep(0.3)
    stream.finish()
    events = await reading
    assert events[:-1] == [PartialTranscript("one"), PartialTranscript("one two")]
    assert events[-1] == FinalTranscript("One, two, three.", 1000, "en")
    await stream.aclose()
    assert first.streams[0].state == "failed"
    assert [name for name, _ in recognition_usages(stt.name, stream)] == ["m/a", "m/b"]
    assert stream.usage == SttUsage(900 + 1000)


async def test_a_recogniser_that_stalls_is_replaced_when_patience_ends():
    first, second = ears("a", Heard("Never.", delay=math.inf)), ears("b", Heard("Hello."))
    events = await turn(routed_stt(first, second, patience_ms=2000), SECOND)
    assert events == [FinalTranscript("Hello.", 1000, "en")]
    assert first.streams[0].state == "cancelled"
    assert asyncio.get_running_loop().time() == pytest.approx(2)


async def test_patience_begins_when_the_turn_is_over():
    first = ears("a", Heard("Hello."))
    stream = routed_stt(first, ears("b", Heard("Not me.")), patience_ms=2000).open(SttConfig())
    reading = asyncio.create_task(collect(stream))
    stream.push(SECOND)
    await asyncio.sleep(10)
    stream.finish()
    assert (await reading)[-1].text == "Hello."
    await stream.aclose()


async def test_a_recogniser_with_an_open_breaker_is_asked_last():
    first, second = ears("a", Heard(error=BROKEN)), ears("b", Heard("Hello."))
    stt = routed_stt(first, second)
    for _ in range(5):
        assert (await turn(stt, SECOND))[-1].text == "Hello."
    assert len(first.streams) == 3


async def test_the_one_model_of_a_stream_is_the_user_of_what_it_used():
    stt = ears("a", Heard("Hello."))
    stream = stt.open(SttConfig())
    assert recognition_usages(stt.name, stream) == []
    stream.push(SECOND)
    assert recognition_usages(stt.name, stream) == [("m/a", SttUsage(1000))]


async def collect(stream):
    return [event async for event in stream.events()]


def spoken(events):
    return "".join(event.text for event in events if isinstance(event, Spoken))


def pcm_of(events):
    return b"".join(event.pcm for event in events if isinstance(event, Audio))


def heard(events):
    return text_of(pcm_of(events), 60)


async def test_a_voice_that_fails_at_once_is_replaced():
    first, second = voice("a", Speech(breaks_after_ms=0, error=BROKEN)), voice("b")
    events = await speak(routed_tts(first, second), *PIECES)
    assert spoken(events) == heard(events) == "".join(PIECES)
    assert second.calls[0].request == PIECES[0]


async def test_a_voice_that_fails_between_two_pieces_is_followed_from_the_second_on():
    text = ("One two three. ", "Four five six. ", "Seven.")
    first, second = voice("a", Speech(breaks_after_ms=60 * len(text[0]), error=BROKEN)), voice("b")
    tts = routed_tts(first, second)
    stream = tts.open(TtsConfig("default"))
    sending = asyncio.create_task(send_all(stream, text))
    events = await collect(stream)
    await sending
    await stream.aclose()
    assert spoken(events) == heard(events) == "".join(text)
    assert [call.request for call in second.calls] == list(text[1:])
    assert dict(speech_usages(tts.name, stream))["m/b"].characters == len(text[1] + text[2])
    assert events[-1] == stream.usage
    assert events[-1].audio_ms == sum(usage.audio_ms for _, usage in stream.usages)


async def test_a_piece_that_breaks_off_is_repeated_but_shown_once():
    text = ("One two three. ", "Four five six. ")
    breaks = 60 * (len(text[0]) + 5)
    first, second = voice("a", Speech(breaks_after_ms=breaks, error=BROKEN)), voice("b")
    events = await speak(routed_tts(first, second), *text)
    assert spoken(events) == "".join(text)
    assert heard(events) == "One two three. Four Four five six. "


async def test_words_that_were_marked_are_not_repeated():
    text = "Four five six. Seven."
    first = Marking("a", breaks_after_ms=60 * 10)
    second = Marking("b")
    events = await speak(routed_tts(first, second), text)
    assert spoken(events) == text
    assert heard(events) == "Four five six. Seven."
    marks = [event for event in events if isinstance(event, WordMark)]
    assert [mark.text for mark in marks] == ["Four", "five", "six.", "Seven."]
    assert [mark.end_ms for mark in marks] == sorted(mark.end_ms for mark in marks)
    assert marks[-1].end_ms == len(pcm_of(events)) // 48


async def test_marks_are_passed_on_only_if_all_models_have_them():
    events = await speak(routed_tts(Marking("a"), voice("b")), "Four five.")
    assert not any(isinstance(event, WordMark) for event in events)


async def test_a_voice_that_stalls_is_replaced_when_patience_ends():
    first, second = voice("a", Speech(delay=math.inf)), voice("b")
    events = await speak(routed_tts(first, second, patience_ms=1000), *PIECES)
    assert heard(events) == "".join(PIECES)
    assert asyncio.get_running_loop().time() == pytest.approx(1)
    assert first.calls[0].state == "cancelled"


@pytest.mark.parametrize("at_ms", [60 * 15, 60 * 18, 60 * 30])
async def test_a_voice_that_stalls_after_its_first_audio_is_replaced_when_patience_ends(at_ms):
    text = ("One two three. ", "Four five six. ")
    first, second = voice("a", Speech(breaks_after_ms=at_ms)), voice("b")
    events = await speak(routed_tts(first, second, patience_ms=1000), *text)
    assert spoken(events) == "".join(text)
    assert text_of(pcm_of(events), 60).endswith("Four five six. ")
    assert asyncio.get_running_loop().time() == pytest.approx(0 if at_ms == 60 * 30 else 1)


async def test_a_voice_that_waits_for_more_text_is_not_replaced():
    tts = routed_tts(voice("a"), voice("b"), patience_ms=1000)
    stream = tts.open(TtsConfig("default"))
    reading = asyncio.create_task(collect(stream))
    await stream.send(PIECES[0])
    await asyncio.sleep(30)
    await send_all(stream, PIECES[1:])
    assert heard(await reading) == "".join(PIECES)
    assert [name for name, _ in speech_usages(tts.name, stream)] == ["m/a"]
    await stream.aclose()


async def test_a_slow_listener_is_no_stalled_voice():
    tts = routed_tts(voice("a"), voice("b"), patience_ms=1000)
    stream = tts.open(TtsConfig("default"))
    sending = asyncio.create_task(send_all(stream, PIECES))
    async for _ in stream.events():
        await asyncio.sleep(5)
    await sending
    assert [name for name, _ in speech_usages(tts.name, stream)] == ["m/a"]
    await stream.aclose()


async def test_patience_with_a_voice_begins_with_the_text():
    tts = routed_tts(voice("a"), voice("b"), patience_ms=1000)
    stream = tts.open(TtsConfig("default"))
    reading = asyncio.create_task(collect(stream))
    await asyncio.sleep(10)
    await send_all(stream, PIECES)
    assert heard(await reading) == "".join(PIECES)
    assert [name for name, _ in speech_usages(tts.name, stream)] == ["m/a"]
    await stream.aclose()


async def test_who_sends_waits_while_too_much_is_queued():
    stream = routed_tts(voice("a", Speech(delay=math.inf))).open(TtsConfig("default"))
    sending = asyncio.create_task(send_all(stream, ["word "] * 10))
    await asyncio.sleep(1)
    assert not sending.done()
    await stream.aclose()
    await sending


async def test_each_candidate_has_its_own_names_for_voices():
    voices = {"m/a": {"alloy": "Ashley", "*": "Clive"}, "m/b": {"alloy": "aura"}}
    first, second = voice("a", Speech(breaks_after_ms=0, error=BROKEN)), voice("b")
    await speak(routed_tts(first, second, voices=voices), "Hello.", config=TtsConfig("alloy", speed=1.2))
    assert first.configs == [TtsConfig("Ashley", speed=1.2)]
    assert second.configs == [TtsConfig("aura", speed=1.2)]
    assert voice_for("echo", voices["m/a"]) == "Clive"
    assert voice_for("echo", voices["m/b"]) == "echo"


async def test_a_voice_that_fails_after_audio_with_nobody_to_follow_had_started():
    tts = routed_tts(voice("a", Speech(breaks_after_ms=300, error=ProviderError("upstream", "Broken."))))
    with pytest.raises(ProviderError) as failure:
        await speak(tts, *PIECES)
    assert failure.value.started


async def test_the_one_model_of_a_voice_is_the_user_of_what_it_used():
    tts = voice("a")
    stream = tts.open(TtsConfig("default"))
    assert speech_usages(tts.name, stream) == []
    await stream.send("Hello.")
    await asyncio.sleep(0.1)
    assert speech_usages(tts.name, stream) == [("m/a", TtsUsage(6, 360))]
    await stream.aclose()


async def test_a_router_of_models_that_cannot_be_found_says_so():
    main = routers({"kind": "speech_to_text", "models": ["gone/x"]})
    with pytest.raises(UnknownModel, match="None of the models of router/main can be used"):
        main.speech_to_text("router/main", finder([]))


async def test_a_router_is_found_by_its_name_and_for_its_kind_only():
    main = routers({"kind": "speech_to_text", "models": ["m/a"]})
    assert main.names("speech_to_text") == ("router/main",)
    assert main.names("language") == ()
    assert main.models("router/main") == ("m/a",)
    assert main.models("router/other") == ()
    with pytest.raises(UnknownModel, match="There are: router/main"):
        main.language_model("router/other", finder([]))
    with pytest.raises(UnknownModel, match="of the kind speech_to_text"):
        main.text_to_speech("router/main", finder([]))


async def send_all(stream, pieces):
    for piece in pieces:
        await stream.send(piece)
    stream.end()


class Marking:
    """A voice that marks each word when its audio is there, and may break within its only piece."""

    capabilities = TtsCapabilities(word_marks=True)

    def __init__(self, letter, breaks_after_ms=None):
        self.name = f"m/{letter}"
        self._breaks_after_ms = breaks_after_ms

    def open(self, config):
        speech = voice("x", Speech(breaks_after_ms=self._breaks_after_ms, error=BROKEN), chunk_ms=60)
        return MarkedSpeech(speech.open(config))


class MarkedSpeech:
    def __init__(self, stream):
        self._stream = stream
        self.send, self.end, self.aclose = stream.send, stream.end, stream.aclose

    @property
    def usage(self):
        return self._stream.usage

    async def events(self):
        text, at, ms = "", 0, 0
        async for event in self._stream.events():
            yield event
            if isinstance(event, Spoken):
                text += event.text
            elif isinstance(event, Audio):
                ms += len(event.pcm) // 48
                said = text[: ms // 60]
                if said.endswith(" ") or len(said) == len(text):
                    word = said[at:].strip()
                    at = len(said)
                    if word:
                        yield WordMark(word, 0, len(said.rstrip()) * 60)
