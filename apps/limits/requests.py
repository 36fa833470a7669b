"""How often a key may call by REST: GCRA in Valkey, and in this process alone while that is away."""

import math
import threading
import time
from dataclasses import dataclass

from django.conf import settings

from apps.keys.authentication import KeyGrant
from apps.limits import scripts
from apps.limits.blocking import thread_store
from apps.limits.meters import Rate, Taken, process_share, take
from apps.limits.selectors import recent_limits_of
from apps.limits.store import Unreachable, requests_of, take_arguments, taken

_MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a key's `limit` requests a minute, and the seconds until there are as many again."""

    limit: int
    remaining: int
    reset_seconds: float

    @property
    def headers(self) -> dict[str, str]:
        """As OpenAI's API tells it."""
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(self.remaining),
            "x-ratelimit-reset-requests": f"{self.reset_seconds:.3f}s",
        }


class TooManyRequests(Exception):
    """The message says what to do; `headers` belong into the response, whose status is 429."""

    def __init__(self, allowance: Allowance, wait: float) -> None:
        seconds = max(1, math.ceil(wait))
        super().__init__(
            f"This API key made more than {allowance.limit} requests in a minute: wait {seconds} s, or ask for a "
            "higher limit on the page Limits."
        )
        self.headers = {**allowance.headers, "retry-after": str(seconds)}


def request_take(grant: KeyGrant) -> Allowance:
    """Counts one request of the grant's key. Raises TooManyRequests."""
    tenant, key = str(grant.tenant_id), str(grant.key_id)
    rate = Rate(recent_limits_of(grant.tenant_id).requests_per_minute, seconds=60)
    answer = _take(requests_of(tenant, key), rate)
    allowance = Allowance(answer.limit, answer.remaining, answer.reset)
    if not answer.granted:
        raise TooManyRequests(allowance, answer.wait)
    return allowance


class _Alone:
    """The buckets that this process has by itself, for all its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._full_at: dict[str, float] = {}

    def take(self, name: str, rate: Rate) -> Taken:
        share = Rate(process_share(rate.limit, settings.WEB_PROCESSES), rate.seconds)
        now = time.monotonic()
        with self._lock:
            if len(self._full_at) > _MOST_BUCKETS:
                self._full_at = {known: full_at for known, full_at in self._full_at.items() if full_at > now}
            answer, self._full_at[name] = take(share, self._full_at.get(name, now), 1, now)
        return answer


_alone = _Alone()


def _take(name: str, rate: Rate) -> Taken:
    try:
        return taken(thread_store(settings.REDIS_URL).run(scripts.TAKE, [name], take_arguments(1, [rate])))
    except Unreachable:
        return _alone.take(name, rate)
