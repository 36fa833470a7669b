"""What every voice must do. Each provider's tests subclass `TtsContract` and fill in the fixtures."""

import asyncio

import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.tts import Audio, Spoken, TextToSpeech, TtsConfig, TtsUsage, WordMark

PIECES = ("Hello, Zoë. ", "It is 5 °C in Malmö, ", "and it rains.")
CONFIG = TtsConfig("default", language="en")


async def speak(tts, *pieces, config=CONFIG):
    stream = tts.open(config)
    try:
        for piece in pieces:
            await stream.send(piece)
        stream.end()
        return [event async for event in stream.events()]
    finally:
        await stream.aclose()


class TtsContract:
    @pytest.fixture
    def tts(self) -> TextToSpeech:
        raise NotImplementedError

    @pytest.fixture
    def stalled(self) -> TextToSpeech:
        """Never comes to an end by itself."""
        raise NotImplementedError

    @pytest.fixture
    def broken(self) -> TextToSpeech:
        """Fails before there is audio."""
        raise NotImplementedError

    async def test_it_works(self, tts):
        events = await speak(tts, *PIECES)
        assert sum(len(e.pcm) for e in events if isinstance(e, Audio)) > 4800

    async def test_what_was_spoken_joins_to_what_was_sent(self, tts):
        events = await speak(tts, *PIECES)
        assert "".join(e.text for e in events if isinstance(e, Spoken)) == "".join(PIECES)
        assert isinstance(events[0], Spoken)

    async def test_audio_is_whole_samples(self, tts):
        events = await speak(tts, *PIECES)
        assert all(len(e.pcm) % 2 == 0 for e in events if isinstance(e, Audio))
        assert all(e.pcm for e in events if isinstance(e, Audio))

    async def test_usage_comes_once_and_last(self, tts):
        events = await speak(tts, *PIECES)
        audio = sum(len(e.pcm) for e in events if isinstance(e, Audio))
        assert events[-1] == TtsUsage(characters=len("".join(PIECES)), audio_ms=audio // 48)
        assert not any(isinstance(e, TtsUsage) for e in events[:-1])

    async def test_what_was_used_is_known_at_any_time(self, tts, stalled):
        stream = tts.open(CONFIG)
        assert stream.usage == TtsUsage(0, 0)
        await stream.aclose()
        stream = stalled.open(CONFIG)
        await stream.send(PIECES[0])
        consumer = asyncio.create_task(collect(stream))
        async with asyncio.timeout(5):
            while not stream.usage.characters:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        await stream.aclose()
        await consumer
        assert stream.usage.characters == len(PIECES[0])

    async def test_audio_comes_while_text_is_still_to_be_sent(self, tts):
        stream = tts.open(CONFIG)
        events = stream.events()
        await stream.send(PIECES[0])
        assert isinstance(await anext(events), Spoken)
        while isinstance(event := await anext(events), WordMark):
            pass
        assert isinstance(event, Audio)
        await stream.send(PIECES[1])
        stream.end()
        rest = [event async for event in events]
        assert isinstance(rest[-1], TtsUsage)
        await stream.aclose()

    @pytest.mark.parametrize("pieces", [(), ("",), (" ", "\n")])
    async def test_nothing_to_say_is_silence(self, tts, pieces):
        events = await speak(tts, *pieces)
        assert isinstance(events[-1], TtsUsage)
        assert "".join(e.text for e in events if isinstance(e, Spoken)) == "".join(pieces)

    async def test_streams_at_the_same_time_do_not_mix(self, tts):
        streams = await asyncio.gather(*(speak(tts, piece) for piece in PIECES))
        assert [s[0].text for s in streams] == list(PIECES)

    async def test_closing_ends_the_events_at_once(self, stalled):
        stream = stalled.open(CONFIG)
        await stream.send(PIECES[0])
        consumer = asyncio.create_task(collect(stream))
        await asyncio.sleep(0)
        await stream.aclose()
        assert not any(isinstance(event, TtsUsage) for event in await consumer)

    async def test_closing_twice_or_unused_is_fine(self, tts):
        stream = tts.open(CONFIG)
        await stream.aclose()
        await stream.aclose()
        assert await collect(stream) == []

    async def test_a_failure_is_typed(self, broken):
        with pytest.raises(ProviderError) as failure:
            await speak(broken, *PIECES)
        assert not failure.value.started


async def collect(stream):
    return [event async for event in stream.events()]
