"""More client events than are allowed: audio waits, unread; anything else is refused by its id."""

import asyncio
import base64
from collections.abc import Sequence

from antiphon.engine.inputs import AudioFrame
from antiphon.protocol.client_events import InputAudioAppend
from antiphon.protocol.server_events import RateLimit
from tests.engine.session_harness import Stage, attached, listening, resumed

FRAME = base64.b64encode(bytes(960)).decode()  # 20 ms


class Bucket:
    """Some events at once, and some a second, of the loop's time."""

    def __init__(self, size: int, per_second: float) -> None:
        self.size, self.per_second = size, per_second
        self._at, self._left = 0.0, float(size)
        self.taken = 0

    def take(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._left = min(self.size, self._left + (now - self._at) * self.per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        self.taken += 1
        return True

    async def ask(self) -> bool:
        await asyncio.sleep(0)
        return self.take()

    async def wait(self) -> None:
        if not self.take():
            await asyncio.sleep((1.001 - self._left) / self.per_second)
            await self.wait()

    def told(self) -> Sequence[RateLimit]:
        return [RateLimit(name="requests", limit=self.size, remaining=int(self._left), reset_seconds=0.5)]


def stage(size: int, per_second: float) -> Stage:
    return Stage(allowance=Bucket(size, per_second))


def heard(stage: Stage) -> int:
    """Bytes of audio that reached the session."""
    return sum(len(event.audio) for event in stage.seen if isinstance(event, InputAudioAppend))


async def test_it_works_audio_is_slowed_down_and_every_byte_of_it_arrives() -> None:
    slow = stage(10, 50)
    async with slow.session() as client:
        for _ in range(200):
            client.send("input_audio_buffer.append", audio=FRAME)
        await asyncio.sleep(1)
        assert 55 * 960 <= heard(slow) <= 65 * 960, "10 at once, and 50 in the second"
        await asyncio.sleep(4)
        assert heard(slow) == 200 * 960
        assert client.kinds == ["session.created"]


async def test_other_events_are_refused_by_their_id_and_the_connection_stays() -> None:
    async with stage(3, 1).session() as client:
        for number in range(5):
            client.send("session.update", event_id=f"mine_{number}", session={"instructions": f"{number}"})
        await client.wait_for("error", 2)
        assert len(client.of("session.updated")) == 3
        told = [(event["error"]["code"], event["error"]["event_id"]) for event in client.of("error")]
        assert told == [("rate_limit_exceeded", "mine_3"), ("rate_limit_exceeded", "mine_4")]
        assert "More than 3 client events in a second" in client.of("error")[0]["error"]["message"]
        await asyncio.sleep(2)
        client.send("session.update", session={"instructions": "later"})
        assert (await client.wait_for("session.updated", 4))["session"]["instructions"] == "later"


async def test_an_event_that_is_no_good_counts_as_well() -> None:
    async with stage(1, 1).session() as client:
        client.send("no.such.event")
        client.send("no.such.event", event_id="mine")
        await client.wait_for("error", 2)
        error = client.of("error")[1]["error"]
        assert (error["code"], error["event_id"]) == ("rate_limit_exceeded", "mine")


async def test_what_comes_after_audio_waits_with_it_so_that_the_order_is_kept() -> None:
    slow = stage(1, 10)
    async with slow.session() as client:
        client.send("session.update", session={"audio": {"input": {"turn_detection": None}}})
        for _ in range(10):
            client.send("input_audio_buffer.append", audio=FRAME)
        client.send("input_audio_buffer.commit", event_id="mine")
        error = (await client.wait_for("error"))["error"]
        assert (error["code"], error["event_id"]) == ("rate_limit_exceeded", "mine")
        assert heard(slow) == 10 * 960, "all of it came before"


async def test_whoever_is_attached_has_the_same_allowance() -> None:
    async with stage(2, 0.1).session() as client, attached(client.session) as sideband:
        client.send("session.update", session={"instructions": "one"})
        await client.wait_for("session.updated")
        sideband.send("session.update", session={"instructions": "two"})
        await client.wait_for("session.updated", 2)
        sideband.send("session.update", event_id="mine", session={"instructions": "three"})
        assert (await sideband.wait_for("error"))["error"]["event_id"] == "mine"
        assert not client.of("error")


async def test_whoever_listens_in_takes_nothing_of_it() -> None:
    slow = stage(1, 0.1)
    async with slow.session() as client, listening(client.session) as listener:
        for _ in range(10):
            listener.send("session.update", session={"instructions": "mine"})
        client.send("session.update", session={"instructions": "theirs"})
        await client.wait_for("session.updated")
        assert slow.allowance.taken == 1


async def test_frames_of_a_phone_line_are_not_counted() -> None:
    slow = stage(1, 0.1)
    async with slow.session(paced=True) as client:
        for _ in range(100):
            client.transport.put(AudioFrame(bytes(960)))
        await asyncio.sleep(1)
        assert sum(isinstance(event, AudioFrame) for event in slow.seen) == 100
        assert slow.allowance.taken == 0


async def test_audio_that_waits_when_its_client_comes_back_is_not_lost() -> None:
    slow = stage(1, 0.01)
    slow.resume_seconds = 30
    async with slow.session() as client:
        for _ in range(2):
            client.send("input_audio_buffer.append", audio=FRAME)
        created = await client.wait_for("session.created")
        await asyncio.sleep(1)
        assert heard(slow) == 960
        async with resumed(client.session, created["event_id"]):
            assert heard(slow) == 2 * 960


async def test_what_is_told_with_a_response_is_as_it_is_then() -> None:
    bucket = Bucket(10, 0.001)
    async with Stage(allowance=bucket).session() as client:
        client.say("Hello")
        told = await client.wait_for("rate_limits.updated")
        assert told["rate_limits"] == [
            {"name": "requests", "limit": 10, "remaining": 8, "reset_seconds": 0.5}
        ]
        client.say("Hello again")
        assert (await client.wait_for("rate_limits.updated", 2))["rate_limits"][0]["remaining"] == 6
