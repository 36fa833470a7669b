"""Workers are killed and stand still at random points of many jobs, and the broker is killed and forgets all.
Each result is there, once.

`SURVIVAL_SECONDS`, as `make soak` sets it, has 200 jobs; `SURVIVAL_SEED` says what strikes when.
"""

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import Literal
from urllib.parse import urlsplit

import psutil
import pytest
import redis
from django.conf import settings
from django.db import connections

from antiphon.embedded.launch import worker_command
from antiphon.embedded.roles import DatabaseUrls
from antiphon.embedded.valkey import EmbeddedValkey
from apps.audit.models import AuditEvent
from apps.conversations.models import RealtimeSession
from apps.conversations.samples import samples_create
from apps.core.tenancy import across_tenants, tenant_context
from apps.jobs.models import Job, JobState
from apps.jobs.services import job_add
from apps.transcripts.models import Insights, Transcript, TurnTime
from tests.cast import Person
from tests.jobs.broker import broker_at
from tests.platform_fixture import PROJECT
from tests.soak import killed_jobs

LEASE_SECONDS = 1.0
PATIENCE = 60.0  # seconds

Strike = Literal["kill a worker", "a worker stands still", "wipe the broker", "kill the broker"]


@dataclass(frozen=True, slots=True)
class Size:
    jobs: int
    sessions: int
    kills: int
    pauses: int
    wipes: int
    broker_kills: int

    def strikes(self, random: Random) -> list[Strike]:
        found: list[Strike] = ["kill a worker"] * self.kills
        found += ["a worker stands still"] * self.pauses
        found += ["wipe the broker"] * self.wipes
        found += ["kill the broker"] * self.broker_kills
        random.shuffle(found)
        return found


SMALL = Size(jobs=12, sessions=4, kills=1, pauses=1, wipes=1, broker_kills=1)
LARGE = Size(jobs=200, sessions=100, kills=20, pauses=8, wipes=4, broker_kills=4)


class Worker:
    """As `up` starts it, with its scheduler, in a group of its own, which is killed as a whole."""

    def __init__(self, env: dict[str, str], folder: Path, number: int) -> None:
        self._env = env
        self._command = [
            *worker_command(folder / f"schedule-{number}"),
            *("--include", killed_jobs.__name__, "--hostname", f"worker{number}"),
        ]
        self._log = folder / f"worker-{number}.log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, cwd=PROJECT, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def start_again_if_it_ended(self) -> None:
        """As its supervisor does: Celery's worker may end when it loses its broker."""
        if self._process.poll() is not None:
            self.kill()  # what it left of its group
            self.start()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        process = psutil.Process(self.pid)
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text()


class Trial:
    """Jobs, two workers and what befalls them."""

    def __init__(self, random: Random, valkey: EmbeddedValkey, home: Path, workers: list[Worker]) -> None:
        self.struck: Counter[Strike] = Counter()
        self._random = random
        self._valkey = valkey
        self._home = home
        self._workers = workers

    def strike(self, what: Strike, done: int) -> None:
        """Once so many jobs are done, while a worker is at others."""
        worker, jobs = self._one_at_work(done)
        match what:
            case "kill a worker":
                worker.kill()
                worker.start()
            case "a worker stands still":  # for so long that its jobs are taken from it
                with worker.standing_still():
                    self._wait(lambda: not jobs & jobs_of(worker))
            case "wipe the broker":
                with redis.Redis.from_url(self._valkey.url) as client:
                    client.flushall()
            case "kill the broker":
                self._kill_broker()
        self.struck[what] += 1

    def wait_until_all_is_done(self) -> None:
        self._wait(lambda: set(counted()[0]) == {JobState.DONE})

    def _one_at_work(self, done: int) -> tuple[Worker, set[uuid.UUID]]:
        """A worker, and the jobs it is at."""
        found: list[tuple[Worker, set[uuid.UUID]]] = []

        def find() -> bool:
            if counted()[0][JobState.DONE] < done:
                return False
            found.extend((worker, jobs) for worker in self._workers if (jobs := jobs_of(worker)))
            return bool(found)

        self._wait(find)
        return self._random.choice(found)

    def _wait(self, come: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not come():
            logs = "\n".join(worker.log for worker in self._workers)
            assert time.monotonic() < deadline, f"{counted()[0]}\n{logs}"
            for worker in self._workers:
                worker.start_again_if_it_ended()
            time.sleep(0.05)

    def _kill_broker(self) -> None:
        """It comes back without what it knew."""
        guard = self._valkey.poll
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "valkey-server" in process.name() and str(self._home) in " ".join(process.cmdline()):
                    process.kill()
        while guard() is None:
            time.sleep(0.02)
        shutil.rmtree(self._home / "appendonlydir", ignore_errors=True)
        self._valkey.start()


def worker_environment(urls: DatabaseUrls, redis_url: str, folder: Path) -> dict[str, str]:
    def of_tests(url: str) -> str:
        return urlsplit(url)._replace(path="/" + str(connections["default"].settings_dict["NAME"])).geturl()

    return {
        **{name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_URL_FILE"))},
        "PYTHONPATH": f"{PROJECT / 'platform'}{os.pathsep}{PROJECT}",
        "DJANGO_SETTINGS_MODULE": "antiphon.config.settings.base",
        "DATABASE_URL": of_tests(urls.app),
        "ACROSS_DATABASE_URL": of_tests(urls.across),
        "REDIS_URL": redis_url,
        "SECRET_KEY": settings.SECRET_KEY,
        "ENCRYPTION_KEYS": f"1:{bytes(32).hex()}",
        "API_KEY_PEPPERS": f"1:{bytes(32).hex()}",
        "ANTIPHON_DATA_DIR": str(folder),
        "ANTIPHON_LEASE_SECONDS": str(LEASE_SECONDS),
        killed_jobs.PARENT: str(os.getpid()),
    }


def counted() -> tuple[Counter[str], Counter[str]]:
    """Jobs by state, and how often each has left its result."""
    with across_tenants(reason="a test", whole_process=True):
        jobs = Counter(Job.objects.values_list("state", flat=True))
        results = AuditEvent.objects.filter(action=killed_jobs.DONE).values_list("target_label", flat=True)
        return jobs, Counter(results)


def runs() -> int:
    with across_tenants(reason="a test", whole_process=True):
        return sum(Job.objects.values_list("attempts", flat=True))


def jobs_there() -> int:
    with across_tenants(reason="a test", whole_process=True):
        return Job.objects.count()


def add_sessions(person: Person, count: int) -> None:
    """That are over, with their logs, of which transcripts are to be made."""
    with tenant_context(person.tenant.id):
        samples_create(sessions=count, days=1, with_events=count, with_usage=0)
        for session in RealtimeSession.objects.all():
            job_add(kind="session.transcript", key=str(session.id), session_id=session.session_id)


def make_transcripts_again(person: Person) -> None:
    with tenant_context(person.tenant.id):
        for session in RealtimeSession.objects.all():
            job_add(kind="session.transcript", key=str(session.id), again=True)


def transcripts(person: Person) -> list[tuple[object, ...]]:
    with tenant_context(person.tenant.id):
        return list(Transcript.objects.order_by("session_id").values_list("session_id", "entries"))


def insights(person: Person) -> list[tuple[object, ...]]:
    with tenant_context(person.tenant.id):
        found = Insights.objects.order_by("session_id")
        return list(found.values_list("session_id", "summary", "outcome", "sentiment"))


def times_of_turns(person: Person) -> list[tuple[object, ...]]:
    with tenant_context(person.tenant.id):
        found = TurnTime.objects.order_by("session_id", "number")
        return list(found.values_list("session_id", "number"))


def jobs_of(worker: Worker) -> set[uuid.UUID]:
    """Those that it is at, as their note says."""
    with across_tenants(reason="a test", whole_process=True):
        running = Job.objects.filter(state=JobState.RUNNING, note=f"by {worker.pid}")
        return set(running.values_list("id", flat=True))


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_each_job_is_done_once_whatever_happens_to_workers_and_broker(
    alice: Person, mallory: Person, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    size = LARGE if float(os.environ.get("SURVIVAL_SECONDS", 0)) else SMALL
    seed = int(os.environ.get("SURVIVAL_SEED", SystemRandom().randrange(10**6)))
    print(f"seed {seed}")  # noqa: T201
    random = Random(seed)
    names = [f"job {number}" for number in range(size.jobs)]
    with ExitStack() as stack:
        valkey = EmbeddedValkey(tmp_path / "valkey")
        valkey.start()
        stack.callback(valkey.stop)
        env = worker_environment(database_urls, valkey.url, tmp_path)
        workers = [Worker(env, tmp_path, number) for number in range(2)]
        for worker in workers:
            stack.callback(worker.kill)
        with broker_at(valkey.url):
            for person in (alice, mallory):
                add_sessions(person, size.sessions // 2)
            for name in names:
                with tenant_context(random.choice([alice, mallory]).tenant.id):
                    kind = killed_jobs.LONG if random.random() < 0.2 else killed_jobs.SHORT
                    job_add(kind=kind, key=name)
        trial = Trial(random, valkey, tmp_path / "valkey", workers)
        strikes = size.strikes(random)
        moments = sorted(random.randrange(size.jobs * 2 // 3) for _ in strikes)
        for moment, strike in zip(moments, strikes, strict=True):
            trial.strike(strike, moment)
        trial.wait_until_all_is_done()
    _, results = counted()
    assert results == dict.fromkeys(names, 1)
    for person in (alice, mallory):
        assert len(transcripts(person)) == size.sessions // 2
        assert insights(person)
        made = transcripts(person), insights(person), times_of_turns(person)
        make_transcripts_again(person)
        assert made == (transcripts(person), insights(person), times_of_turns(person))
    print(f"struck: {dict(trial.struck)}; {runs() - jobs_there()} of the runs came to nothing")  # noqa: T201
    assert runs() > jobs_there()
