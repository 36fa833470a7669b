"""What every recogniser behind a socket must do. Each provider's tests subclass `StreamingSttContract`."""

import asyncio

import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import HEARTBEAT
from antiphon.providers.base.streaming_stt import ANSWER_WITHIN
from antiphon.providers.base.stt import FinalTranscript, PartialTranscript, SttConfig, TurnSignal
from tests.providers.contract_stt import SECOND, SttContract, collect, turn
from tests.providers.vendors.stt_server import SttServer

PARTIALS = SttConfig("en", partials=True)
KEY = "sk-secret"


class StreamingSttContract(SttContract):
    """`connection` is the vendor's `SttConnection`, and `stt` must use `KEY` at `vendor.base_url`."""

    connection: type

    @pytest.fixture
    async def vendor(self):
        async with SttServer(self.connection) as vendor:
            yield vendor
        assert vendor.mistakes == []

    @pytest.fixture
    def stalled(self, vendor, stt):
        vendor.script = says_nothing
        return stt

    @pytest.fixture
    def broken(self, vendor, stt):
        vendor.refusal = (503, {}, "")
        return stt

    async def test_partials_come_while_audio_flows(self, vendor, stt):
        async def script(connection):
            await connection.heard(400)
            await connection.partial("Good")
            await connection.heard(900)
            await connection.partial("Good morning")
            await connection.finished.wait()
            await connection.rest("Good morning.")

        vendor.script = script
        stream = stt.open(PARTIALS)
        events = stream.events()
        stream.push(SECOND[:24_000])
        assert await anext(events) == PartialTranscript("Good")
        stream.push(SECOND[24_000:])
        assert await anext(events) == PartialTranscript("Good morning")
        stream.finish()
        *_, final = [event async for event in events]
        assert final.text == "Good morning."
        await stream.aclose()

    async def test_partials_that_nobody_looks_at_are_not_given(self, vendor, stt):
        async def script(connection):
            await connection.partial("Good")
            await connection.finished.wait()
            await connection.rest("Good morning.")

        vendor.script = script
        events = await turn(stt, SECOND, config=SttConfig("en"))
        assert not any(isinstance(event, PartialTranscript) for event in events)

    async def test_what_the_vendor_makes_of_the_turn_is_passed_on(self, vendor, stt):
        async def script(connection):
            for sign in connection.signs:
                await connection.sign(sign, "Good morning.")
            await connection.finished.wait()
            await connection.rest("")

        vendor.script = script
        assert stt.capabilities.turn_signals == bool(self.connection.signs)
        stream = stt.open(SttConfig("en"))
        events = stream.events()
        stream.push(SECOND)
        for sign in self.connection.signs:
            assert await anext(events) == TurnSignal(sign)
        stream.finish()
        text = "Good morning." if self.connection.signs else ""
        assert [event async for event in events] == [FinalTranscript(text, 1000, "en")]
        await stream.aclose()

    async def test_what_the_vendor_makes_of_a_turn_that_is_over_does_not_matter(self, vendor, stt):
        async def script(connection):
            await connection.finished.wait()
            await connection.turn("Good morning.")
            await connection.rest("")

        vendor.script = script
        assert await turn(stt, SECOND) == [FinalTranscript("Good morning.", 1000, "en")]

    async def test_all_audio_arrives_also_what_was_pushed_before_there_was_a_connection(self, vendor, stt):
        vendor.door.clear()
        speech = bytes(range(256)) * 375  # two seconds
        stream = stt.open(SttConfig())
        stream.push(speech[:48_000])
        await asyncio.sleep(0)
        vendor.door.set()
        await vendor.connected.wait()
        stream.push(speech[48_000:])
        stream.finish()
        final = (await collect(stream))[-1]
        await stream.aclose()
        assert final.audio_ms == 2000
        [connection] = vendor.connections
        if connection.rate == 24_000:
            assert connection.audio.startswith(speech)
        else:
            assert len(connection.audio) >= 4 * connection.rate - connection.rate // 100

    async def test_a_turn_without_audio_opens_no_connection(self, vendor, stt):
        assert await turn(stt) == [FinalTranscript("", 0, "en")]
        assert vendor.connections == []

    async def test_turns_that_the_vendor_ends_within_ours_are_joined(self, vendor, stt):
        async def script(connection):
            await connection.turn("Good morning.")
            await connection.partial("How")
            await connection.turn("How are you?")
            await connection.finished.wait()
            await connection.rest("I am fine.")

        vendor.script = script
        *partials, final = await turn(stt, SECOND, config=PARTIALS)
        assert final.text == "Good morning. How are you? I am fine."
        assert PartialTranscript("Good morning. How") in partials

    async def test_what_comes_late_after_the_turn_is_over_still_counts(self, vendor, stt):
        """All the audio of a turn may be sent at once: the vendor's turns end after ours then."""

        async def script(connection):
            await connection.finished.wait()
            await connection.turn("Good morning.")
            await connection.turn("How are you?")
            await connection.rest("")

        vendor.script = script
        assert (await turn(stt, SECOND))[-1].text == "Good morning. How are you?"

    async def test_an_empty_final_is_an_answer(self, vendor, stt):
        vendor.script = rest("")
        assert await turn(stt, SECOND) == [FinalTranscript("", 1000, "en")]

    async def test_a_final_that_comes_twice_is_said_once(self, vendor, stt):
        async def script(connection):
            await connection.finished.wait()
            await connection.rest("Good morning.")
            await connection.rest("Good morning.")

        vendor.script = script
        finals = [event for event in await turn(stt, SECOND) if isinstance(event, FinalTranscript)]
        assert [final.text for final in finals] == ["Good morning."]

    async def test_text_that_the_vendor_never_finalises_counts(self, vendor, stt):
        async def script(connection):
            await connection.turn("Good morning.")
            await connection.partial("How are")
            await connection.finished.wait()
            await connection.close()

        vendor.script = script
        assert (await turn(stt, SECOND))[-1].text == "Good morning. How are"

    async def test_a_vendor_that_closes_in_the_middle_of_a_turn_has_failed(self, vendor, stt):
        async def script(connection):
            await connection.heard(900)
            await connection.partial("Good")
            await connection.close()

        vendor.script = script
        stream = stt.open(SttConfig())
        stream.push(SECOND)
        with pytest.raises(ProviderError) as failure:
            await collect(stream)
        await stream.aclose()
        assert failure.value.kind == "upstream"

    async def test_a_connection_that_breaks_is_a_failure(self, vendor, stt):
        async def script(connection):
            await connection.heard(900)
            connection.reset()

        vendor.script = script
        stream = stt.open(SttConfig())
        stream.push(SECOND)
        with pytest.raises(ProviderError) as failure:
            await collect(stream)
        await stream.aclose()
        assert failure.value.kind == "network"

    async def test_a_connection_that_is_only_half_there_is_noticed(self, vendor, stt):
        vendor.script, vendor.deaf = says_nothing, True
        stream = stt.open(SttConfig())
        stream.push(SECOND)
        reading = asyncio.create_task(collect(stream))
        await vendor.connected.wait()
        await vendor.connections[0].heard(900)
        with pytest.raises(ProviderError) as failure:
            await within(2 * HEARTBEAT, reading)
        await stream.aclose()
        assert failure.value.kind == "network"

    async def test_a_vendor_that_never_answers_is_not_waited_for_long(self, vendor, stt):
        vendor.script = says_nothing
        stream = stt.open(SttConfig())
        stream.push(SECOND)
        stream.finish()
        reading = asyncio.create_task(collect(stream))
        await vendor.connected.wait()
        await vendor.connections[0].finished.wait()
        with pytest.raises(ProviderError) as failure:
            await within(ANSWER_WITHIN + 1, reading)
        await stream.aclose()
        assert failure.value.kind == "timeout"

    async def test_a_vendor_that_stops_answering_is_taken_at_its_last_word(self, vendor, stt):
        async def script(connection):
            await connection.turn("Good morning.")
            await connection.partial("How are")

        vendor.script = script
        stream = stt.open(PARTIALS)
        events = stream.events()
        stream.push(SECOND)
        while await anext(events) != PartialTranscript("Good morning. How are"):
            pass
        stream.finish()
        reading = asyncio.create_task(anext(events))
        await vendor.connections[0].finished.wait()
        assert (await within(ANSWER_WITHIN + 1, reading)).text == "Good morning. How are"
        await stream.aclose()

    async def test_an_error_in_the_middle_of_a_turn_is_passed_on(self, vendor, stt):
        async def script(connection):
            await connection.heard(900)
            await connection.partial("Good")
            await connection.error(f"The GPU is on fire, {KEY}")

        vendor.script = script
        stream = stt.open(SttConfig())
        stream.push(SECOND)
        with pytest.raises(ProviderError) as failure:
            await collect(stream)
        await stream.aclose()
        assert "The GPU is on fire" in failure.value.message
        assert KEY not in failure.value.message

    async def test_nonsense_is_a_failure(self, vendor, stt):
        async def script(connection):
            await connection.heard(900)
            await connection.send("<html>")

        vendor.script = script
        with pytest.raises(ProviderError) as failure:
            await turn(stt, SECOND)
        assert failure.value.kind == "upstream"

    async def test_messages_that_are_not_known_do_not_matter(self, vendor, stt):
        async def script(connection):
            await connection.send({"type": "news", "weather": {"sun": True}})
            await connection.finished.wait()
            await connection.rest("Good morning.")

        vendor.script = script
        assert (await turn(stt, SECOND))[-1].text == "Good morning."

    async def test_a_wrong_key_is_named_but_not_quoted(self, vendor, stt):
        vendor.refusal = (401, {}, f"The key {KEY} is wrong.")
        with pytest.raises(ProviderError) as failure:
            await turn(stt, SECOND)
        assert failure.value.kind == "auth"
        assert KEY not in failure.value.message

    async def test_a_limit_says_when_to_try_again(self, vendor, stt):
        vendor.refusal = (429, {"Retry-After": "7"}, "")
        with pytest.raises(ProviderError) as failure:
            await turn(stt, SECOND)
        assert (failure.value.kind, failure.value.retry_after) == ("rate_limit", 7.0)

    async def test_a_failed_handshake_uses_nothing(self, vendor, stt):
        vendor.refusal = (401, {}, "")
        stream = stt.open(SttConfig())
        stream.push(SECOND)
        with pytest.raises(ProviderError):
            await collect(stream)
        await stream.aclose()
        assert stream.usage is None

    async def test_nothing_is_heard_after_closing_however_late_it_comes(self, vendor, stt):
        closed = asyncio.Event()

        async def script(connection):
            await connection.partial("Good")
            await closed.wait()
            await connection.rest("Good morning.")

        vendor.script = script
        stream = stt.open(PARTIALS)
        events = stream.events()
        stream.push(SECOND)
        assert await anext(events) == PartialTranscript("Good")
        leaving = asyncio.create_task(stream.aclose())
        closed.set()
        assert [event async for event in events] == []
        await leaving
        assert await collect(stream) == []

    async def test_closing_lets_the_vendor_go(self, vendor, stalled):
        stream = stalled.open(SttConfig())
        stream.push(SECOND)
        await vendor.connected.wait()
        await vendor.connections[0].heard(900)
        await stream.aclose()
        await vendor.connections[0].left.wait()
        assert stream.usage is not None

    async def test_closing_while_it_still_connects_is_fine(self, vendor, stt):
        vendor.door.clear()
        stream = stt.open(SttConfig())
        stream.push(SECOND)
        await asyncio.sleep(0)
        await stream.aclose()
        assert await collect(stream) == []
        assert stream.usage is None

    async def test_audio_after_the_turn_is_over_is_none_of_it(self, vendor, stt):
        stream = stt.open(SttConfig())
        stream.push(SECOND)
        stream.finish()
        stream.push(SECOND)
        stream.finish()
        assert (await collect(stream))[-1].audio_ms == 1000
        await stream.aclose()


def rest(text):
    async def script(connection):
        await connection.finished.wait()
        await connection.rest(text)

    return script


async def says_nothing(connection):
    await connection.left.wait()


async def within(seconds, task):
    """What comes of a task, which must be done by then on the virtual clock."""
    await pass_time(seconds, until=task)
    assert task.done(), f"not done after {seconds} seconds"
    return await task


async def pass_time(seconds, *, until=None):
    """Lets the virtual clock run: time is real while sockets are open. Ends early once the task `until` is done."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end and not (until and until.done()):
        loop.now += 0.5
        await asyncio.sleep(0.001)
