"""What a scripted model remembers about each thing that was asked of it."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from antiphon.providers.base.errors import ProviderError

Request = TypeVar("Request")
State = Literal["running", "finished", "cancelled", "failed"]


@dataclass(slots=True)
class Call(Generic[Request]):
    request: Request
    state: State = "running"


@contextmanager
def record(calls: list[Call[Request]], request: Request) -> Iterator[None]:
    """Adds a call to `calls` and keeps its state. Anything but an error of the script counts as cancelled."""
    call = Call(request)
    calls.append(call)
    try:
        yield
    except ProviderError:
        call.state = "failed"
        raise
    except BaseException:
        call.state = "cancelled"
        raise
    call.state = "finished"


async def pause(seconds: float) -> None:
    """Waits; an infinite pause can only be cancelled."""
    if math.isinf(seconds):
        await asyncio.Event().wait()
    elif seconds > 0:
        await asyncio.sleep(seconds)
