"""The events of one answer, on their way from a socket that is always read to whoever wants them."""

import asyncio
from collections.abc import AsyncIterator

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import LlmUsage, Stop
from antiphon.providers.base.realtime import RealtimeEvent


class AnswerStream:
    """`over` is set when nothing more comes; `unwanted` says that nobody listens any more."""

    def __init__(self, host: str, quiet: float) -> None:
        """`quiet` is how long the provider, known as `host`, may say nothing, in seconds."""
        self.started = False
        self.unwanted = False
        self.over = asyncio.Event()
        self._host = host
        self._quiet = quiet
        self._news: asyncio.Queue[RealtimeEvent | ProviderError] = asyncio.Queue()

    async def events(self) -> AsyncIterator[RealtimeEvent]:
        """Ends with `Stop`. Raises ProviderError."""
        while True:
            try:
                async with asyncio.timeout(self._quiet):
                    event = await self._news.get()
            except TimeoutError:
                message = f"{self._host} said nothing for {self._quiet:g} s."
                raise ProviderError("timeout", message, started=self.started) from None
            if isinstance(event, ProviderError):
                raise event
            yield event
            if isinstance(event, Stop):
                return

    def tell(self, event: RealtimeEvent) -> None:
        if not self.unwanted:
            self.started = True
            self._news.put_nowait(event)

    def end(self, usage: LlmUsage, stop: Stop) -> None:
        if not self.over.is_set():
            self.over.set()
            self._news.put_nowait(usage)
            self._news.put_nowait(stop)

    def fail(self, error: ProviderError) -> None:
        if not self.over.is_set():
            self.over.set()
            self._news.put_nowait(
                ProviderError(error.kind, error.message, started=self.started, retry_after=error.retry_after)
            )
