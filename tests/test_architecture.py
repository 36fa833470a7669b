"""Rules about the tree itself."""

import ast
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


def test_platform_is_a_source_root_and_the_standard_librarys_module_is_still_there() -> None:
    assert not (PROJECT / "platform" / "__init__.py").exists(), "it would shadow Python's own `platform`"
    assert Path(platform.__file__).parent == STANDARD_LIBRARY


def test_the_engine_can_be_imported_without_the_web_framework() -> None:
    modules = "antiphon.engine.session, antiphon.transports.websocket, antiphon.providers.registry"
    code = f"import sys, {modules}; print([m for m in ('django', 'channels', 'celery') if m in sys.modules])"
    run = [sys.executable, "-c", code]
    printed = subprocess.run(run, cwd=PROJECT / "platform", capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


def test_the_import_contracts_are_kept() -> None:
    run = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    env = {"PYTHONPATH": f"{PROJECT / 'platform'}:{PROJECT}", "PATH": "/usr/bin:/bin"}
    printed = subprocess.run(
        [*run, "--no-cache"], cwd=PROJECT, env=env, capture_output=True, text=True, check=False
    )
    assert printed.returncode == 0, printed.stdout + printed.stderr


def test_what_the_product_imports_is_installed_without_what_tests_need() -> None:
    lock = (PROJECT / "deploy/requirements/base.txt").read_text()
    locked = {name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    providers = packages_distributions()
    imported = {module for folder in ("apps", "platform") for module in imports_below(PROJECT / folder)}
    foreign = imported - sys.stdlib_module_names - {"apps", "antiphon"}
    missing = {
        module
        for module in foreign
        if not {name.lower().replace("_", "-") for name in providers.get(module, [])} & locked
    }
    assert not missing


def imports_below(folder: Path) -> Iterator[str]:
    """The first parts of the names of all modules that are imported."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module.split(".")[0]
