"""What befalls a platform: its processes are killed at random, and its servers with them."""

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Literal

import psutil

from tests.platform_fixture import STARTUP_SECONDS, Platform

Target = Literal["web", "valkey", "postgres"]


@dataclass(frozen=True, slots=True)
class Trouble:
    at: float  # seconds from the start
    target: Target


def troubles(random: Random, *, seconds: float, web: int, servers: int) -> Sequence[Trouble]:
    """So many kills of web processes, and of each server, over the whole time; of the servers never two at once."""
    found = [Trouble(random.uniform(0.05, 0.85) * seconds, "web") for _ in range(web)]
    slots: list[Target] = ["valkey", "postgres"] * servers
    random.shuffle(slots)
    for index, target in enumerate(slots):
        found.append(Trouble((index + random.uniform(0.3, 0.7)) / len(slots) * seconds, target))
    return sorted(found, key=lambda trouble: trouble.at)


class Killer:
    """Sends SIGKILL to what a platform runs on, which its supervisor then starts again."""

    def __init__(self, platform: Platform, random: Random) -> None:
        self.platform = platform
        self._random = random
        self.killed: Counter[Target] = Counter()
        self.last_strike = 0.0
        self.cut_off: set[int] = set()  # the ports of clients whose process was killed

    def wait_until_all_listen(self, processes: int) -> None:
        """`up` is ready when the first one is."""
        deadline = time.monotonic() + STARTUP_SECONDS
        while sum(map(_listens, self._running("web"))) < processes:
            assert time.monotonic() < deadline, "not all processes have started"
            time.sleep(0.1)

    def strike(self, target: Target) -> None:
        """Nothing, if none runs at the moment."""
        found = list(self._running(target))
        if not found:
            return
        victim = self._random.choice(sorted(found, key=lambda process: process.pid))
        with suppress(psutil.NoSuchProcess):
            if target == "web":
                victim.suspend()  # so that nobody comes or goes while we look
                self.cut_off |= {peer.raddr.port for peer in victim.net_connections("tcp") if peer.raddr}
            os.kill(victim.pid, signal.SIGKILL)
            self.killed[target] += 1
            self.last_strike = time.monotonic()
        if target == "valkey":  # a machine that comes back without what it knew
            shutil.rmtree(self.platform.data_dir / "valkey" / "appendonlydir", ignore_errors=True)

    def _running(self, target: Target) -> Iterator[psutil.Process]:
        for process in psutil.Process(self.platform.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                command, parent = process.cmdline(), process.parent()
                guarded = parent is not None and any("guard.py" in word for word in parent.cmdline())
                if guarded and _is(target, command):
                    yield process


def _listens(process: psutil.Process) -> bool:
    return any(socket.status == psutil.CONN_LISTEN for socket in process.net_connections("tcp"))


def _is(target: Target, command: Sequence[str]) -> bool:
    match target:
        case "web":
            return "antiphon.config.serve" in command
        case "valkey":
            return command[:1] != [] and "valkey-server" in command[0]
        case "postgres":
            return command[:1] != [] and command[0].endswith("/postgres")
