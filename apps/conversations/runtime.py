"""What every session of this process shares: loaded models and pooled connections."""

import asyncio

from antiphon.config.env import env
from antiphon.config.inference import Inference, load_inference

_loading: asyncio.Task[Inference] | None = None


async def startup() -> None:
    """Loads the models, so that the first turn is as fast as the tenth."""
    await inference()


async def inference() -> Inference:
    """Loaded once; under a server without the lifespan protocol (runserver) by the first session."""
    global _loading
    if _loading is None or _loading.get_loop() is not asyncio.get_running_loop():
        _loading = asyncio.create_task(load_inference(env()), name="load the models")
    return await asyncio.shield(_loading)


async def shutdown() -> None:
    global _loading
    if _loading is not None:
        loaded, _loading = await _loading, None
        await loaded.aclose()
