"""The ASGI lifespan protocol around an application that does not speak it."""

from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]
Hook = Callable[[], Awaitable[None]]


class WithLifespan:
    """Runs `startup` before the server accepts its first connection and `shutdown` after its last.

    A startup that raises ends the server, which logs the message.
    """

    def __init__(self, application: Application, startup: Hook, shutdown: Hook) -> None:
        self._application = application
        self._startup = startup
        self._shutdown = shutdown

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._application(scope, receive, send)
            return
        await receive()
        if not await _run(self._startup, "startup", send):
            return
        await receive()
        await _run(self._shutdown, "shutdown", send)


async def _run(hook: Hook, name: str, send: Any) -> bool:
    try:
        await hook()
    except Exception as error:
        await send({"type": f"lifespan.{name}.failed", "message": f"{type(error).__name__}: {error}"})
        return False
    await send({"type": f"lifespan.{name}.complete"})
    return True
