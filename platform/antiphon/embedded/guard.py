"""A tiny parent for one server process, so that the server cannot outlive whoever asked for it.

Run by path with `python -I -S` (nothing but the standard library, about 10 MB):

    guard.py LIFELINE STOP_SIGNAL GRACE IDENTITY COMMAND...

LIFELINE is the read end of a pipe that only the asker holds open. When it closes, by `close()` or because
the asker was killed, the command gets STOP_SIGNAL and, GRACE seconds later, SIGKILL. The guard being killed
is covered too: the kernel then sends STOP_SIGNAL to the command (PR_SET_PDEATHSIG follows the forking thread,
and the guard has only one).

IDENTITY says who the command runs as: `self`, `user:UID:GID`, or `namespace:UID:GID`, which keeps our access
to files but shows the command those ids, without any privilege (user_namespaces(7)).

The guard exits as the command did (128 + signal number if a signal ended it), and kills what the command may
have left behind in its process group.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
CLONE_NEWUSER = 0x10000000  # <linux/sched.h>
OURS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def enter_namespace(uid: int, gid: int) -> None:
    """Make a user namespace of our own in which we are `uid` and `gid`. Raises OSError where forbidden."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in (
        ("setgroups", "deny"),  # the kernel wants this before an unprivileged gid_map
        ("uid_map", f"{uid} {outer_uid} 1"),
        ("gid_map", f"{gid} {outer_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def become(identity: str) -> None:
    kind, _, ids = identity.partition(":")
    if kind == "self":
        return
    uid, gid = map(int, ids.split(":"))
    if kind == "namespace":
        enter_namespace(uid, gid)
    else:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def run_command(command: list[str], identity: str, stop_signal: int, guard: int) -> None:
    """In the forked child: turn into the command."""
    os.setpgid(0, 0)
    become(identity)
    # Last, because a change of credentials clears it.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, stop_signal)
    if os.getppid() != guard:  # killed in between
        os._exit(1)
    for number in (*OURS, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)
    os.execv(command[0], command)


def main(lifeline: int, stop_signal: int, grace: float, identity: str, command: list[str]) -> int:
    os.setsid()  # Ctrl-C in the terminal is for the asker alone, who stops us in order
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in OURS:
        signal.signal(number, lambda *_: None)

    guard = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, OURS)  # until the command no longer has our handlers
    child = os.fork()
    if child == 0:
        try:
            os.close(lifeline)
            run_command(command, identity, stop_signal, guard)
        except OSError as error:
            sys.stderr.write(f"cannot start {command[0]}: {error}\n")
            sys.stderr.flush()
        os._exit(127)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)

    deadline: float | None = None
    killed = False
    poll = select.poll()
    poll.register(awake, select.POLLIN)
    poll.register(lifeline, select.POLLIN)
    while True:
        wait: float | None = None
        if deadline is not None and not killed:
            wait = max(0.0, deadline - time.monotonic()) * 1000 + 1
        ready = {descriptor for descriptor, _ in poll.poll(wait)}
        signals = os.read(awake, 64) if awake in ready else b""
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if deadline is None and (lifeline in ready or set(signals) - {signal.SIGCHLD}):
            poll.unregister(lifeline)
            os.kill(child, stop_signal)
            deadline = time.monotonic() + grace
        elif deadline is not None and not killed and time.monotonic() >= deadline:
            os.kill(child, signal.SIGKILL)
            killed = True


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], sys.argv[5:]))
