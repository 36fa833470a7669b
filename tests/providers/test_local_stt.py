import asyncio
import contextlib
import re
import time

import numpy as np
import pytest
import soundfile

from antiphon.audio.pcm import duration_ms, from_float, read_audio, size_of
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import FinalTranscript, SttConfig
from antiphon.providers.local.pool import InferencePool, Priority
from antiphon.providers.local.stt import LocalStt, windows_of
from antiphon.providers.local.whisper import (
    FULL_WINDOW,
    Decoded,
    UnknownLanguage,
    is_imagined,
    is_looping,
    window_for,
)
from tests.local_models import whisper
from tests.recordings import noise, sentence, sentences

ENGLISH = SttConfig(language="en")
TIMED = SttConfig(language="en", word_times=True)


@pytest.fixture
def pool():
    with contextlib.closing(InferencePool(threads=2)) as pool:
        yield pool


@pytest.fixture
def stt(pool):
    return LocalStt("local/whisper-base", whisper(), pool)


async def transcribe(stt, pcm, config=ENGLISH):
    stream = stt.open(config)
    for start in range(0, len(pcm), size_of(20)):
        stream.push(pcm[start : start + size_of(20)])
    stream.finish()
    events = [event async for event in stream.events()]
    await stream.aclose()
    return events


def words(text):
    spelled_out = text.lower().replace("mr.", "mister").replace("-", " ")
    return re.sub(r"[^a-z' ]", "", spelled_out).split()


def word_errors(heard, said):
    """Levenshtein distance in words."""
    row = list(range(len(said) + 1))
    for number, word in enumerate(heard, start=1):
        previous, row[0] = row[0], number
        for at, other in enumerate(said, start=1):
            previous, row[at] = row[at], min(previous + (word != other), row[at] + 1, row[at - 1] + 1)
    return row[-1]


async def test_it_works_on_human_speech(stt):
    errors = total = 0
    for spoken in sentences():
        [transcript] = await transcribe(stt, read_audio(spoken.path))
        assert transcript.language == "en"
        assert transcript.audio_ms == duration_ms(len(read_audio(spoken.path)))
        errors += word_errors(words(transcript.text), spoken.text.split())
        total += len(spoken.text.split())
    assert errors / total <= 0.15


async def test_words_appear_while_they_are_spoken(stt):
    pcm = read_audio(sentence("0880").path)
    stream = stt.open(SttConfig(language="en", partials=True))
    events = stream.events()
    partials = []
    for start, end in ((0, 1_300), (1_300, 2_200)):
        stream.push(pcm[size_of(start) : size_of(end)])
        partials.append((await anext(events)).text)
    stream.push(pcm[size_of(2_200) :])
    stream.finish()
    *_, final = [event async for event in events]
    assert len(partials[0]) < len(partials[1]) <= len(final.text)
    assert "young man" in final.text
    await stream.aclose()


async def test_nobody_works_on_partials_that_nobody_looks_at(stt):
    [transcript] = await transcribe(stt, read_audio(sentence("0880").path), SttConfig(language="en"))
    assert isinstance(transcript, FinalTranscript)


async def test_partials_are_left_to_spare_threads(stt, pool):
    busy = [pool.submit(Priority.SPEECH, time.sleep, 0.3) for _ in range(2)]
    events = await transcribe(stt, read_audio(sentence("0880").path), SttConfig(language="en", partials=True))
    assert [type(event) for event in events] == [FinalTranscript]
    await asyncio.wait(busy)


async def test_the_language_is_found_when_none_is_named(stt):
    [transcript] = await transcribe(stt, read_audio(sentence("0880").path), SttConfig())
    assert transcript.language == "en"
    assert "young man" in transcript.text


async def test_a_regional_language_tag_is_understood(stt):
    [transcript] = await transcribe(stt, read_audio(sentence("0880").path), SttConfig(language="en-GB"))
    assert transcript.language == "en"


async def test_a_prompt_sets_the_style(stt):
    prompt = "he was not an ill-disposed young man. unless to be rather cold-hearted."
    [transcript] = await transcribe(stt, read_audio(sentence("0880").path), SttConfig("en", prompt))
    assert transcript.text.startswith("he was not")


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0, np.float32), np.zeros(16_000, np.float32), noise(2), noise(2, 0.001), noise(0.2)],
    ids=["nothing", "silence", "noise", "faint noise", "a click"],
)
async def test_what_is_not_speech_gives_empty_text(stt, samples):
    pcm = from_float(np.repeat(samples, 3)[::2])  # 16 to 24 kHz
    assert await transcribe(stt, pcm, SttConfig()) == [FinalTranscript("", duration_ms(len(pcm)), None)]


def test_a_long_turn_is_cut_where_it_is_quiet():
    turn = np.concatenate([noise(24), noise(1, 0.001), noise(24), noise(1, 0.001), noise(5)])
    pcm = from_float(
        np.interp(np.arange(len(turn) * 3 // 2) / 1.5, np.arange(len(turn)), turn).astype(np.float32)
    )
    windows = windows_of(pcm)
    cuts = np.cumsum([len(window) for window in windows]) / 16_000
    assert len(windows) == 3
    assert 24 < cuts[0] < 25
    assert 49 < cuts[1] < 50
    assert cuts[2] == pytest.approx(55)
    assert max(len(window) for window in windows) <= FULL_WINDOW


async def test_a_turn_longer_than_30_s_is_heard_to_its_end(stt):
    pause = bytes(size_of(9_000))
    pcm = pause.join(read_audio(sentence(number).path) for number in ("0880", "0930", "0890", "0920"))
    assert duration_ms(len(pcm)) > 40_000
    [transcript] = await transcribe(stt, pcm)
    assert re.match(r"He was not an .* young man", transcript.text)
    assert transcript.text.endswith("more respectable than he was.")


def test_speech_that_repeats_itself_is_heard_as_often_as_it_was_said():
    said = np.tile(sentence("0880").samples[:46_400], 5)  # in a short window the decoder runs on and adds one
    assert whisper().recognise(said, "en").text.count("young man") == 5


async def test_who_asks_is_told_when_each_word_is_said(stt):
    first, then = read_audio(sentence("0870").path), read_audio(sentence("0880").path)
    [heard] = await transcribe(stt, first + bytes(size_of(2_000)) + then, TIMED)
    assert " ".join(word.text for word in heard.words) == heard.text
    times = [moment for word in heard.words for moment in (word.start_ms, word.end_ms)]
    assert times == sorted(times)
    assert times[-1] <= heard.audio_ms
    power = next(word for word in heard.words if word.text == "power")
    assert power.start_ms == pytest.approx(5_750, abs=200)
    young = next(word for word in heard.words if word.text.startswith("young"))
    assert duration_ms(len(first)) + 2_000 < young.start_ms < heard.audio_ms


async def test_the_times_of_a_long_turn_count_from_its_beginning(stt):
    pcm = bytes(size_of(3_000)).join(read_audio(each.path) for each in sentences())
    assert duration_ms(len(pcm)) > 30_000
    [heard] = await transcribe(stt, pcm, TIMED)
    assert " ".join(word.text for word in heard.words) == heard.text
    starts = [word.start_ms for word in heard.words]
    assert starts == sorted(starts)
    assert starts[-1] > duration_ms(len(pcm)) - 2_000


async def test_nobody_else_pays_for_that(stt):
    [heard] = await transcribe(stt, read_audio(sentence("0880").path))
    assert heard.words == ()


async def test_an_unknown_language_is_refused(stt):
    with pytest.raises(ProviderError, match="There is no language 'xx' in this model") as refusal:
        await transcribe(stt, bytes(size_of(500)), SttConfig(language="xx"))
    assert refusal.value.kind == "invalid"


def test_the_name_of_another_token_is_no_language():
    with pytest.raises(UnknownLanguage):
        whisper().recognise(np.zeros(1600, np.float32), language="transcribe")


async def test_half_a_sample_is_an_error_of_the_provider(stt):
    with pytest.raises(ProviderError, match="end within one") as refusal:
        await transcribe(stt, b"abc")
    assert refusal.value.kind == "upstream"


async def test_closing_before_the_end_of_the_turn_ends_the_events(stt):
    stream = stt.open(ENGLISH)
    stream.push(bytes(size_of(100)))
    reader = asyncio.create_task(collect(stream))
    await asyncio.sleep(0)
    await stream.aclose()
    await stream.aclose()
    assert await reader == []


async def test_closing_while_recognising_ends_the_events(stt):
    stream = stt.open(ENGLISH)
    stream.push(read_audio(sentence("0880").path))
    stream.finish()
    reader = asyncio.create_task(collect(stream))
    await asyncio.sleep(0)
    await stream.aclose()
    assert await reader == []


async def test_cancelling_the_reader_cancels_the_reader(stt):
    stream = stt.open(ENGLISH)
    stream.push(read_audio(sentence("0880").path))
    stream.finish()
    reader = asyncio.create_task(collect(stream))
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await stream.aclose()


async def collect(stream):
    return [event async for event in stream.events()]


def test_a_window_leaves_silence_after_the_speech():
    assert window_for(16_000) == 8 * 16_000
    assert window_for(6 * 16_000 + 7) == 9 * 16_000 + 1600
    assert window_for(28 * 16_000) == FULL_WINDOW


def test_a_loop_of_words_is_told_from_speech():
    assert is_looping("and then " * 40, seconds=10)
    assert is_looping("one two three four five six seven eight nine ten", seconds=1)
    assert not is_looping("Had he married a more amiable woman, he might have been respectable.", seconds=4)
    assert not is_looping("Yes.", seconds=0.1)


def test_words_are_imagined_only_if_the_model_doubts_both_speech_and_words():
    assert is_imagined(Decoded("you", [1], score=-1.3, no_speech=0.9))
    assert not is_imagined(Decoded("No.", [1], score=-1.3, no_speech=0.1))
    assert not is_imagined(Decoded("No.", [1], score=-0.3, no_speech=0.9))


async def test_speech_that_came_over_a_telephone_is_recognised(stt, tmp_path):
    narrow = tmp_path / "telephone.wav"
    soundfile.write(narrow, sentence("0920").samples[::2], 8_000, subtype="ULAW")
    [transcript] = await transcribe(stt, read_audio(narrow))
    assert word_errors(words(transcript.text), sentence("0920").text.split()) <= 5
