"""A router as a recogniser: until there is a final transcript, the next model may recognise the turn."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import (
    FinalTranscript,
    SpeechToText,
    SttCapabilities,
    SttConfig,
    SttEvent,
    SttStream,
    SttUsage,
)
from antiphon.providers.routing.format import RecognitionRouter
from antiphon.providers.routing.legs import Leg, Patience
from antiphon.providers.routing.process import RoutingMemory


class RoutedStt:
    """`models` are those of the router that can be found, in its order."""

    def __init__(
        self,
        name: str,
        router: RecognitionRouter,
        models: Sequence[SpeechToText],
        *,
        tenant: str,
        memory: RoutingMemory,
    ) -> None:
        self.name = name
        self.capabilities = SttCapabilities(
            streaming=any(model.capabilities.streaming for model in models),
            turn_signals=all(model.capabilities.turn_signals for model in models),
        )
        self._router = router
        self._models = models
        self._tenant = tenant
        self._memory = memory

    def open(self, config: SttConfig) -> "RoutedSttStream":
        keys = {model.name: f"{self._tenant}:{model.name}" for model in self._models}
        health = self._memory.health
        working = sorted(self._models, key=lambda model: health.vital(keys[model.name]).breaker == "open")
        legs = [(model, keys[model.name]) for model in working]
        return RoutedSttStream(legs, config, self._router.patience_ms / 1000, self._memory)


class RoutedSttStream:
    def __init__(
        self,
        models: Sequence[tuple[SpeechToText, str]],
        config: SttConfig,
        patience: float,
        memory: RoutingMemory,
    ) -> None:
        """`models` with their keys in the memory; `patience` in seconds."""
        self._waiting = deque(models)
        self._config = config
        self._health = memory.health
        self._seconds = patience
        self._patience = Patience()
        self._pcm = bytearray()
        self._finished = False
        self._closed = False
        self._streams: list[tuple[str, SttStream]] = []
        self._closing: list[asyncio.Task[None]] = []
        self._leg, self._stream = self._ask_next()

    def push(self, pcm: bytes) -> None:
        self._pcm += pcm
        self._stream.push(pcm)

    def finish(self) -> None:
        self._finished = True
        self._finish()

    async def events(self) -> AsyncIterator[SttEvent]:
        """Partials of a model that fails are replaced by those of the next one."""
        while True:
            try:
                events = self._stream.events()
                while (event := await self._patience.next(events, self._leg.name)) is not None:
                    if isinstance(event, FinalTranscript):
                        self._leg.spoke()
                        yield event
                        return
                    yield event
                if self._closed:
                    return
                raise ProviderError("upstream", f"{self._leg.name} ended without a transcript.")
            except ProviderError:
                self._leg.end(failed=True)
                if self._closed or not self._waiting:
                    raise
            self._closing.append(asyncio.create_task(self._stream.aclose(), name="close a recogniser"))
            self._leg, self._stream = self._ask_next()
            self._stream.push(bytes(self._pcm))
            if self._finished:
                self._finish()

    @property
    def usages(self) -> Sequence[tuple[str, SttUsage]]:
        return [(name, stream.usage) for name, stream in self._streams if stream.usage is not None]

    @property
    def usage(self) -> SttUsage | None:
        """Of all models together."""
        usages = [usage for _, usage in self.usages]
        if not usages:
            return None
        return SttUsage(
            audio_ms=sum(usage.audio_ms for usage in usages),
            open_ms=sum(usage.open_ms for usage in usages),
            input_audio_tokens=sum(usage.input_audio_tokens for usage in usages),
            input_text_tokens=sum(usage.input_text_tokens for usage in usages),
            output_text_tokens=sum(usage.output_text_tokens for usage in usages),
        )

    async def aclose(self) -> None:
        self._closed = True
        self._leg.end()
        await self._stream.aclose()
        await asyncio.gather(*self._closing)

    def _ask_next(self) -> tuple[Leg, SttStream]:
        model, key = self._waiting.popleft()
        stream = model.open(self._config)
        self._streams.append((model.name, stream))
        return Leg(model.name, self._health, key), stream

    def _finish(self) -> None:
        self._leg.waits()
        self._patience.ends_in(self._seconds if self._waiting else None)
        self._stream.finish()
