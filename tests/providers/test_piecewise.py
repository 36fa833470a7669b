"""The stream over an engine that speaks one piece at a time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.piecewise import PiecewiseSpeech
from antiphon.providers.base.tts import Audio, Spoken, TtsEvent, TtsUsage


class Engine:
    """Speaks a piece when the test lets it: two chunks, the second upon a second word."""

    def __init__(self) -> None:
        self.started: list[tuple[str, bool]] = []
        self.stopped: list[str] = []
        self.permits: dict[str, asyncio.Semaphore] = {}
        self.errors: dict[str, Exception] = {}

    def allow(self, piece: str, chunks: int = 2) -> None:
        for _ in range(chunks):
            self.permits.setdefault(piece, asyncio.Semaphore(0)).release()

    async def speak(self, piece: str, first: bool) -> AsyncGenerator[bytes, None]:
        self.started.append((piece, first))
        permits = self.permits.setdefault(piece, asyncio.Semaphore(0))
        try:
            for number in (1, 2):
                await permits.acquire()
                if number == 2 and piece in self.errors:
                    raise self.errors[piece]
                yield f"{piece}{number}".encode().ljust(480, b"\0")
        finally:
            self.stopped.append(piece)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
async def speech(engine: Engine) -> AsyncIterator[PiecewiseSpeech]:
    speech = PiecewiseSpeech(engine.speak)
    yield speech
    await speech.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def settle() -> None:
    """Lets every task run until it waits for something that the test decides."""
    for _ in range(20):
        await asyncio.sleep(0)


def name(event: TtsEvent) -> str:
    match event:
        case Spoken(text):
            return f"say {text}"
        case Audio(pcm):
            return pcm.rstrip(b"\0").decode()
        case TtsUsage(characters, audio_ms):
            return f"{characters} characters, {audio_ms} ms"


async def test_it_works(engine: Engine, speech: PiecewiseSpeech):
    for piece in ("a", "bb"):
        await speech.send(piece)
        engine.allow(piece)
    speech.end()
    assert [name(event) async for event in speech.events()] == [
        "say a", "a1", "a2", "say bb", "bb1", "bb2", "3 characters, 40 ms",
    ]  # fmt: skip


async def test_only_the_first_piece_is_first(engine: Engine, speech: PiecewiseSpeech):
    for piece in "ab":
        await speech.send(piece)
        engine.allow(piece)
    speech.end()
    assert [event async for event in speech.events()]
    assert engine.started == [("a", True), ("b", False)]


async def test_audio_comes_while_text_is_still_arriving(engine: Engine, speech: PiecewiseSpeech):
    await speech.send("a")
    engine.allow("a")
    events = speech.events()
    assert [name(await anext(events)) for _ in range(3)] == ["say a", "a1", "a2"]
    await speech.send("b")
    engine.allow("b")
    assert name(await anext(events)) == "say b"


async def test_the_next_piece_starts_once_the_present_one_has_audio(engine: Engine, speech: PiecewiseSpeech):
    for piece in "abc":
        await speech.send(piece)
    await settle()
    assert engine.started == [("a", True)]
    engine.allow("a", 1)
    await settle()
    assert engine.started == [("a", True), ("b", False)]


async def test_no_more_than_one_piece_is_made_ahead(engine: Engine, speech: PiecewiseSpeech):
    for piece in "abc":
        await speech.send(piece)
        engine.allow(piece)
    await settle()
    assert len(engine.started) == 2
    events = speech.events()
    while name(await anext(events)) != "say b":
        pass
    await settle()
    assert len(engine.started) == 3


async def test_events_of_a_later_piece_wait_for_the_earlier_one(engine: Engine, speech: PiecewiseSpeech):
    for piece in "ab":
        await speech.send(piece)
    engine.allow("a", 1)
    engine.allow("b")
    await settle()
    events = speech.events()
    assert [name(await anext(events)) for _ in range(2)] == ["say a", "a1"]
    waiting = asyncio.ensure_future(anext(events))
    await settle()
    assert not waiting.done()
    engine.allow("a", 1)
    assert name(await waiting) == "a2"


async def test_spoken_waits_for_the_first_audio(engine: Engine, speech: PiecewiseSpeech):
    await speech.send("a")
    waiting = asyncio.ensure_future(anext(speech.events()))
    await settle()
    assert not waiting.done()
    engine.allow("a", 1)
    assert await waiting == Spoken("a")


async def test_a_piece_without_audio_is_still_spoken():
    async def silence(piece: str, first: bool) -> AsyncGenerator[bytes, None]:
        yield b""

    speech = PiecewiseSpeech(silence)
    await speech.send("...")
    speech.end()
    assert [event async for event in speech.events()] == [Spoken("..."), TtsUsage(3, 0)]
    await speech.aclose()


async def test_without_text_there_is_only_usage(speech: PiecewiseSpeech):
    speech.end()
    assert [event async for event in speech.events()] == [TtsUsage(0, 0)]


async def test_send_waits_while_four_pieces_are_undelivered(engine: Engine, speech: PiecewiseSpeech):
    for piece in "abcd":
        await speech.send(piece)
    fifth = asyncio.ensure_future(speech.send("e"))
    await settle()
    assert not fifth.done()
    engine.allow("a")
    events = speech.events()
    assert [name(await anext(events)) for _ in range(3)] == ["say a", "a1", "a2"]
    engine.allow("b")
    assert name(await anext(events)) == "say b"
    await fifth


async def test_an_error_comes_after_what_was_made_before_it(engine: Engine, speech: PiecewiseSpeech):
    engine.errors["b"] = ProviderError("upstream", "The voice broke.")
    for piece in "ab":
        await speech.send(piece)
        engine.allow(piece)
    await settle()
    events = speech.events()
    assert [name(await anext(events)) for _ in range(5)] == ["say a", "a1", "a2", "say b", "b1"]
    with pytest.raises(ProviderError, match="broke") as raised:
        await anext(events)
    assert raised.value.started


async def test_an_error_before_any_audio_has_not_started():
    async def broken(piece: str, first: bool) -> AsyncGenerator[bytes, None]:
        raise ProviderError("network", "No connection.")
        yield b""

    speech = PiecewiseSpeech(broken)
    await speech.send("a")
    with pytest.raises(ProviderError) as raised:
        await anext(speech.events())
    assert not raised.value.started
    await speech.aclose()


async def test_an_error_stops_the_other_pieces_and_frees_the_sender(engine: Engine, speech: PiecewiseSpeech):
    engine.errors["a"] = ProviderError("upstream", "The voice broke.")
    for piece in "abcd":
        await speech.send(piece)
    senders = [asyncio.ensure_future(speech.send(piece)) for piece in "ef"]
    engine.allow("a")
    with pytest.raises(ProviderError):
        assert [event async for event in speech.events()]
    await asyncio.gather(*senders)
    await settle()
    assert sorted(engine.stopped) == sorted(piece for piece, _ in engine.started)


async def test_closing_stops_everything_at_once(engine: Engine, speech: PiecewiseSpeech):
    for piece in "abcd":
        await speech.send(piece)
    engine.allow("a", 1)
    sender = asyncio.ensure_future(speech.send("e"))
    await settle()
    await speech.aclose()
    assert sorted(engine.stopped) == ["a", "b"]
    await sender
    await speech.send("f")
    assert len(engine.started) == 2


async def test_closing_ends_the_events_without_usage(engine: Engine, speech: PiecewiseSpeech):
    await speech.send("a")
    engine.allow("a")
    await settle()
    events = speech.events()
    assert name(await anext(events)) == "say a"
    await speech.aclose()
    assert [event async for event in events] == []


async def test_closing_wakes_whoever_waits_for_audio(engine: Engine, speech: PiecewiseSpeech):
    await speech.send("a")
    waiting = asyncio.ensure_future(anext(speech.events(), None))
    await settle()
    await speech.aclose()
    assert await waiting is None


async def test_closing_before_a_piece_has_begun_wakes_whoever_waits(engine: Engine, speech: PiecewiseSpeech):
    waiting = asyncio.ensure_future(anext(speech.events(), None))
    await settle()
    await speech.send("a")
    await speech.aclose()  # the piece's task never ran
    assert await waiting is None
    assert engine.started == []


async def test_closing_twice_is_fine(speech: PiecewiseSpeech):
    await speech.aclose()
    await speech.aclose()
