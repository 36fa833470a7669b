"""Installing the model packages one by one, when one of them has gone."""

import importlib.util
from types import ModuleType

import pytest

from tests.embedded.processes import PLATFORM


@pytest.fixture
def install_models() -> ModuleType:
    path = PLATFORM.parent / "deploy/requirements/install_models.py"
    spec = importlib.util.spec_from_file_location("install_models", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_package_keeps_its_own_hashes(install_models: ModuleType) -> None:
    lock = (
        "# made by make lock\n"
        "alpha==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via -r models.in\n"
        "beta-data==2.0.1 \\\n    --hash=sha256:cc\n"
    )
    assert install_models.split_lock(lock) == {
        "alpha==1.0": "alpha==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n",
        "beta-data==2.0.1": "beta-data==2.0.1 \\\n    --hash=sha256:cc\n",
    }


def test_every_package_of_the_real_lock_is_found(install_models: ModuleType) -> None:
    wanted = install_models.LOCK.with_suffix(".in").read_text().split()
    assert sorted(install_models.split_lock(install_models.LOCK.read_text())) == sorted(wanted)
