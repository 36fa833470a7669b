"""The secrets of an installation that brings none: made once and kept in its data folder."""

import json
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

_MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(48),
    "API_KEY_PEPPERS": lambda: f"1:{secrets.token_hex(32)}",
    "ENCRYPTION_KEYS": lambda: f"1:{secrets.token_hex(32)}",
}
NAMES = tuple(_MAKERS)


def secrets_for(names: Iterable[str], data_dir: Path) -> dict[str, str]:
    """The named secrets from `data_dir/secrets.json` (0600), each made when first asked for."""
    path = data_dir / "secrets.json"
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    wanted = tuple(names)
    missing = {name: _MAKERS[name]() for name in wanted if name not in kept}
    if missing:
        kept |= missing
        replace_private(path, json.dumps(kept, indent=2) + "\n")
    return {name: kept[name] for name in wanted}


def replace_private(path: Path, text: str) -> None:
    """Write the whole file (0600) or leave the old one."""
    unfinished = path.with_name(path.name + ".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
