"""The guard: whatever ends the asker ends the command."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from antiphon.embedded.process import GuardedProcess
from tests.embedded.processes import assert_gone, family_of, kill, parent_running, wait_until

START_SLEEP = """
import signal
from antiphon.embedded.process import GuardedProcess
process = GuardedProcess(["/bin/sleep", "600"], stop_signal=signal.SIGTERM, grace=5)
import psutil
while not any(one.name() == "sleep" for one in psutil.Process().children(recursive=True)):
    time.sleep(0.01)
"""


def run(*command: str, grace: float = 5, **options: object) -> GuardedProcess:
    return GuardedProcess(command, stop_signal=signal.SIGTERM, grace=grace, **options)  # type: ignore[arg-type]


def test_it_works(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file:
        code = run("/bin/echo", "hello", stdout=file).wait()
    assert (code, out.read_text()) == (0, "hello\n")


def test_the_exit_code_is_the_commands() -> None:
    assert run("/bin/sh", "-c", "exit 7").wait() == 7


def test_a_command_ended_by_a_signal_exits_with_128_and_its_number() -> None:
    assert run("/bin/sh", "-c", "kill -9 $$").wait() == 128 + 9


def test_a_command_that_does_not_exist_exits_with_127(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        assert run("/nonexistent", stderr=file).wait() == 127
    assert "cannot start /nonexistent" in log.read_text()


def test_stop_sends_the_stop_signal() -> None:
    process = run("/bin/sleep", "600")
    assert process.poll() is None
    assert process.stop() == 128 + signal.SIGTERM


def test_a_command_that_ignores_the_stop_signal_is_killed_after_the_grace(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    process = run("/bin/sh", "-c", f"trap '' TERM; touch {ready}; while :; do sleep 0.05; done", grace=0.2)
    wait_until(ready.exists)
    assert process.stop() == 128 + signal.SIGKILL


def test_what_a_command_leaves_in_its_process_group_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {pid_file}"
    assert run("/bin/sh", "-c", script).wait() == 0
    wait_until(lambda: not psutil.pid_exists(int(pid_file.read_text())))


def test_killing_the_asker_ends_the_command() -> None:
    with parent_running(START_SLEEP) as parent:
        family = family_of(parent)
        assert {one.name() for one in family} >= {"sleep"}
        kill(parent)
        assert_gone(family)


def test_killing_the_guard_ends_the_command() -> None:
    with parent_running(START_SLEEP) as parent:
        guard = parent.children()[0]
        commands = family_of(guard)
        kill(guard)
        assert_gone(commands)


def test_ctrl_c_in_the_terminal_reaches_only_the_asker() -> None:
    with parent_running(START_SLEEP) as parent:
        groups = {os.getpgid(one.pid) for one in family_of(parent)}
        assert os.getpgid(parent.pid) not in groups


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to be somebody else")
@pytest.mark.parametrize("kind", ["namespace", "user"])
def test_root_can_run_a_command_as_somebody_else(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file:
        code = run("/usr/bin/id", "-u", identity=f"{kind}:65534:65534", stdout=file).wait()
    assert (code, out.read_text()) == (0, "65534\n")


def test_the_guard_needs_nothing_but_the_standard_library() -> None:
    guard = Path(sys.modules[GuardedProcess.__module__].__file__ or "").with_name("guard.py")
    assert "antiphon" not in guard.read_text()
