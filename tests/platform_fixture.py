"""The whole platform as a newcomer starts it, and what clients need to reach it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.prepared import copy_prepared
from tests.recordings import sentences

PROJECT = Path(__file__).resolve().parents[1]
LONG_ANSWER = "This is a long answer, spoken while it is still being written. " * 6
TOKEN_PACE = 0.05  # seconds between two tokens of the paced model
STARTUP_SECONDS = 240
DEAD_SERVER = "http://127.0.0.1:9/v1"  # the discard port, where nobody listens


@dataclass(frozen=True)
class Platform:
    """A running `manage.py up`.

    `paced_model` is a language model on a server that takes its time, `dead_recogniser` and `dead_voice` are
    models on a server that is not there. `log` has every line that the platform has printed.
    """

    base_url: str
    api_key: str
    process: subprocess.Popen[str]
    data_dir: Path
    log: list[str]
    paced_model: str = "llm/paced"
    dead_recogniser: str = "stt/dead"
    dead_voice: str = "tts/dead"

    @property
    def web(self) -> psutil.Process:
        """The process that serves sessions."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        serving = [child for child in family if "antiphon.config.serve" in child.cmdline()]
        return max(serving, key=lambda child: int(child.memory_info().rss))  # the other one guards it

    @property
    def port(self) -> int:
        return int(self.base_url.removesuffix("/v1").rpartition(":")[2])

    def socket(self, query: str = "?model=local/dialogue", path: str = "/v1/realtime") -> str:
        return self.base_url.replace("http://", "ws://").removesuffix("/v1") + path + query

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}


@pytest.fixture(scope="session")
def paced_server() -> Iterator[str]:
    """The base URL of an OpenAI-compatible server whose model writes slowly."""
    command = [sys.executable, "-m", "antiphon.providers.scripted.server", "--answer", LONG_ANSWER]
    command += ["--first-token", "0.2", "--token-pace", str(TOKEN_PACE)]
    env = {**os.environ, "PYTHONPATH": str(PROJECT / "platform")}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


@pytest.fixture(scope="session")
def platform(
    paced_server: str, prepared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    data_dir = tmp_path_factory.mktemp("data")
    copy_prepared(prepared_cache, data_dir)
    with running_platform(paced_server, data_dir) as running:
        yield running


@contextmanager
def running_platform(paced_server: str, data_dir: Path, **variables: str) -> Iterator[Platform]:
    """`manage.py up` with these environment variables in addition."""
    port = free_port()
    env = {
        **{name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_URL_FILE"))},
        "PORT": str(port),
        # One tenant does what all tests do, some of which leave sessions that wait for their client to come back.
        "SESSIONS_PER_TENANT": "1000",
        "EVENTS_PER_SECOND": "100000",
        "API_REQUESTS_PER_MINUTE": "10000",
        "ANTIPHON_DATA_DIR": str(data_dir),
        "LLM_BASE_URL": paced_server,
        "LLM_MODEL": "paced",
        "DEFAULT_MODEL": "local/dialogue",
        "STT_BASE_URL": DEAD_SERVER,
        "STT_MODEL": "dead",
        "DEFAULT_STT": "local/whisper-base",
        "TTS_BASE_URL": DEAD_SERVER,
        "TTS_MODEL": "dead",
        "DEFAULT_TTS": "local/piper-joe",
        "SESSION_RESUME_SECONDS": "5",
        "OUTBOUND_ALLOW": "127.0.0.1",
        **variables,
    }
    env.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, str(PROJECT / "manage.py"), "up"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = _read_until_ready(process)
    key = next(line.rpartition(" ")[2] for line in log if line.startswith("API key:"))
    try:
        yield Platform(f"http://127.0.0.1:{port}/v1", key, process, data_dir, log)
    finally:
        process.send_signal(signal.SIGTERM)
        ended = process.wait(60)
    assert ended == 0


@pytest.fixture(scope="session")
def speech() -> dict[str, Path]:
    """Human recordings by what is said in them."""
    return {sentence.text: sentence.path for sentence in sentences()}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _read_until_ready(process: subprocess.Popen[str]) -> list[str]:
    """What it printed up to the key, which comes last; later output is added as it comes."""
    assert process.stdout is not None
    out = process.stdout
    watchdog = threading.Timer(STARTUP_SECONDS, process.kill)
    watchdog.start()
    printed: list[str] = []
    for line in out:
        printed.append(line.strip())
        if line.startswith("API key:"):
            break
    watchdog.cancel()
    assert any(line.startswith("Antiphon is ready at ") for line in printed), "\n".join(printed)
    threading.Thread(target=lambda: printed.extend(line.strip() for line in out), daemon=True).start()
    return printed
