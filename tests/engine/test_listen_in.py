"""Who listens in hears both sides, has no say, and nobody in the session notices."""

import asyncio
import base64
from contextlib import AsyncExitStack

import pytest

from antiphon.engine.session import MOST_LISTENING
from antiphon.protocol.errors import Refused
from antiphon.transports.memory import MemoryTransport
from tests.engine.session_harness import Stage, attached, listening

SOUND = base64.b64encode(bytes(4800)).decode()


async def test_it_works_the_user_is_heard_and_the_answer() -> None:
    async with Stage().session() as client, listening(client.session) as listener:
        await client.turn()
        await client.wait_for("response.done")
        await listener.wait_for("response.done")
        heard = listener.of("antiphon.user_audio.delta")
        assert (heard[0]["format"], heard[0]["rate"]) == ("audio/pcm", 24_000)
        assert listener.of("antiphon.user_words.done")[0]["transcript"]
        assert listener.of("response.output_audio.delta") == client.of("response.output_audio.delta")


async def test_every_byte_of_the_user_is_heard_as_it_came() -> None:
    async with Stage().session() as client, listening(client.session) as listener:
        client.send("input_audio_buffer.append", audio=SOUND)
        assert (await listener.wait_for("antiphon.user_audio.delta"))["delta"] == SOUND


async def test_a_phone_line_is_heard_in_its_own_format() -> None:
    async with Stage().session() as client, listening(client.session) as listener:
        audio = {"input": {"format": {"type": "audio/pcmu"}}}
        client.send("session.update", session={"audio": audio})
        client.send("input_audio_buffer.append", audio=base64.b64encode(bytes(160)).decode())
        heard = await listener.wait_for("antiphon.user_audio.delta")
        assert (heard["format"], heard["rate"]) == ("audio/pcmu", 8000)


async def test_nobody_else_hears_the_user() -> None:
    async with Stage().session() as client, attached(client.session) as sideband, listening(client.session):
        await client.turn()
        await client.wait_for("response.done")
        await sideband.wait_for("response.done")
        for each in (client, sideband):
            assert not [kind for kind in each.kinds if kind.startswith("antiphon.")]


async def test_whatever_a_listener_says_is_ignored() -> None:
    async with Stage().session() as client, listening(client.session) as listener:
        listener.send("session.update", session={"instructions": "Be rude."})
        listener.send("response.create")
        listener.send("input_audio_buffer.append", audio=SOUND)
        listener.send("no.such.event")
        await asyncio.sleep(1)
        assert client.kinds == listener.kinds == ["session.created"]


async def test_it_takes_no_place_of_a_sideband() -> None:
    async with Stage().session() as client, AsyncExitStack() as listeners:
        for _ in range(MOST_LISTENING):
            await listeners.enter_async_context(listening(client.session))
        with pytest.raises(Refused, match="listen to this session already"):
            await client.session.listen_in(MemoryTransport(paced=False))
        async with attached(client.session):
            pass


async def test_it_ends_with_the_session() -> None:
    async with Stage().session() as client, listening(client.session) as listener:
        client.transport.hang_up()
        await asyncio.sleep(1)
    assert listener.transport.closed == (1000, "session ended")
