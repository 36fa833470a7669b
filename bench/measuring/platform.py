"""The real platform in processes of its own, in front of stub models with fixed delays."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

PROJECT = Path(__file__).resolve().parents[2]

STT_SECONDS = 0.05
FIRST_TOKEN_SECONDS = 0.05
AUDIO_PACE = 0.5  # seconds that a second of the stub's speech takes to make
FIRST_AUDIO_SECONDS = AUDIO_PACE * 0.1  # it speaks in chunks of 100 ms
STUB_MS = (STT_SECONDS + FIRST_TOKEN_SECONDS + FIRST_AUDIO_SECONDS) * 1000
"""What the stubs take by themselves from the end of a turn to the first audio."""

_ANSWER = "Hello there. I can tell you about that in a moment or two, if you like."  # 4.3 s of speech
_STARTUP_SECONDS = 240
_LAST_LINES = 20


@dataclass(frozen=True, slots=True)
class Platform:
    """A running `manage.py up` with one web process."""

    url: str
    api_key: str
    web: psutil.Process

    def cpu_seconds(self) -> float:
        """User and system time of the web process, all its threads."""
        times = self.web.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> int:
        """Bytes that the web process has for itself, with its share of what is shared (PSS)."""
        return int(self.web.memory_full_info().pss)


@contextmanager
def stub_models() -> Iterator[Mapping[str, str]]:
    """A server of scripted models; gives the environment in which the platform uses them."""
    command = [sys.executable, "-m", "antiphon.providers.scripted.server", "--answer", _ANSWER]
    command += ["--transcript-delay", str(STT_SECONDS), "--first-token", str(FIRST_TOKEN_SECONDS)]
    command += ["--audio-pace", str(AUDIO_PACE)]
    env = {**os.environ, "PYTHONPATH": str(PROJECT / "platform")}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        base_url = server.stdout.readline().strip()
        try:
            yield {
                f"{kind}_{name}": value
                for kind in ("LLM", "STT", "TTS")
                for name, value in (("BASE_URL", base_url), ("MODEL", "stub"))
            }
        finally:
            server.terminate()


@contextmanager
def running_platform(models: Mapping[str, str]) -> Iterator[Platform]:
    """Starts everything in a folder of its own and stops it again. Raises RuntimeError if it does not start."""
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder:
        port = _free_port()
        env = {
            **{name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_URL_FILE"))},
            **models,
            "PORT": str(port),
            "ANTIPHON_DATA_DIR": folder,
            "ANTIPHON_WEB_PROCESSES": "1",
            "SESSIONS_PER_TENANT": "10000",
            "EVENTS_PER_SECOND": "1000000",
        }
        env.pop("DJANGO_SETTINGS_MODULE", None)
        process = subprocess.Popen(
            [sys.executable, str(PROJECT / "manage.py"), "up"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout is not None
            key = _read_key(process, process.stdout)
            yield Platform(f"ws://127.0.0.1:{port}/v1/realtime", key, _web_process(process.pid))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _read_key(process: subprocess.Popen[str], out: IO[str]) -> str:
    """The key is the last thing that `up` prints when all is ready; what comes later is read and dropped."""
    watchdog = threading.Timer(_STARTUP_SECONDS, process.kill)
    watchdog.start()
    printed: deque[str] = deque(maxlen=_LAST_LINES)
    for line in out:
        printed.append(line)
        if line.startswith("API key:"):
            watchdog.cancel()
            threading.Thread(target=lambda: deque(out, maxlen=0), daemon=True).start()
            return line.rpartition(" ")[2].strip()
    watchdog.cancel()
    raise RuntimeError(f"`manage.py up` did not start:\n{''.join(printed)}")


def _web_process(pid: int) -> psutil.Process:
    """What listens, among the processes below `up`; its guard has the same words in its command."""
    for child in psutil.Process(pid).children(recursive=True):
        if child.cmdline()[1:3] == ["-m", "antiphon.config.serve"]:
            return child
    raise RuntimeError("There is no web process below `manage.py up`.")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
