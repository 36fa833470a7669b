"""Commands beside a running platform: they find its database by the data folder they share."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.platform_fixture import PROJECT

_ONE_BY_ONE = """
import json, sys, manage
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["manage.py", *arguments]
    manage.main()
"""


def manage(data_dir: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """`typed` is what it reads from its standard input."""
    return _run(data_dir, str(PROJECT / "manage.py"), *arguments, typed=typed)


def manage_all(
    data_dir: Path, commands: Sequence[Sequence[str]], typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Several commands in one process, since it takes seconds to start one."""
    return _run(data_dir, "-c", _ONE_BY_ONE, json.dumps(commands), typed=typed)


def _run(data_dir: Path, *arguments: str, typed: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_URL_FILE"))}
    env.pop("DJANGO_SETTINGS_MODULE", None)
    env["ANTIPHON_DATA_DIR"] = str(data_dir)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=env,
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
