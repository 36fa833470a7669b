"""Everything dies, and nothing is lost: processes, Valkey and PostgreSQL are killed while clients talk. Afterwards
what was recorded is what the clients were told, nothing is held any more, and the ledger balances.

`SURVIVAL_SECONDS=120` has ten processes and 200 clients for two minutes, as `make soak` does; `SURVIVAL_SEED` says
who does what and dies when (without it, chance does).
"""

import asyncio
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import aiohttp

from antiphon.providers.scripted.llm import ScriptedLlm
from antiphon.providers.scripted.server import StubServer
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts
from tests.platform_fixture import running_platform
from tests.soak.aftermath import TENANT, Aftermath, spool_of
from tests.soak.caller import Caller, answer
from tests.soak.told import Session, differences
from tests.soak.trouble import Killer, troubles

SECONDS = float(os.environ.get("SURVIVAL_SECONDS", 0))
LEASE_SECONDS = 5.0
RECOVERY_SECONDS = 60.0  # in which everything goes by itself: a hold expires after 20 s, a lease after 5
LAST_WORDS_SECONDS = 30.0  # for clients to end their sessions
PLAN = {"key": "soak", "name": "Soak", "mode": "postpaid", "markup_bp": 1000, "cap_micro": 5_000_000_000}


@dataclass(frozen=True, slots=True)
class Size:
    """`seconds` are those of trouble."""

    processes: int
    clients: int
    seconds: float
    web_kills: int
    server_kills: int  # of Valkey, and of PostgreSQL


SMALL = Size(processes=2, clients=12, seconds=13.0, web_kills=2, server_kills=1)


def large(seconds: float) -> Size:
    """With a process killed every three seconds, and a server every 20."""
    kills = max(1, round(seconds / 40))
    return Size(processes=10, clients=200, seconds=seconds, web_kills=round(seconds / 3), server_kills=kills)


@dataclass(slots=True)
class Run:
    """What came of it."""

    seed: int
    sessions: list[Session] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)  # that each part took
    usage: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        told = sum(len(session.lines) for session in self.sessions)
        rows = [
            ("seed", self.seed),
            ("sessions", len(self.sessions)),
            *sorted(self.notes.items()),
            ("answers completed", sum(len(session.words) for session in self.sessions)),
            ("lines told", told),
            ("lines recorded", self.usage["sums"]["records"]),
            ("micro-dollars", self.usage["sums"]["price_micro"]),
            *((f"seconds {what}", round(seconds, 1)) for what, seconds in self.seconds.items()),
        ]
        return "\n".join(f"{what:45} {value:>12}" for what, value in rows)


def test_nothing_is_lost_when_everything_dies(tmp_path: Path) -> None:
    size = large(SECONDS) if SECONDS else SMALL
    seed = int(os.environ.get("SURVIVAL_SEED") or (SystemRandom().randrange(10**6) if SECONDS else 1))
    run = asyncio.run(survive(size, seed, tmp_path))
    print(f"\n{run}")  # noqa: T201  shown of a failed run, and by `make soak`


async def survive(size: Size, seed: int, folder: Path) -> Run:
    run, random = Run(seed), Random(seed)
    # Who asks the models is killed now and then.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    models = StubServer(
        llm=ScriptedLlm(answer), stt=ScriptedStt(Heard("Hi.", delay=0.1)), tts=ScriptedTts(ms_per_character=5)
    )
    began = time.monotonic()
    with ExitStack() as stack:
        async with models:
            started = running_platform(models.base_url, folder / "data", **variables(size, models, folder))
            platform = await asyncio.to_thread(stack.enter_context, started)
            killer = Killer(platform, random)
            await asyncio.to_thread(killer.wait_until_all_listen, size.processes)
            run.seconds["to start"] = time.monotonic() - began
            await talk_through_trouble(size, killer, run, random)
            run.notes.update({f"killed: {target}": count for target, count in killer.killed.items()})
            problems = await settled(Aftermath(platform), run, killer.last_strike)
            problems += lost_without_reason(run.sessions, killer)
            await asyncio.to_thread(stack.close)
            (folder / "log").write_text("\n".join(platform.log))
    problems += [f"{path.name} is left in the spool." for path in spool_of(folder / "data")]
    assert not problems, "\n".join([str(run), f"{len(problems)} problems:", *problems[:40]])
    for needed in ("session hung up", "session lost", "killed: web", "killed: valkey", "killed: postgres"):
        assert run.notes[needed], f"This run shows nothing, since there was no {needed!r}:\n{run}"
    return run


def variables(size: Size, models: StubServer, folder: Path) -> dict[str, str]:
    """The environment of the platform."""
    plans = folder / "plans.json"
    plans.write_text(json.dumps({"plans": [PLAN]}))
    return {
        "ANTIPHON_WEB_PROCESSES": str(size.processes),
        "ANTIPHON_LEASE_SECONDS": str(LEASE_SECONDS),
        "BILLING": "on",
        "PLANS_FILE": str(plans),
        # Under its name the scripted model has a price; the others have none.
        "AZURE_OPENAI_BASE_URL": models.base_url,
        "AZURE_OPENAI_API_KEY": "any",
        "STT_BASE_URL": models.base_url,
        "STT_MODEL": "heard",
        "DEFAULT_STT": "stt/heard",
        "TTS_BASE_URL": models.base_url,
        "TTS_MODEL": "spoken",
        "DEFAULT_TTS": "tts/spoken",
    }


def lost_without_reason(sessions: Sequence[Session], killer: Killer) -> list[str]:
    """Of one that was resumed nobody outside can tell: its socket may be in one process, and itself in another."""
    return [
        f"{session.id} was lost, with {session.close_code}, and nobody had killed its process."
        for session in sessions
        if session.ending == "lost" and session.port not in killer.cut_off and not session.was_resumed
    ]


async def talk_through_trouble(size: Size, killer: Killer, run: Run, random: Random) -> None:
    began = time.monotonic()
    plan = troubles(random, seconds=size.seconds, web=size.web_kills, servers=size.server_kills)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as http:
        callers = [
            Caller(
                killer.platform,
                http,
                Random(random.random()),
                lambda: time.monotonic() - began > size.seconds,
                run.notes,
            )
            for _ in range(size.clients)
        ]
        living = [asyncio.create_task(caller.live()) for caller in callers]
        for trouble in plan:
            await asyncio.sleep(began + trouble.at - time.monotonic())
            await asyncio.to_thread(killer.strike, trouble.target)
        left = began + size.seconds + LAST_WORDS_SECONDS - time.monotonic()
        done, late = await asyncio.wait(living, timeout=left)
        for task in late:
            task.cancel()
        await asyncio.wait(living)
        for task in done:
            task.result()
    run.seconds["of talk"] = time.monotonic() - began
    run.notes["clients that did not come to an end"] += len(late)
    run.sessions = [session for caller in callers for session in caller.sessions]


async def settled(after: Aftermath, run: Run, last_strike: float) -> list[str]:
    """Everything that is not as it should be once the platform had the time to recover."""
    # Of earlier ones the end may have been known to their process alone, which was killed then.
    last = {each.id for each in run.sessions if each.ending == "hung up" and each.ended_at > last_strike + 2}

    def remains() -> Sequence[str]:
        return after.remains() or [f"{id} is still open." for id in after.open_sessions() & last]

    began = time.monotonic()
    while found := await asyncio.to_thread(remains):
        if time.monotonic() - began > RECOVERY_SECONDS:
            break
        await asyncio.sleep(0.5)
    run.seconds["until nothing was left"] = time.monotonic() - began
    problems = list(found)
    after.let_minutes_pass(3)
    sums = after.sums()
    run.usage, _ = await asyncio.gather(after.usage(), after.manage("shell", "-v0", "-c", _UPKEEP))
    problems += differences(run.sessions, run.usage["records"])
    problems += [f"{id} is open for ever." for id in after.open_sessions()]
    if (revenue := after.revenue_micro()) != run.usage["sums"]["price_micro"]:
        problems.append(f"The ledger says {revenue}, the records {run.usage['sums']['price_micro']}.")
    problems += [f"A sum is not that of its lines: {row}" for row in set(sums) ^ set(after.sums())]
    run.seconds["to check"] = time.monotonic() - began - run.seconds["until nothing was left"]
    return problems


# In one process, since each takes seconds to start.
_UPKEEP = f"""
from django.core.management import call_command
from apps.conversations.tasks import close_abandoned_sessions

close_abandoned_sessions()
call_command("check_ledger")
call_command("rebuild_rollups", tenant="{TENANT}")
"""
