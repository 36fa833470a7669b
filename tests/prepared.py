"""A database as `up` makes it at its first start: made once, and copied for each server that tests start."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def copy_prepared(cache: Path, data_dir: Path) -> None:
    """Put a database with all tables and no rows into `data_dir`, from where `EmbeddedPostgres` and `up` go on.

    It is kept in `cache`, for other processes and later runs as well, until any line of our code changes.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepared = cache / _state_of_the_code()
        if not prepared.exists():
            for old in cache.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            unfinished = cache / "unfinished"
            _prepare(unfinished)
            unfinished.rename(prepared)
        # Where root may not use user namespaces, the data lies elsewhere: then each server makes its own.
        if (prepared / "postgres" / "data").exists():
            shutil.copytree(prepared / "postgres" / "data", data_dir / "postgres" / "data")
            (data_dir / "postgres").chmod(0o700)


def _state_of_the_code() -> str:
    """What migrations do depends on what they import, and that on everything."""
    digest = hashlib.sha256()
    for folder, pattern in (("apps", "*.py"), ("platform", "*.py"), ("deploy/requirements", "*.txt")):
        for path in sorted((PROJECT / folder).rglob(pattern)):
            if "node_modules" not in path.parts:
                digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _prepare(data_dir: Path) -> None:
    from antiphon.embedded.postgres import EmbeddedPostgres
    from antiphon.embedded.roles import prepare_roles

    server = EmbeddedPostgres(data_dir / "postgres", durable=False)
    server.start()
    try:
        urls = prepare_roles(server.superuser_url)
        env = {
            **{name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_URL_FILE"))},
            "DJANGO_SETTINGS_MODULE": "antiphon.config.settings.test",
            "DATABASE_URL": urls.app,
            "ACROSS_DATABASE_URL": urls.across,
        }
        command = [sys.executable, str(PROJECT / "manage.py"), "migrate", "--skip-checks", "--verbosity=0"]
        subprocess.run(command, env=env, check=True)
    finally:
        server.stop()
