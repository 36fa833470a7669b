"""Valkey for threads. While it does not answer, one thread a second tries, and the others don't wait for it."""

import threading
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import redis
import structlog
from redis.commands.core import Script
from redis.exceptions import RedisError

from apps.limits.store import PATIENCE, Unreachable

_AGAIN = 1.0  # seconds after which a Valkey that was away is asked again

log = structlog.get_logger(__name__)


class ThreadStore:
    def __init__(self, url: str) -> None:
        self._redis = redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
        self._scripts: dict[str, Script] = {}
        self._lock = threading.Lock()
        self._ask_from: float | None = None  # while it is away

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Raises Unreachable."""
        if not self._may_ask():
            raise Unreachable
        found = self._scripts.get(script)
        if found is None:
            found = self._scripts[script] = self._redis.register_script(script)
        try:
            answer = found(keys=list(keys), args=list(arguments))
        except (RedisError, OSError) as error:
            self._ask_from = time.monotonic() + _AGAIN
            log.warning("limits_not_shared", error=f"{type(error).__name__}: {error}")
            raise Unreachable from None
        self._ask_from = None
        return answer

    def _may_ask(self) -> bool:
        with self._lock:
            if self._ask_from is None:
                return True
            now = time.monotonic()
            if now < self._ask_from:
                return False
            self._ask_from = now + _AGAIN
            return True


@cache
def thread_store(url: str) -> ThreadStore:
    return ThreadStore(url)
