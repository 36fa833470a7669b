"""What every session of this process shares: loaded models and pooled connections."""

import asyncio
import threading

from antiphon.config.env import env
from antiphon.config.inference import Inference, load_inference
from apps.conversations.event_log import EventLog

_loaded: Inference | None = None
_event_log: EventLog | None = None
_loading = threading.Lock()


async def startup() -> None:
    """Loads the models and opens connections, so that the first turn is as fast as the tenth."""
    await (await inference()).warm_up()


async def inference() -> Inference:
    """Loaded once; under a server without the lifespan protocol (runserver) by the first session."""
    if _loaded is not None:
        return _loaded
    return await asyncio.to_thread(_load)


def event_log() -> EventLog:
    """Started by the first session. Called on the event loop only."""
    global _event_log
    if _event_log is None:
        _event_log = EventLog()
        _event_log.start()
    return _event_log


async def shutdown() -> None:
    global _loaded, _event_log
    if _event_log is not None:
        ending, _event_log = _event_log, None
        await asyncio.to_thread(ending.stop)
    if _loaded is not None:
        closing, _loaded = _loaded, None
        await closing.aclose()


def _load() -> Inference:
    global _loaded
    with _loading:
        if _loaded is None:
            _loaded = load_inference(env())
        return _loaded
