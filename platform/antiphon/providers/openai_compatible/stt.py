"""Speech to text behind `POST /audio/transcriptions`: the whole turn is sent once it is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

import aiohttp
import msgspec

from antiphon.audio import pcm as pcm16
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Wire
from antiphon.providers.base.stt import FinalTranscript, SttCapabilities, SttConfig, SttEvent, SttUsage
from antiphon.providers.openai_compatible.wav import wav

SHORTEST_MS = 100  # servers refuse less, and nobody says anything in it


@dataclass(frozen=True, slots=True)
class Transcription:
    text: str
    usage: SttUsage
    """As the server counts it, where it says so."""


class OpenAiStt:
    """`model` is the name that the server knows, `name` the one that sessions use.

    The endpoint is an OpenAI-compatible base URL, with its key as a bearer token if it needs one.
    """

    capabilities = SttCapabilities(streaming=False)

    def __init__(self, wire: Wire, endpoint: Endpoint, model: str, *, name: str) -> None:
        self.name = name
        self._wire = wire
        self._endpoint = endpoint
        self._model = model

    def open(self, config: SttConfig) -> "OpenAiSttStream":
        return OpenAiSttStream(self, config)

    async def transcribe(self, pcm: bytes, config: SttConfig) -> Transcription:
        """What a recording says. Raises ProviderError."""
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
            answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"{self._endpoint.host} sent something that is no transcription."
            raise ProviderError("upstream", message) from error
        return Transcription(answer.text.strip(), _usage(answer.usage, pcm16.duration_ms(len(pcm))))


class OpenAiSttStream:
    """The request starts at `finish`, whether or not somebody waits for events yet."""

    def __init__(self, stt: OpenAiStt, config: SttConfig) -> None:
        self._stt = stt
        self._config = config
        self._pcm = bytearray()
        self._request: asyncio.Task[Transcription | None] | None = None
        self._usage: SttUsage | None = None
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
            said = self._request.result()
            audio_ms = pcm16.duration_ms(len(self._pcm))
            yield FinalTranscript(said.text if said else "", audio_ms, self._config.language)

    @property
    def usage(self) -> SttUsage | None:
        return self._usage

    async def aclose(self) -> None:
        self._changed.set()
        if self._request is not None:
            self._request.cancel()
            await asyncio.gather(self._request, return_exceptions=True)

    async def _transcribe(self) -> Transcription | None:
        audio_ms = pcm16.duration_ms(len(self._pcm))
        if audio_ms < SHORTEST_MS:
            return None
        self._usage = SttUsage(audio_ms)
        said = await self._stt.transcribe(bytes(self._pcm), self._config)
        self._usage = said.usage
        return said


class _Answer(msgspec.Struct):
    text: str
    usage: msgspec.Raw = msgspec.Raw(b"{}")


class _InputDetails(msgspec.Struct):
    text_tokens: int = 0


class _Usage(msgspec.Struct):
    """Of type "tokens" or "duration" (OpenAI's API reference, "Create transcription")."""

    seconds: float | None = None
    input_tokens: int = 0
    input_token_details: _InputDetails | None = None
    output_tokens: int = 0


def _usage(reported: msgspec.Raw, audio_ms: int) -> SttUsage:
    """A report that can't be read is none: the words are there all the same."""
    try:
        usage = msgspec.json.decode(reported, type=_Usage | None) or _Usage()
    except msgspec.DecodeError:
        return SttUsage(audio_ms)
    text_tokens = usage.input_token_details.text_tokens if usage.input_token_details else 0
    return SttUsage(
        audio_ms if usage.seconds is None else round(usage.seconds * 1000),
        input_audio_tokens=usage.input_tokens - text_tokens,
        input_text_tokens=text_tokens,
        output_text_tokens=usage.output_tokens,
    )
