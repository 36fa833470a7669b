"""Settings of the tests. `tests/conftest.py` says where the servers are once a test needs them."""

import os
import tempfile
from pathlib import Path

from antiphon.config.settings.base import *  # noqa: F403
from antiphon.config.settings.base import DATABASES, STORAGES

for _settings in DATABASES.values():
    _settings["OPTIONS"].pop("pool", None)  # else a pool would hold the test database when it is dropped
    _settings["TEST"] = {"NAME": "test_antiphon"}

DATA_DIR = Path(tempfile.gettempdir()) / f"antiphon-tests-{os.getpid()}"  # made only if something is kept
SECRET_KEY = "only for tests, where nothing needs to stay secret"
API_KEY_PEPPERS = {1: bytes(32)}
ENCRYPTION_KEYS = {1: bytes(32)}
ALLOWED_HOSTS = ["*"]
_spool = tempfile.TemporaryDirectory(prefix="antiphon-spool-")  # removed when the tests end
USAGE_SPOOL = Path(_spool.name) / "usage"
RECORDINGS_SPOOL = Path(_spool.name) / "recordings"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = True
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# A file is found when it is asked for: else every client would look for all of them first.
WHITENOISE_AUTOREFRESH = True
_files = tempfile.TemporaryDirectory(prefix="antiphon-files-")
STORAGES["tenants"]["OPTIONS"]["location"] = Path(_files.name)
