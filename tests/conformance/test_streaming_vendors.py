"""Recognisers and voices that stream, through whole sessions, with the vendors' own addresses moved to loopback.

A tenant can't choose these addresses, so that the sessions run in this process, behind the same consumer.
"""

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from antiphon.audio.pcm import read_audio, size_of
from antiphon.providers.base.llm import TextDelta
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.server import StubServer
from antiphon.providers.vendors import VENDORS
from apps.core.tenancy import tenant_context
from apps.credentials.services import credential_set, provider_put
from tests.apps.live import LiveSession, in_thread, live_platform, live_session
from tests.cast import Person
from tests.openai_types import check_server_event
from tests.providers.vendors.cartesia_tts import CartesiaVoices
from tests.providers.vendors.deepgram_stt import FluxConnection
from tests.providers.vendors.stt_server import SttServer
from tests.providers.vendors.voices import KEY, Chunk, Connection, Context
from tests.recordings import sentence

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

FRAME_MS = 20
BREATH_MS = 1000
COUNTING = [
    *say("One two three four five six seven eight nine ten. And so on ")[:-2],
    (math.inf, TextDelta("for ever.")),
]


class Breathes(CartesiaVoices):
    """Takes a breath before the first word, which makes its marks differ from what text and time suggest."""

    def context(self, connection: Connection, id: str = "") -> Context:
        return connection.contexts.setdefault(id, Context(id, said_ms=BREATH_MS))

    async def say(self, connection: Connection, context: Context, text: str) -> None:
        if context.said_ms == BREATH_MS:
            await connection.send(*self.speech(context, Chunk(bytes(size_of(BREATH_MS)), [], 0)))
        await super().say(connection, context, text)


@dataclass
class Company:
    """A tenant's key for the platform, and the servers of its vendors."""

    key: str
    acme: StubServer
    flux: SttServer
    cartesia: Breathes


@pytest.fixture
async def company(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, alice: Person
) -> AsyncIterator[Company]:
    settings.OUTBOUND_ALLOW = ("127.0.0.1",)

    def add(company: Company) -> None:
        with tenant_context(alice.tenant.id):
            provider_put(slug="acme", dialect="openai", base_url=company.acme.base_url, key=KEY)
            for slug, server in (("deepgram", company.flux), ("cartesia", company.cartesia)):
                vendor = VENDORS[slug]
                here = [replace(service, base_url=server.base_url) for service in vendor.services]
                monkeypatch.setitem(VENDORS, slug, replace(vendor, services=here))
                credential_set(provider=slug, key=KEY)

    async with (
        live_platform(monkeypatch, "127.0.0.1"),
        StubServer(llm=ScriptedLlm(COUNTING, say("Very well."))) as acme,
        SttServer(FluxConnection) as flux,
        Breathes() as cartesia,
    ):
        running = Company((await in_thread(alice.make_key)).text, acme, flux, cartesia)
        await in_thread(add, running)
        yield running
        assert not flux.mistakes


def begin(session: LiveSession) -> None:
    audio = {
        "input": {
            "transcription": {"model": "deepgram/flux-general-en"},
            "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
        },
        "output": {"model": "cartesia/sonic-3"},
    }
    session.say("session.update", session={"type": "realtime", "audio": audio})


async def speak(session: LiveSession, pcm: bytes) -> None:
    """As a microphone would."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    step = size_of(FRAME_MS)
    for frame, at in enumerate(range(0, len(pcm), step), start=1):
        chunk = base64.b64encode(pcm[at : at + step]).decode()
        session.say("input_audio_buffer.append", audio=chunk)
        await asyncio.sleep(start + frame * FRAME_MS / 1000 - loop.time())


async def test_a_streaming_recogniser_ends_turns_and_a_voice_with_marks_tells_what_was_heard(
    company: Company,
) -> None:
    beginning = read_audio(sentence("0870").path)[: size_of(1500)]  # breaks off in mid-sentence

    async def hear(flux: Any) -> None:
        first = len(company.flux.connections) == 1
        text = "Count to a hundred." if first else "Stop."
        await flux.heard(1000)
        await flux.partial(text)
        await flux.heard(1700)
        await flux.sign("ended", text)
        await flux.finished.wait()
        await flux.rest("")

    company.flux.script = hear
    async with live_session(company.key, "acme/brain") as session:
        begin(session)
        await session.event("session.updated")
        await speak(session, beginning + bytes(size_of(2000)))
        completed = await session.event("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "Count to a hundred."
        added = await session.event("response.output_item.added")
        await session.event("response.output_audio.delta")
        await asyncio.sleep(1.9)
        await speak(session, beginning[: size_of(800)])
        await session.event("input_audio_buffer.speech_started")
        answer = {"item_id": added["item"]["id"], "content_index": 0}
        session.say("conversation.item.truncate", audio_end_ms=BREATH_MS + 600, **answer)
        done = (await session.event("response.done"))["response"]
        await session.event("conversation.item.truncated")
        await speak(session, beginning[size_of(800) :] + bytes(size_of(2500)))
        assert (await session.event("response.done"))["response"]["status"] == "completed"
    first, second = company.flux.connections
    assert first.left.is_set()
    assert second.left.is_set()
    stops = [e["audio_end_ms"] for e in session.events if e["type"] == "input_audio_buffer.speech_stopped"]
    assert stops[0] < 1500 + 1300, "the longest wait would be eight seconds"
    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
    frames = company.cartesia.connections[0].received
    begun = frames[0]["context_id"]
    assert [frame for frame in frames if frame.get("cancel")] == [{"context_id": begun, "cancel": True}]
    [*_, last] = [r for r in company.acme.requests if r.path == "/v1/chat/completions"]
    said = [(m["role"], m["content"]) for m in last.body["messages"] if m["role"] != "system"]
    assert said == [("user", "Count to a hundred."), ("assistant", "One two"), ("user", "Stop.")]
    for event in session.events:
        check_server_event(json.dumps(event, separators=(",", ":")))
