"""What every session of this process shares: loaded models and pooled connections."""

import asyncio
import threading

from antiphon.config.env import env
from antiphon.config.inference import Inference, load_inference
from antiphon.outbound.http import OutboundHttp
from antiphon.outbound.policy import OutboundPolicy
from antiphon.providers.base.tools import ToolServers
from antiphon.providers.mcp.servers import McpServers

_loaded: Inference | None = None
_loading = threading.Lock()
_outbound = OutboundHttp(OutboundPolicy.allowing(env().outbound_allow))
_tool_servers = McpServers(_outbound)


async def startup() -> None:
    """Loads the models and opens connections, so that the first turn is as fast as the tenth."""
    await (await inference()).warm_up()


async def inference() -> Inference:
    """Loaded once; under a server without the lifespan protocol (runserver) by the first session."""
    if _loaded is not None:
        return _loaded
    return await asyncio.to_thread(_load)


def tool_servers_of(tenant_id: str) -> ToolServers:
    return _tool_servers.of_tenant(tenant_id)


async def shutdown() -> None:
    global _loaded
    await _tool_servers.aclose()
    await _outbound.aclose()
    if _loaded is not None:
        closing, _loaded = _loaded, None
        await closing.aclose()


def _load() -> Inference:
    global _loaded
    with _loading:
        if _loaded is None:
            _loaded = load_inference(env())
        return _loaded
