"""When a delivery that failed is tried again. Pure: the caller tells the time and the chance."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

WAITS = tuple(
    timedelta(**wait)
    for wait in (
        {"seconds": 5},
        {"seconds": 30},
        {"minutes": 2},
        {"minutes": 10},
        {"minutes": 30},
        {"hours": 1},
        {"hours": 3},
        {"hours": 6},
        {"hours": 12},
        {"hours": 24},
        {"hours": 24},
    )
)
"""After each failure in a row, until the next attempt. After one more it is given up, three days later."""
JITTER = 0.1  # of each wait, so that what failed together does not come back together
LONGEST_WAIT = timedelta(hours=24)  # that a receiver may ask for with Retry-After
GIVEN_UP_AFTER = timedelta(days=3)  # an endpoint that nothing got through to


def wait_after(failures: int, *, chance: float, asked: timedelta | None = None) -> timedelta | None:
    """Until the next attempt, after so many failures in a row; None if there is none. `chance` is from 0 to 1.
    What the receiver asked for only makes it longer, up to LONGEST_WAIT."""
    if failures > len(WAITS):
        return None
    wait = WAITS[failures - 1] * (1 - JITTER + 2 * JITTER * chance)
    return max(wait, min(asked, LONGEST_WAIT)) if asked else wait


def asked_wait(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """What Retry-After says (RFC 9110, section 10.2.3): seconds or a date. None for nonsense and the past."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value), LONGEST_WAIT.total_seconds())) or None
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return wait if wait > timedelta() else None
