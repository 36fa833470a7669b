"""What `manage.py up` does: everything that Antiphon needs, started in the foreground on one machine."""

import errno
import http.client
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from antiphon.config.env import PROJECT, Env
from antiphon.embedded.folders import lock_folder, make_private_folder
from antiphon.embedded.postgres import EmbeddedPostgres
from antiphon.embedded.process import GuardedProcess, StartError
from antiphon.embedded.roles import prepare_roles
from antiphon.embedded.running import announce, withdraw
from antiphon.embedded.secrets_file import NAMES, secrets_for
from antiphon.embedded.supervisor import Program, Supervisor, describe_exit
from antiphon.embedded.valkey import EmbeddedValkey

# Whoever presses Ctrl-C waits for it; in production `antiphon.config.serve` runs by itself and drains longer.
_DRAIN_SECONDS = 3.0
_READY_SECONDS = 180.0  # models are loaded before the first answer
_WORKER_THREADS = 6
_PORT_SECONDS = 2.0  # for a web process whose supervisor was killed to notice

_ADDRESSES = ("DATABASE_URL", "ACROSS_DATABASE_URL", "REDIS_URL")

Write = Callable[[str], None]


class Launch:
    """One run of `up`. `write` prints text as it is, without adding a line's end."""

    def __init__(self, environment: Env, write: Write) -> None:
        self._env = environment
        self._write = write
        self._supervisor = Supervisor(lambda line: write(f"{line}\n"))
        self._announced_in: Path | None = None

    def run(self) -> None:
        """Start everything, and stop it at SIGINT, SIGTERM or SIGHUP. Raises StartError."""
        # A shell has background jobs ignore SIGINT, which `kill -INT` should still reach; `nohup` means it.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, _interrupt)
        try:
            self._start()
            self._supervisor.watch()
        except KeyboardInterrupt:
            self._write("\nStopping ...\n")
        finally:
            # From here a second signal ends us at once, and the guards then end what is left.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            self._supervisor.stop()
            if self._announced_in is not None:
                withdraw(self._announced_in)

    def _start(self) -> None:
        data_dir = self._env.antiphon_data_dir.absolute()
        make_private_folder(data_dir)
        lock_folder(data_dir, patience=0)  # held until this process ends
        check_port(self._env.host, self._env.port, patience=_PORT_SECONDS)
        child_env = self._child_environment(data_dir)
        self._announced_in = data_dir
        allowed = {"OUTBOUND_ALLOW": ",".join(self._env.outbound_allow)}
        announce(data_dir, {name: child_env[name] for name in (*NAMES, *_ADDRESSES)} | allowed)
        with self._step("Preparing the database"):
            demo = json.loads(self._manage(child_env, "prepare"))
        with self._step("Starting the web"):
            self._supervisor.start(*self._web_programs(child_env))
            self._supervisor.start(self._worker_program(child_env, data_dir))
            self._wait_until_healthy()
        self._write(
            f"Antiphon is ready at http://{_reachable(self._env.host)}:{self._env.port}\n"
            f"Sign in as {demo['email']} with the password {demo['password']}\n"
            f"API key: {demo['api_key']}\n"
        )

    def _child_environment(self, data_dir: Path) -> dict[str, str]:
        """Our environment and what it lacks: the secrets, and the addresses of the servers started here."""
        added = {
            "ANTIPHON_DATA_DIR": str(data_dir),
            "PYTHONPATH": f"{PROJECT / 'platform'}{os.pathsep}{PROJECT}",
        }
        added |= secrets_for((name for name in NAMES if not getattr(self._env, name.lower())), data_dir)
        if self._env.database_url is None:
            postgres = EmbeddedPostgres(data_dir / "postgres")
            with self._step("Starting PostgreSQL"):
                self._supervisor.start(postgres)
                urls = prepare_roles(postgres.superuser_url)
            added |= {"DATABASE_URL": urls.app, "ACROSS_DATABASE_URL": urls.across}
        if self._env.redis_url is None:
            valkey = EmbeddedValkey(data_dir / "valkey")
            with self._step("Starting Valkey"):
                self._supervisor.start(valkey)
            added["REDIS_URL"] = valkey.url
        if "antiphon_drain_seconds" not in self._env.model_fields_set:
            added["ANTIPHON_DRAIN_SECONDS"] = str(_DRAIN_SECONDS)
        return without_files(os.environ, added) | added

    def _web_programs(self, child_env: Mapping[str, str]) -> list[Program]:
        count = self._env.antiphon_web_processes
        names = ["The web process"] if count == 1 else [f"Web process {n + 1}" for n in range(count)]
        command = [sys.executable, "-m", "antiphon.config.serve"]
        grace = float(child_env.get("ANTIPHON_DRAIN_SECONDS") or self._env.antiphon_drain_seconds) + 8
        return [Program(name, command, env=child_env, cwd=PROJECT, grace=grace) for name in names]

    def _worker_program(self, child_env: Mapping[str, str], data_dir: Path) -> Program:
        command = worker_command(data_dir / "beat-schedule")
        return Program("The worker", command, env=child_env, cwd=PROJECT, grace=10)

    def _manage(self, child_env: Mapping[str, str], *arguments: str) -> str:
        """Run a command of manage.py and return what it prints. Raises StartError."""
        with tempfile.TemporaryFile() as output:
            command = GuardedProcess(
                [sys.executable, PROJECT / "manage.py", *arguments],
                stop_signal=signal.SIGTERM,
                grace=5,
                env=child_env,
                cwd=PROJECT,
                stdout=output,
            )
            try:
                code = command.wait()
            finally:
                command.stop()
            output.seek(0)
            text = output.read().decode(errors="replace")
        if code != 0:
            raise StartError(
                f"\n{text}`manage.py {arguments[0]}` {describe_exit(code)}: its output is above."
            )
        return text

    def _wait_until_healthy(self) -> None:
        host, deadline = _reachable(self._env.host), time.monotonic() + _READY_SECONDS
        # Django answers only to names that it is allowed: any one of them does.
        allowed = next((name.lstrip(".") for name in self._env.allowed_hosts if name != "*"), "localhost")
        while not is_healthy(host, self._env.port, allowed):
            ended = self._supervisor.first_that_ended()
            if ended is not None:
                raise StartError(f"\n{ended}: its output is above.")
            if time.monotonic() > deadline:
                raise StartError(f"\nThe web process did not answer within {_READY_SECONDS:g} s.")
            time.sleep(0.05)

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        self._write(f"{what} ... ")
        began = time.monotonic()
        yield
        self._write(f"{time.monotonic() - began:.1f} s\n")


def worker_command(schedule: Path) -> list[str]:
    """One Celery worker, with the scheduler as a child of its own: a second program would load everything a second
    time. `schedule` is the scheduler's file."""
    return [
        *(sys.executable, "-W", "ignore:You're running the worker with superuser"),
        *("-m", "celery", "--quiet", "--app", "antiphon.config", "worker", "--loglevel", "WARNING"),
        *("--pool", "threads", "--concurrency", str(_WORKER_THREADS)),
        *("--beat", "--schedule", str(schedule)),
    ]


def check_port(host: str, port: int, *, patience: float = 0.0) -> None:
    """Raise StartError unless we can listen there; wait up to `patience` seconds for it to become free."""
    deadline = time.monotonic() + patience
    while True:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise StartError(
                    f"Cannot listen on {host}:{port} ({error.strerror}): choose others with HOST and PORT."
                ) from None
            if time.monotonic() >= deadline:
                raise StartError(
                    f"Port {port} on {host} is in use: stop the program that uses it, or choose another "
                    "with PORT."
                ) from None
            time.sleep(0.05)


def is_healthy(host: str, port: int, host_header: str) -> bool:
    """Whether a web process there answers 200 at /healthz."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": host_header})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def without_files(environment: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """The environment less each NAME_FILE whose NAME is given another way."""
    return {name: value for name, value in environment.items() if name.removesuffix("_FILE") not in names}


def _reachable(host: str) -> str:
    """Where to reach what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
