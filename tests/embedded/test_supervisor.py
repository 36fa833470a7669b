"""The supervisor: order, crashes, and the words about them."""

import sys
from pathlib import Path

import psutil
import pytest

from antiphon.embedded.process import StartError
from antiphon.embedded.supervisor import Program, Supervisor, describe_exit
from tests.embedded.processes import kill, wait_until


class Recorded:
    """A server that writes down what happens to it, and ends or refuses to start when told to."""

    def __init__(self, name: str, story: list[str], *, ends_with: int | None = None) -> None:
        self.name = name
        self.story = story
        self.code = ends_with
        self.refuses: StartError | None = None

    def start(self) -> None:
        self.story.append(f"start {self.name}")
        if self.refuses is not None:
            raise self.refuses

    def poll(self) -> int | None:
        return self.code

    def ask_to_stop(self) -> None:
        self.story.append(f"ask {self.name}")

    def stop(self) -> None:
        self.story.append(f"stop {self.name}")


class EndOfTest(Exception):
    """Ends `watch`, as a signal does."""


def watch(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, *, seconds: int) -> None:
    """Let `seconds` pass on a clock that the supervisor's own naps move."""
    clock = [1000.0]

    def nap(_seconds: float) -> None:
        clock[0] += 1
        if clock[0] > 1000 + seconds:
            raise EndOfTest

    monkeypatch.setattr("antiphon.embedded.supervisor.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("antiphon.embedded.supervisor.time.sleep", nap)
    with pytest.raises(EndOfTest):
        supervisor.watch()


def test_it_works() -> None:
    story: list[str] = []
    supervisor = Supervisor(story.append)
    supervisor.start(Recorded("database", story))
    supervisor.start(Recorded("web 1", story), Recorded("web 2", story))
    supervisor.stop()
    assert story == [
        *("start database", "start web 1", "start web 2"),
        *("ask web 1", "ask web 2", "stop web 1", "stop web 2"),
        *("ask database", "stop database"),
    ]


def test_what_was_started_is_stopped_after_a_start_that_failed() -> None:
    story: list[str] = []
    supervisor = Supervisor(story.append)
    broken = Recorded("broken", story)
    broken.refuses = StartError("It does not work.")
    with pytest.raises(StartError):
        supervisor.start(Recorded("fine", story), broken)
    supervisor.stop()
    assert "stop fine" in story


def test_a_crash_is_reported_and_followed_by_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    supervisor = Supervisor(lines.append)
    server = Recorded("The worker", [], ends_with=137)
    supervisor.start(server)
    original = server.start

    def start_well() -> None:
        original()
        server.code = None

    monkeypatch.setattr(server, "start", start_well)
    watch(supervisor, monkeypatch, seconds=5)
    assert lines == [
        "The worker was ended by SIGKILL; it will be started again in 1 s.",
        "The worker was started again.",
    ]


def test_a_server_that_keeps_crashing_is_started_more_and_more_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    supervisor = Supervisor(lines.append)
    supervisor.start(Recorded("The worker", [], ends_with=1))
    watch(supervisor, monkeypatch, seconds=150)
    delays = [line.split(" in ")[1] for line in lines if "will be" in line]
    assert delays[:7] == ["1 s.", "2 s.", "4 s.", "8 s.", "16 s.", "30 s.", "30 s."]


def test_a_server_that_cannot_be_started_again_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    supervisor = Supervisor(lines.append)
    server = Recorded("Valkey", [], ends_with=1)
    supervisor.start(server)
    server.refuses = StartError("Valkey did not start: no space left")
    watch(supervisor, monkeypatch, seconds=5)
    assert lines[1] == "Valkey did not start: no space left; it will be started again in 2 s."


def test_a_program_that_was_killed_runs_again_and_is_gone_after_stop(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"import os, time\nopen({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')\ntime.sleep(600)"

    def running() -> list[int]:
        return [int(pid) for pid in pids.read_text().split()] if pids.exists() else []

    def report(line: str) -> None:
        if line == "The program was started again.":
            raise EndOfTest

    supervisor = Supervisor(report)
    supervisor.start(Program("The program", [sys.executable, "-c", code], env={}, cwd=tmp_path, grace=5))
    wait_until(running)
    kill(psutil.Process(running()[0]))
    with pytest.raises(EndOfTest):
        supervisor.watch()
    wait_until(lambda: len(running()) == 2)
    supervisor.stop()
    assert not psutil.pid_exists(running()[1])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended by itself with exit code 0"),
        (1, "ended by itself with exit code 1"),
        (137, "was ended by SIGKILL"),
        (255, "ended by itself with exit code 255"),
    ],
)
def test_an_exit_code_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
