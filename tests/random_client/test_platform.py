"""Random clients against the platform as it is started, with its own models: it bears them all, and others beside
them notice nothing. `RANDOM_CLIENT_MINUTES=60` goes on for an hour, `RANDOM_CLIENT_SEED` says where to begin."""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
import numpy as np
import psutil
from hypothesis import Phase, given, note, seed, settings
from hypothesis import strategies as st

from antiphon.audio.pcm import read_audio
from tests.conformance.talker import Talker
from tests.platform_fixture import Platform
from tests.random_client.behaviour import Step, endings, scripts
from tests.random_client.checks import check_no_fault_of_ours, check_story
from tests.random_client.phone import Phone
from tests.recordings import sentences

INTERNAL_ERROR = 1011
MINUTES = float(os.environ.get("RANDOM_CLIENT_MINUTES", 0))
FIRST_SEED = int(os.environ.get("RANDOM_CLIENT_SEED", 1))
CLIENTS = 8 if MINUTES else 4  # at once
ROUNDS = 4 if MINUTES else 2  # of each seed
LONGEST = 4.0 if MINUTES else 0.3  # seconds that one step waits or speaks
LEFT_BEHIND = 40.0  # seconds for the platform to notice that everybody has left
SPARE = (
    8,
    4,
)  # files and threads that pools may come to have besides: connections to the database and to models
WARM_UP = 0.25  # of the time, in which memory may grow
# Bytes for each session. A session leaves some 10 kB; what many voices at once need comes and goes by 100 MB.
MOST_GROWTH = 500_000

_OF_THE_BETA = {"conversation.item.created", "transcription_session.created", "transcription_session.updated"}

Life = tuple[list[Step], str]
lives: st.SearchStrategy[list[Life]] = st.lists(
    st.tuples(scripts if MINUTES else scripts.map(lambda script: script[:10]), endings),
    min_size=CLIENTS,
    max_size=CLIENTS,
)


@dataclass
class Report:
    """What a run has come to."""

    rounds: int = 0
    frames: int = 0
    events: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    sockets: int = 0
    slowest_answer: float = 0.0  # seconds, of the client that does nothing unusual
    at_rest: tuple[int, int] = (0, 0)
    memory: list[tuple[int, int]] = field(default_factory=list)  # sessions so far, resident bytes

    @property
    def growth(self) -> float:
        """Bytes for each session, after the warm-up."""
        steady = np.array(self.memory[int(len(self.memory) * WARM_UP) :], float)
        return float(np.polyfit(steady[:, 0], steady[:, 1], 1)[0]) if len(steady) > 2 else 0.0

    def __str__(self) -> str:
        resident = [f"{size / 1e6:.0f}" for _, size in self.memory]
        return (
            f"{self.rounds} rounds, {self.sessions} sessions over {self.sockets} sockets, "
            f"{self.frames} frames sent, {self.events.total()} events received of {len(self.events)} kinds, "
            f"{self.at_rest} files and threads at rest, "
            f"slowest answer beside them {self.slowest_answer:.2f} s, memory {self.growth / 1000:.1f} kB for each "
            f"session ({', '.join(resident[:: max(1, len(resident) // 12)])} MB)"
        )


def test_it_works_whatever_clients_do_and_nobody_else_notices(platform: Platform) -> None:
    report = Report()
    started, logged = time.monotonic(), len(platform.log)
    in_rounds(0, lambda lives: asyncio.run(one_round(platform, lives, Report())))  # opens what stays open
    at_rest = resources(platform.web)
    for number in count(FIRST_SEED):
        in_rounds(number, lambda lives: asyncio.run(one_round(platform, lives, report)))
        come_to_rest(platform.web, at_rest)
        report.at_rest = resources(platform.web)
        report.memory.append((report.sessions, platform.web.memory_info().rss))
        check_log(platform.log[logged:])
        if MINUTES:
            print(f"seed {number}: {report}", flush=True)  # noqa: T201  it is what a long run is for
        if time.monotonic() - started >= MINUTES * 60:
            break
    if MINUTES >= 20:
        assert report.growth < MOST_GROWTH, report


def in_rounds(number: int, play: Callable[[list[Life]], None]) -> None:
    @seed(number)
    @settings(max_examples=ROUNDS, deadline=None, database=None, phases=[Phase.generate], derandomize=False)
    @given(lives)
    def rounds(lives: list[Life]) -> None:
        note(f"RANDOM_CLIENT_SEED={number}")
        play(lives)

    rounds()


def resources(process: psutil.Process) -> tuple[int, int]:
    """Open files and sockets, and threads."""
    return process.num_fds(), process.num_threads()


async def one_round(platform: Platform, lives: list[Life], report: Report) -> None:
    voices = [read_audio(sentence.path) for sentence in sentences()]
    phones = [
        Phone(platform, [platform.paced_model, "local/dialogue"][n % 2], voices[n % len(voices)], LONGEST)
        for n in range(len(lives))
    ]
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(witness(platform, report))
        async with asyncio.TaskGroup() as living:
            for phone, (script, ending) in zip(phones, lives, strict=True):
                living.create_task(phone.live(script, ending))
        watching.cancel()
    url = platform.base_url.removesuffix("/v1") + "/readyz"
    async with aiohttp.ClientSession() as http, http.get(url) as ready:
        assert ready.status == 200, await ready.text()
    report.rounds += 1
    for phone in phones:
        report.sessions += len(phone.stories)
        report.sockets += len(phone.sockets)
        report.frames += phone.frames_sent
        for socket in phone.sockets:
            assert socket.close_code != INTERNAL_ERROR
            check_no_fault_of_ours(socket.events)
        for frames in phone.stories:
            first, *rest = frames
            story = [first, *(frame for frame in rest if '"type":"session.created"' not in frame[:80])]
            events = [json.loads(frame) for frame in story]
            report.events.update(event["type"] for event in events)
            if speaks_ga(events):
                check_story(events, story)


def speaks_ga(events: list[Any]) -> bool:
    """A client that sends flat settings is taken for one of the beta, whose events have other names and shapes."""
    flat = (event for event in events if "modalities" in event.get("session", event.get("response", {})))
    return not any(flat) and not _OF_THE_BETA & {event["type"] for event in events}


async def witness(platform: Platform, report: Report) -> None:
    """A client that does nothing unusual, and is always answered."""
    async with Talker(platform, "local/dialogue") as talker:
        for number in count(1):
            began = time.monotonic()
            await talker.say("Please repeat after me: not disturbed")
            done: Any = await talker.wait_for("response.done", number)
            assert "not disturbed" in done.response.output[0].content[0].transcript.lower()
            report.slowest_answer = max(report.slowest_answer, time.monotonic() - began)


def come_to_rest(process: psutil.Process, at_rest: tuple[int, int]) -> None:
    deadline = time.monotonic() + LEFT_BEHIND
    most = [before + spare for before, spare in zip(at_rest, SPARE, strict=True)]
    while any(now > limit for now, limit in zip(resources(process), most, strict=True)):
        assert time.monotonic() < deadline, f"{at_rest} files and threads have become {resources(process)}"
        time.sleep(0.1)


def check_log(lines: list[str]) -> None:
    for index, line in enumerate(lines):
        wrong = "Traceback" in line or "[error" in line or '"level": "error"' in line or "critical" in line
        assert not wrong, "\n".join(lines[max(0, index - 5) : index + 40])
