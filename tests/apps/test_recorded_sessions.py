"""Sessions of agents that record: what a client says and hears is kept, and nobody else's is."""

import numpy as np
import pybase64
import pytest
from msgspec import structs

from apps.agents.spec import AgentSpec, Privacy, Prompt
from apps.core.tenancy import tenant_context
from apps.recordings.models import Recording, RecordingState
from apps.recordings.selectors import stream_of
from tests.apps.live import in_thread, live_platform, live_session
from tests.apps.taping import decoded, place_of, speech
from tests.apps.test_agent_sessions import key_of, publish
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])

SPEC = AgentSpec(prompt=Prompt(instructions="Be kind."), first_message="Hello there, good morning.")
RECORDS = structs.replace(SPEC, privacy=Privacy(record=True))


async def converse(key: str, model: str) -> bytes:
    """A client that hears the first message and then says something. What it was sent to play."""
    async with live_session(key, model) as session:
        await session.event("response.done")
        samples = speech("0870")[: 24_000 * 2]
        for start in range(0, len(samples), 12_000):
            audio = pybase64.b64encode_as_string(samples[start : start + 12_000].tobytes())
            session.say("input_audio_buffer.append", audio=audio)
        session.say("input_audio_buffer.clear")
        await session.event("input_audio_buffer.cleared")
    heard = (event for event in session.events if event["type"] == "response.output_audio.delta")
    return b"".join(pybase64.b64decode(event["delta"]) for event in heard)


def recordings(owner: Person) -> list[Recording]:
    with tenant_context(owner.tenant.id):
        return list(Recording.objects.select_related("session"))


async def test_it_works_the_recording_is_there_when_the_session_has_ended(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live_platform(monkeypatch):
        await publish(alice, RECORDS)
        played = np.frombuffer(await converse(await key_of(alice), "agent/desk"), "<i2")
    (recording,) = await in_thread(recordings, alice)
    assert recording.state == RecordingState.PROCESSING
    assert recording.started_at == recording.session.started_at

    def read() -> np.ndarray:  # type: ignore[type-arg]
        with tenant_context(alice.tenant.id):
            return decoded(stream_of(recording))

    sound = await in_thread(read)
    ((_, at, length),) = next(iter(recording.timeline["items"].values()))
    assert place_of(played[: length * 24], sound[:, 1]) == pytest.approx(at, abs=20)
    ((_, at),) = recording.timeline["user"]
    assert place_of(speech("0870")[:48_000], sound[:, 0]) == pytest.approx(at, abs=20)


async def test_without_the_agent_having_it_so_nothing_is_recorded(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live_platform(monkeypatch):
        await publish(alice, SPEC)
        key = await key_of(alice)
        await converse(key, "agent/desk")
        async with live_session(key, "gpt-realtime") as session:
            await session.event("session.created")
    assert await in_thread(recordings, alice) == []
