"""What every voice that streams over a WebSocket must do, faults of its vendor included.

Each vendor's tests subclass `StreamingTtsContract` and fill in its fixtures. The vendor's fake server makes audio
that says which text it is.
"""

import asyncio
import traceback

import pytest

from antiphon.audio.pcm import duration_ms, size_of
from antiphon.providers.base import contexts, lines
from antiphon.providers.base.endpoint import Endpoint, KeyHeader
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import HEARTBEAT, Wire
from antiphon.providers.base.tts import Audio, Spoken, TtsConfig, TtsUsage, WordMark
from antiphon.providers.scripted.tts import text_of
from tests.providers.contract_tts import CONFIG, PIECES, TtsContract, collect, speak
from tests.providers.vendors.voices import KEY, MS_PER_CHARACTER, VoiceServer

FAULTS = ["stall", "error", "close", "reset", "garbage", "half-open"]


def audio_of(events):
    return b"".join(event.pcm for event in events if isinstance(event, Audio))


def said_in(events):
    """The text that the audio says; what vendors need to have at its end does not count."""
    return text_of(audio_of(events), MS_PER_CHARACTER).rstrip()


def texts_at(events):
    """Each announced piece, and the text that had been heard by then."""
    heard = b""
    for event in events:
        if isinstance(event, Audio):
            heard += event.pcm
        elif isinstance(event, Spoken):
            yield event.text, text_of(heard, MS_PER_CHARACTER)


async def pass_time(seconds):
    """Lets virtual time pass though sockets are open, in steps that let them answer each other."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        loop.now += min(0.5, until - loop.time())
        for _ in range(20):
            await asyncio.sleep(0)


async def begin(tts, piece=PIECES[0], config=CONFIG):
    """A response of which some audio has come."""
    stream = tts.open(config)
    await stream.send(piece)
    events = stream.events()
    while not isinstance(await anext(events), Audio):
        pass
    return stream, events


class StreamingTtsContract(TtsContract):
    shares = False  # responses share a connection
    marks_pieces = True  # something tells exactly where the pieces begin
    cancel: dict | None = None  # what the vendor is told
    context_field = ""  # what it calls the context in that

    @pytest.fixture
    async def vendor(self) -> VoiceServer:
        raise NotImplementedError

    @pytest.fixture
    def adapter(self):
        """The class."""
        raise NotImplementedError

    @pytest.fixture
    def make(self, wire, vendor, adapter):
        def make(model="model", *, wire=wire, key=KEY, **options):
            endpoint = Endpoint(vendor.base_url, key, KeyHeader(*vendor.key_header))
            return adapter(wire, endpoint, model, name=f"vendor/{model}", **options)

        return make

    @pytest.fixture
    def tts(self, make):
        return make()

    @pytest.fixture
    def stalled(self, make, vendor):
        vendor.fail("stall", after=0)
        return make()

    @pytest.fixture
    def broken(self, make, vendor):
        vendor.status = 503
        return make()

    async def test_the_audio_says_the_text(self, tts):
        assert said_in(await speak(tts, *PIECES)) == "".join(PIECES)

    async def test_a_piece_is_announced_right_before_its_audio(self, tts):
        announced = list(texts_at(await speak(tts, *PIECES)))
        assert [text for text, _ in announced] == list(PIECES)
        if self.marks_pieces:
            assert [heard for _, heard in announced] == ["", PIECES[0], PIECES[0] + PIECES[1]]

    async def test_marks_say_when_words_are_heard(self, tts):
        events = await speak(tts, *PIECES)
        audio = audio_of(events)
        marks = [event for event in events if isinstance(event, WordMark)]
        expected = "".join(PIECES).split() if tts.capabilities.word_marks else []
        assert [mark.text for mark in marks] == expected
        for mark in marks:
            heard = audio[size_of(round(mark.start_ms)) : size_of(round(mark.end_ms))]
            assert text_of(heard, MS_PER_CHARACTER) == mark.text

    async def test_a_word_is_marked_after_its_piece_was_announced(self, tts):
        announced = ""
        for event in await speak(tts, *PIECES):
            if isinstance(event, Spoken):
                announced += event.text
            elif isinstance(event, WordMark):
                assert event.text in announced

    async def test_what_cannot_be_spoken_waits_for_what_can(self, tts):
        events = await speak(tts, " ", "— ", "Yes", " ", "\n")
        assert said_in(events).strip() == "— Yes"
        assert "".join(text for text, _ in texts_at(events)) == " — Yes \n"

    async def test_a_long_response_is_spoken_whole(self, tts):
        pieces = [f"This is sentence number {i}. " for i in range(40)]
        events = await speak(tts, *pieces)
        assert said_in(events) == "".join(pieces).rstrip()
        assert [event.text for event in events if isinstance(event, Spoken)] == pieces

    async def test_no_more_text_is_taken_while_much_audio_waits(self, make, vendor, monkeypatch):
        monkeypatch.setattr(contexts, "UNDELIVERED", size_of(1_000))
        stream = make().open(CONFIG)
        await stream.send("A sentence of which the audio lasts for more than a second. ")
        await pass_time(1)
        assert stream.usage.audio_ms > 1_000
        sending = asyncio.create_task(stream.send(PIECES[1]))
        await asyncio.sleep(0.1)
        assert not sending.done()
        events = stream.events()
        while not sending.done():
            await anext(events)
        await stream.aclose()

    async def test_the_connection_is_opened_with_the_response(self, tts, vendor):
        stream = tts.open(CONFIG)
        await pass_time(1)
        assert vendor.asked == 1
        await stream.aclose()

    async def test_a_second_response_needs_no_new_connection_if_they_can_be_shared(self, make, vendor):
        await speak(make(), *PIECES)
        events = await speak(make(), *PIECES)
        assert said_in(events) == "".join(PIECES)
        assert vendor.asked == (1 if self.shares else 2)

    async def test_responses_at_the_same_time_do_not_mix(self, make, vendor):
        texts = [f"This is what response {i} says." for i in range(3)]
        tts = make()
        streams = await asyncio.gather(*(speak(tts, text) for text in texts))
        assert [said_in(events) for events in streams] == texts
        assert vendor.asked == (1 if self.shares else 3)

    async def test_keys_never_share_a_connection(self, make, vendor):
        vendor.is_keyed = lambda request: True
        await speak(make(), "One.")
        await speak(make(key="sk-of-somebody-else"), "Two.")
        first, second = vendor.connections
        name, prefix = vendor.key_header
        assert first.request.headers[name] == prefix + KEY
        assert second.request.headers[name] == prefix + "sk-of-somebody-else"

    async def test_cancelling_costs_one_message_and_no_connection(self, tts, vendor):
        vendor.fail("stall", after=1)
        stream, _ = await begin(tts)
        connection = vendor.connections[0]
        before = len(connection.received)
        await stream.aclose()
        await pass_time(1)
        sent = connection.received[before:]
        for message in sent if self.context_field else ():
            assert message.pop(self.context_field) in connection.received[0].values()
        assert sent == ([self.cancel] if self.cancel else [])
        assert connection.closed.is_set() == (not self.shares)

    async def test_late_audio_of_a_cancelled_response_is_dropped(self, tts, vendor):
        vendor.fail("stall", after=1)
        stream, events = await begin(tts, "Nobody wants to hear this any more.")
        assert vendor.connections[0].contexts
        await stream.aclose()
        assert [event async for event in events] == []
        assert said_in(await speak(tts, *PIECES)) == "".join(PIECES)
        assert vendor.asked == (1 if self.shares else 2)

    async def test_a_response_that_said_nothing_is_cancelled_without_a_message(self, tts, vendor):
        stream = tts.open(CONFIG)
        await pass_time(1)
        await stream.aclose()
        await pass_time(1)
        assert vendor.connections[0].received == []

    async def test_closing_while_the_connection_is_being_opened(self, tts, vendor):
        stream = tts.open(CONFIG)
        await stream.send(PIECES[0])
        await asyncio.sleep(0)
        await stream.aclose()
        assert await collect(stream) == []
        assert said_in(await speak(tts, *PIECES)) == "".join(PIECES)

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_a_fault_in_mid_stream_is_an_error_that_says_it_had_started(self, tts, vendor, fault):
        vendor.fail(fault)
        task = asyncio.create_task(speak(tts, *PIECES))
        if fault in ("stall", "half-open"):
            await pass_time(contexts.SILENCE + lines.IDLE)
        with pytest.raises(ProviderError) as failure:
            await task
        kinds = {"stall": "timeout", "half-open": "timeout", "error": "upstream", "garbage": "upstream"}
        assert failure.value.kind == kinds.get(fault, "network")
        assert failure.value.started

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_the_next_response_after_a_fault_is_spoken(self, tts, vendor, fault):
        vendor.fail(fault)
        task = asyncio.create_task(speak(tts, *PIECES))
        if fault in ("stall", "half-open"):
            await pass_time(contexts.SILENCE + lines.IDLE)
        with pytest.raises(ProviderError):
            await task
        assert said_in(await speak(tts, *PIECES)) == "".join(PIECES)

    async def test_a_fault_before_any_audio_has_not_started(self, tts, vendor):
        vendor.fail("error", after=0)
        with pytest.raises(ProviderError) as failure:
            await speak(tts, *PIECES)
        assert not failure.value.started

    async def test_audio_before_a_fault_is_delivered(self, tts, vendor):
        vendor.fail("error", after=2)
        stream = tts.open(CONFIG)
        await stream.send(PIECES[0])
        heard = []
        with pytest.raises(ProviderError):
            await collect_into(heard, stream.events())
        assert duration_ms(len(audio_of(heard))) == 200
        assert stream.usage == TtsUsage(len(PIECES[0]), 200)
        await stream.aclose()

    @pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (429, "rate_limit"), (500, "upstream")])
    async def test_a_refused_handshake_has_a_kind(self, tts, vendor, status, kind):
        vendor.status = status
        vendor.status_headers = {"Retry-After": "7"} if status == 429 else {}
        with pytest.raises(ProviderError) as failure:
            await speak(tts, *PIECES)
        assert failure.value.kind == kind
        assert failure.value.retry_after == (7.0 if status == 429 else None)
        assert not failure.value.started

    async def test_what_never_reached_the_vendor_was_not_used(self, tts, vendor):
        vendor.status = 503
        stream = tts.open(CONFIG)
        await stream.send(PIECES[0])
        with pytest.raises(ProviderError):
            await collect(stream)
        await stream.aclose()
        assert stream.usage == TtsUsage(0, 0)

    async def test_a_refused_handshake_matters_only_if_there_is_something_to_say(self, tts, vendor):
        vendor.status = 401
        stream = tts.open(CONFIG)
        await pass_time(1)
        stream.end()
        assert await collect(stream) == [TtsUsage(0, 0)]
        await stream.aclose()

    async def test_the_key_is_in_no_error_and_no_repr(self, tts, vendor):
        vendor.words_of_error = f"The key {KEY} has no voice."
        vendor.fail("error")
        errors = []
        for status in (None, 401, 500):
            vendor.status = status
            with pytest.raises(ProviderError) as failure:
                await speak(tts, *PIECES)
            errors.append(failure.value)
            await pass_time(lines.IDLE + 1)
        shown = [text for error in errors for text in traceback.format_exception(error)]
        stream = tts.open(CONFIG)
        shown += [repr(tts), repr(vars(tts)), repr(stream), repr(vars(stream))]
        await stream.aclose()
        assert not any(KEY in text for text in shown)

    async def test_a_closed_wire_ends_what_is_spoken(self, make, vendor):
        wire = Wire()
        vendor.fail("stall", after=1)
        stream, events = await begin(make(wire=wire))
        await wire.aclose()
        assert not any(task.get_name().startswith("voices of") for task in asyncio.all_tasks())
        with pytest.raises(ProviderError) as failure:
            await collect_into([], events)
        assert failure.value.message == "127.0.0.1 closed the connection."
        await stream.aclose()

    async def test_a_voice_that_is_not_known_becomes_the_first(self, make, vendor):
        await speak(make(voices=("aura-one", "aura-two")), "Hello.", config=TtsConfig("aura-two"))
        await speak(make(voices=("aura-one", "aura-two")), "Hello.", config=TtsConfig("alloy"))
        assert [self.voice_asked_of(vendor, i) for i in range(2)] == ["aura-two", "aura-one"]

    def voice_asked_of(self, vendor, response):
        """The voice that the vendor was asked to use for the response with this number."""
        raise NotImplementedError


class SharedLineContract(StreamingTtsContract):
    """For vendors whose messages name their context."""

    shares = True

    async def test_the_other_responses_do_not_notice_the_error_of_one(self, tts, vendor):
        other, events = await begin(tts)
        vendor.fail("error", after=1)
        with pytest.raises(ProviderError):
            await speak(tts, *PIECES)
        await other.send(PIECES[1])
        other.end()
        rest = [event async for event in events]
        assert "".join(event.text for event in rest if isinstance(event, Spoken)) == PIECES[1]
        assert rest[-1].audio_ms >= len(PIECES[0] + PIECES[1]) * MS_PER_CHARACTER
        assert vendor.asked == 1

    async def test_a_broken_connection_ends_the_responses_that_speak_on_it(self, tts, vendor):
        vendor.fail("stall", after=1)
        speaking, events = await begin(tts)
        thinking = tts.open(CONFIG)
        vendor.connections[0].request.transport.abort()
        with pytest.raises(ProviderError) as failure:
            await collect_into([], events)
        assert (failure.value.kind, failure.value.started) == ("network", True)
        await thinking.send(PIECES[0])  # it has said nothing yet, so another connection will do
        thinking.end()
        assert said_in(await collect(thinking)) == PIECES[0].rstrip()
        await speaking.aclose()

    async def test_more_responses_than_a_connection_takes_get_another(self, tts, vendor):
        texts = [f"This is what response {i} says." for i in range(20)]
        streams = await asyncio.gather(*(speak(tts, text) for text in texts))
        assert [said_in(events) for events in streams] == texts
        assert 1 < vendor.asked < 20

    async def test_a_cancelled_response_leaves_its_place_to_another(self, tts, vendor):
        for _ in range(20):
            vendor.fail("stall", after=1)
            stream, _ = await begin(tts)
            await stream.aclose()
            await pass_time(0.1)
        assert vendor.asked == 1

    async def test_a_cancelled_response_counts_until_the_vendor_is_done_with_it(
        self, tts, vendor, monkeypatch
    ):
        hear = vendor.hear

        async def hear_no_cancel(connection, message):
            if not self.cancel.items() <= message.items():
                await hear(connection, message)

        monkeypatch.setattr(vendor, "hear", hear_no_cancel)
        for _ in range(20):
            stream, _ = await begin(tts)
            await stream.aclose()
        asked = vendor.asked
        assert asked > 1
        await pass_time(lines.PLACE_KEPT + 1)
        stream = tts.open(CONFIG)
        await pass_time(0.1)
        assert vendor.asked == asked
        await stream.aclose()

    async def test_an_idle_connection_is_kept_for_a_while(self, tts, vendor):
        await speak(tts, *PIECES)
        await pass_time(lines.IDLE - 5)
        await speak(tts, *PIECES)
        await pass_time(lines.IDLE - 5)
        assert not vendor.connections[0].closed.is_set()
        await pass_time(10)
        assert vendor.connections[0].closed.is_set()
        assert said_in(await speak(tts, *PIECES)) == "".join(PIECES)
        assert vendor.asked == 2

    async def test_a_connection_that_broke_half_while_idle_is_noticed(self, tts, vendor):
        await speak(tts, *PIECES)
        vendor.connections[0].go_deaf()
        await pass_time(2 * HEARTBEAT)
        assert said_in(await speak(tts, *PIECES)) == "".join(PIECES)
        assert vendor.asked == 2

    async def test_a_connection_that_the_vendor_closed_while_idle_is_replaced(self, tts, vendor):
        await speak(tts, *PIECES)
        await vendor.connections[0].socket.close()
        assert said_in(await speak(tts, *PIECES)) == "".join(PIECES)
        assert vendor.asked == 2


async def collect_into(heard, events):
    async for event in events:
        heard.append(event)
