"""Commands beside a running platform: they find its database by the data folder they share."""

import os
import subprocess
import sys
from pathlib import Path

from tests.platform_fixture import PROJECT


def manage(data_dir: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """`typed` is what it reads from its standard input."""
    env = {name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_URL_FILE"))}
    env.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, str(PROJECT / "manage.py"), *arguments]
    env["ANTIPHON_DATA_DIR"] = str(data_dir)
    return subprocess.run(
        command, env=env, input=typed, capture_output=True, text=True, timeout=120, check=False
    )
