"""What every recogniser must do. Each provider's tests subclass `SttContract` and fill in the fixtures."""

import asyncio

import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import FinalTranscript, PartialTranscript, SpeechToText, SttConfig

SECOND = bytes(48_000)


async def turn(stt, *chunks, config=SttConfig("en")):  # noqa: B008
    stream = stt.open(config)
    try:
        for chunk in chunks:
            stream.push(chunk)
        stream.finish()
        return [event async for event in stream.events()]
    finally:
        await stream.aclose()


class SttContract:
    speech: bytes = SECOND
    """PCM16 mono at 24 kHz in which `stt` recognises something."""

    @pytest.fixture
    def stt(self) -> SpeechToText:
        raise NotImplementedError

    @pytest.fixture
    def stalled(self) -> SpeechToText:
        """Never comes to an end by itself."""
        raise NotImplementedError

    @pytest.fixture
    def broken(self) -> SpeechToText:
        raise NotImplementedError

    async def test_it_works(self, stt):
        *partials, final = await turn(stt, self.speech)
        assert isinstance(final, FinalTranscript)
        assert final.text.strip() == final.text != ""
        assert final.audio_ms == len(self.speech) // 48
        assert all(isinstance(event, PartialTranscript) for event in partials)

    async def test_audio_may_come_in_small_pieces_while_events_are_awaited(self, stt):
        stream = stt.open(SttConfig())
        consumer = asyncio.create_task(anext_final(stream))
        for start in range(0, len(self.speech), 960):
            stream.push(self.speech[start : start + 960])
            await asyncio.sleep(0)
        stream.finish()
        assert (await consumer).audio_ms == len(self.speech) // 48
        await stream.aclose()

    async def test_the_transcript_does_not_depend_on_who_listens_when(self, stt):
        stream = stt.open(SttConfig())
        stream.push(self.speech)
        stream.finish()
        await asyncio.sleep(0)
        assert (await anext_final(stream)).text
        await stream.aclose()

    async def test_no_audio_is_an_answer_too(self, stt):
        events = await turn(stt)
        assert isinstance(events[-1], FinalTranscript)
        assert events[-1].audio_ms == 0

    async def test_turns_at_the_same_time_do_not_mix(self, stt):
        turns = await asyncio.gather(*(turn(stt, self.speech) for _ in range(3)))
        assert all(isinstance(events[-1], FinalTranscript) for events in turns)

    async def test_what_was_used_is_known_at_any_time(self, stt, stalled):
        stream = stt.open(SttConfig())
        assert stream.usage is None
        await stream.aclose()
        for recogniser in (stt, stalled):
            stream = recogniser.open(SttConfig())
            stream.push(self.speech)
            stream.finish()
            consumer = asyncio.create_task(collect(stream))
            async with asyncio.timeout(5):
                while stream.usage is None or stream.usage.audio_ms < len(self.speech) // 48:  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
            await stream.aclose()
            await consumer
            assert stream.usage.audio_ms == len(self.speech) // 48

    async def test_closing_ends_the_events_at_once(self, stalled):
        stream = stalled.open(SttConfig())
        stream.push(self.speech)
        stream.finish()
        consumer = asyncio.create_task(collect(stream))
        await asyncio.sleep(0)
        await stream.aclose()
        assert not any(isinstance(event, FinalTranscript) for event in await consumer)

    async def test_closing_twice_or_unused_is_fine(self, stt):
        stream = stt.open(SttConfig())
        await stream.aclose()
        await stream.aclose()
        assert await collect(stream) == []

    async def test_a_failure_is_typed(self, broken):
        with pytest.raises(ProviderError) as failure:
            await turn(broken, self.speech)
        assert failure.value.message

    async def test_a_failure_that_nobody_listens_to_is_silent(self, broken):
        stream = broken.open(SttConfig())
        stream.push(self.speech)
        stream.finish()
        await stream.aclose()


async def collect(stream):
    return [event async for event in stream.events()]


async def anext_final(stream):
    return (await collect(stream))[-1]
