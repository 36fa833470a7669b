"""Webhooks of an installation: one thread of all its processes sends them by HTTP until they are taken."""

import fcntl
import logging
import threading
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import TYPE_CHECKING

from apps.billing.fake.store import FileStore
from apps.billing.fake.webhooks import signed

if TYPE_CHECKING:
    from apps.billing.fake.stand_in import FakeStripe

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0
TIMEOUT = 10.0
LONGEST_WAIT = 300.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the address is our own


def post(url: str, body: bytes, signature: str) -> bool:
    """Whether the webhook took it."""
    headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with _DIRECT.open(request, timeout=TIMEOUT) as answer:
            return 200 <= int(answer.status) < 300
    except (OSError, HTTPException):
        return False


def send_due(fake: "FakeStripe", send: Callable[[bytes, str], bool], now: float) -> int:
    """Do what is due and send the events whose time has come; how many were taken. The others are tried later."""
    taken = 0
    for entry, body in fake.outbox(now):
        if send(*signed(body, fake.webhook_secret)):
            fake.delivered(entry["id"])
            taken += 1
        else:
            fake.postpone(entry["id"], now + min(LONGEST_WAIT, 2.0 ** min(entry["attempts"], 10)))
    return taken


class Sender:
    """Runs in every process; only the one that holds the lock sends, and another takes over when it is gone."""

    def __init__(self, fake: "FakeStripe", store: FileStore, url: str) -> None:
        self._fake = fake
        self._url = url
        self._lock_path = store.path.with_suffix(".sender")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fake-stripe-sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._lock_path, "a") as lock:
            while not self._stopped.is_set():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    send_due(
                        self._fake, lambda body, signature: post(self._url, body, signature), time.time()
                    )
                except BlockingIOError:
                    pass
                except Exception:
                    logger.exception("Webhooks of the stand-in for Stripe could not be sent; it goes on.")
                self._stopped.wait(LOOK_EVERY)
