"""How often a key may call: a bucket of tokens in Redis, which refills steadily."""

import math
from dataclasses import dataclass
from functools import cache

import redis
import structlog
from django.conf import settings
from redis.exceptions import RedisError

from apps.api.v1.problems import Problem

_PATIENCE = 0.5  # seconds for Redis to answer
_TAKE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local size, per_second = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(size, (tonumber(kept[1]) or size) + (now - (tonumber(kept[2]) or now)) * per_second)
local allowed = tokens >= 1
if allowed then tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], math.ceil(size / per_second * 1000))
return {allowed and 1 or 0, tostring(tokens)}
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of `limit` requests, and the seconds until there are as many again."""

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


def take_token(holder: str) -> Allowance | None:
    """One request of `holder`. None if Redis does not answer: better no limit than no service. Raises Problem with
    status 429."""
    limit: int = settings.API_REQUESTS_PER_MINUTE
    try:
        allowed, left = _redis(settings.REDIS_URL).eval(
            _TAKE, 1, f"antiphon:requests:{holder}", limit, limit / 60
        )
    except (RedisError, OSError) as error:
        log.warning("requests_not_counted", error=f"{type(error).__name__}: {error}")
        return None
    tokens = float(left)
    allowance = Allowance(limit, math.floor(tokens), (limit - tokens) * 60 / limit)
    if not allowed:
        wait = math.ceil((1 - tokens) * 60 / limit)
        detail = f"This API key made more than {limit} requests in a minute: wait {wait} s."
        headers = {**allowance.headers, "retry-after": str(wait)}
        raise Problem(429, detail, code="rate_limit_exceeded", headers=headers)
    return allowance


@cache
def _redis(url: str) -> redis.Redis:
    return redis.from_url(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
