"""Speech to text behind `POST /audio/transcriptions`: the whole turn is sent once it is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import aiohttp
import msgspec

from antiphon.audio import pcm as pcm16
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Wire
from antiphon.providers.base.stt import FinalTranscript, SttCapabilities, SttConfig, SttEvent, SttUsage
from antiphon.providers.openai_compatible.wav import wav

SHORTEST_MS = 100  # servers refuse less, and nobody says anything in it


class OpenAiStt:
    """`model` is the name that the server knows, `name` the one that sessions use."""

    capabilities = SttCapabilities(streaming=False)

    def __init__(self, wire: Wire, endpoint: Endpoint, model: str, *, name: str) -> None:
        self.name = name
        self._wire = wire
        self._endpoint = endpoint
        self._model = model

    def open(self, config: SttConfig) -> "OpenAiSttStream":
        return OpenAiSttStream(self, config)

    async def transcribe(self, pcm: bytes, config: SttConfig) -> str:
        """The text of a recording. Raises ProviderError."""
        form = aiohttp.FormData()
        form.add_field("file", wav(pcm), filename="turn.wav", content_type="audio/wav")
        form.add_field("model", self._model)
        form.add_field("response_format", "json")
        if config.language:
            form.add_field("language", config.language)
        if config.prompt:
            form.add_field("prompt", config.prompt)
        posted = self._wire.post(self._endpoint, "/audio/transcriptions", form)
        async with aclosing(posted) as chunks:
            body = b"".join([chunk async for chunk in chunks])
        try:
            return msgspec.json.decode(body, type=_Transcription).text.strip()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"{self._endpoint.host} sent something that is no transcription."
            raise ProviderError("upstream", message) from error


class OpenAiSttStream:
    """The request starts at `finish`, whether or not somebody waits for events yet."""

    def __init__(self, stt: OpenAiStt, config: SttConfig) -> None:
        self._stt = stt
        self._config = config
        self._pcm = bytearray()
        self._request: asyncio.Task[str] | None = None
        self._changed = asyncio.Event()  # finished or closed

    def push(self, pcm: bytes) -> None:
        self._pcm += pcm

    def finish(self) -> None:
        if self._request is None and not self._changed.is_set():
            self._request = asyncio.create_task(self._transcribe(), name="transcription")
            self._changed.set()

    async def events(self) -> AsyncIterator[SttEvent]:
        await self._changed.wait()
        if self._request is None:
            return
        await asyncio.wait([self._request])
        if not self._request.cancelled():
            yield FinalTranscript(
                self._request.result(), pcm16.duration_ms(len(self._pcm)), self._config.language
            )

    @property
    def usage(self) -> SttUsage | None:
        if self._request is None or pcm16.duration_ms(len(self._pcm)) < SHORTEST_MS:
            return None
        return SttUsage(pcm16.duration_ms(len(self._pcm)))

    async def aclose(self) -> None:
        self._changed.set()
        if self._request is not None:
            self._request.cancel()
            await asyncio.gather(self._request, return_exceptions=True)

    async def _transcribe(self) -> str:
        if pcm16.duration_ms(len(self._pcm)) < SHORTEST_MS:
            return ""
        return await self._stt.transcribe(bytes(self._pcm), self._config)


class _Transcription(msgspec.Struct):
    text: str
