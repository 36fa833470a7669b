"""Where other commands find the servers, the secrets and the outbound rules of a running `manage.py up`."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from antiphon.embedded.secrets_file import replace_private

_FILE = "running.json"


def announce(data_dir: Path, variables: Mapping[str, str]) -> None:
    """Tells commands that use the same data folder (0600) what to add to their environment."""
    replace_private(data_dir / _FILE, json.dumps(dict(variables), indent=2) + "\n")


def withdraw(data_dir: Path) -> None:
    (data_dir / _FILE).unlink(missing_ok=True)


def running_environment(data_dir: Path) -> dict[str, str]:
    """What a running `up` announced; empty if none runs there or it belongs to somebody else."""
    try:
        announced: dict[str, str] = json.loads((data_dir / _FILE).read_text())
        descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return announced
    finally:
        os.close(descriptor)
    return {}  # its lock is free: it was killed, and what it announced is gone
