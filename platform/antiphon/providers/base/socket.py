"""One WebSocket to a provider, whose failures are ProviderErrors."""

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.failures import error_from_event

LEAVE_WITHIN = 1.0  # seconds for the provider to close the connection as well


class VendorSocket:
    """`async for message in socket` gives what arrives, text or bytes, until the provider closes the connection."""

    def __init__(self, endpoint: Endpoint, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.endpoint = endpoint
        self.heard = False  # something has arrived
        self._socket = socket

    @property
    def closed(self) -> bool:
        return self._socket.closed

    async def send(self, message: dict[str, Any]) -> None:
        """Sends JSON. Raises ProviderError."""
        await self.send_text(msgspec.json.encode(message).decode())

    async def send_text(self, text: str) -> None:
        """Raises ProviderError."""
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, OSError):
            raise self.broken() from None

    async def send_bytes(self, data: bytes) -> None:
        """Raises ProviderError."""
        try:
            await self._socket.send_bytes(data)
        except (aiohttp.ClientError, OSError):
            raise self.broken() from None

    def __aiter__(self) -> "VendorSocket":
        return self

    async def __anext__(self) -> str | bytes:
        """Raises ProviderError when the connection breaks or is closed because of an error."""
        message = await self._socket.receive()
        match message.type:
            case aiohttp.WSMsgType.TEXT | aiohttp.WSMsgType.BINARY:
                self.heard = True
                data: str | bytes = message.data
                return data
            case aiohttp.WSMsgType.CLOSE | aiohttp.WSMsgType.CLOSING | aiohttp.WSMsgType.CLOSED:
                if self._socket.close_code in (None, 1000, 1001, 1005):
                    raise StopAsyncIteration
                reason = message.extra or "" if message.type is aiohttp.WSMsgType.CLOSE else ""
                raise self.closed_by_provider(self._socket.close_code or 1006, reason)
        raise self.broken()

    async def aclose(self) -> None:
        """Leaves, at the latest after LEAVE_WITHIN; may be called twice."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN):
                await self._socket.close()

    def broken(self) -> ProviderError:
        return ProviderError("network", f"{self.endpoint.host} broke the connection.", started=self.heard)

    def closed_by_provider(self, code: int, reason: str) -> ProviderError:
        if code == 1006:
            return self.broken()
        said = f" It said: {self.endpoint.redact(reason)}" if reason else ""
        message = f"{self.endpoint.host} closed the connection with code {code}.{said}"
        return ProviderError("upstream", message, started=self.heard)

    def refused(self, error: Any) -> ProviderError:
        """For an error that the provider sent as a message: an object with a code or a status, or its words."""
        return error_from_event(self.endpoint, error, started=self.heard)
