"""Requests on their way, and what comes back."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.utils import timezone

from antiphon.outbound.http import OutboundHttp, OutboundTimeout, Redirected
from antiphon.outbound.policy import OutboundError
from apps.core.outbound import outbound_policy
from apps.webhooks.messages import Request
from apps.webhooks.schedule import asked_wait

KEPT_BYTES = 4096  # of an answer's body
GONE = 410
_LOOKUPS_AT_ONCE = 200

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request. `status` is None if there was no answer, `error` a sentence unless it got through;
    `asked` is how long the receiver wants to be left alone."""

    duration_ms: int
    status: int | None = None
    body: str = ""
    error: str = ""
    asked: timedelta | None = None


Post = Callable[[Request], "Future[Outcome]"]


@contextmanager
def poster() -> Iterator[Post]:
    """Sends requests from a thread that lives as long as the block."""
    loop = asyncio.new_event_loop()
    # Names are looked up in threads: with the usual few, those that nobody answers for would hold up all others.
    lookups = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="webhooks")
    loop.set_default_executor(lookups)
    http = OutboundHttp(outbound_policy())
    thread = threading.Thread(target=loop.run_forever, name="webhooks", daemon=True)
    thread.start()
    try:
        yield lambda request: asyncio.run_coroutine_threadsafe(_post(http, request), loop)
    finally:
        asyncio.run_coroutine_threadsafe(http.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        lookups.shutdown(wait=False)
        loop.close()


async def _post(http: OutboundHttp, request: Request) -> Outcome:
    began = time.monotonic()

    def done(status: int | None, error: str = "", body: str = "", asked: timedelta | None = None) -> Outcome:
        return Outcome(round((time.monotonic() - began) * 1000), status, body, error[:500], asked)

    status: int | None = None
    try:
        async with http.request(
            "POST",
            request.url,
            headers=request.headers,
            body=request.body,
            timeout=settings.WEBHOOK_TIMEOUT_SECONDS,
            max_body=KEPT_BYTES * 1000,  # more than one read can bring: what is too much is left unread
        ) as answer:
            status = answer.status
            body = b""
            async for chunk in answer.chunks():
                body += chunk
                if len(body) >= KEPT_BYTES:
                    break
            text = body[:KEPT_BYTES].decode(errors="replace").replace("\0", "\ufffd")
            asked = asked_wait(answer.headers, timezone.now())
            return done(status, _error(answer.host, status), text, asked)
    except Redirected as redirected:
        return done(redirected.status, str(redirected))
    except OutboundTimeout as error:
        return done(status, f"{error} Answer at once, and do the work afterwards.")
    except OutboundError as error:
        return done(status, str(error))
    except Exception as error:  # one request's surprise is no reason to lose the others
        log.exception("webhook_not_posted", error_type=type(error).__name__)
        return done(status, "It could not be sent, by an error of ours.")


def _error(host: str, status: int) -> str:
    if 200 <= status < 300:
        return ""
    if status == GONE:
        return f"{host} answered that the address is gone (status 410)."
    return f"{host} answered with the status {status}: only one from 200 to 299 is a receipt."
