"""Text to speech behind `POST /audio/speech`: one request for each piece of text, its audio streamed."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.failures import MAX_MESSAGE
from antiphon.providers.base.http import Wire
from antiphon.providers.base.piecewise import PiecewiseSpeech
from antiphon.providers.base.tts import TtsCapabilities, TtsConfig, TtsStream, chosen_voice
from antiphon.providers.openai_compatible.wav import SpeechDecoder

TELLING = 32  # bytes that tell text from sound: sixteen samples of speech never are all printable characters
_TEXT = re.compile(rb"[\t\n\r -~]+")


class OpenAiTts:
    """`model` is the name that the server knows, `name` the one that sessions use.

    `voices` are those the server has, the default one first; a voice that isn't among them becomes the
    default. Without any, every voice is passed on.
    """

    capabilities = TtsCapabilities(speed=True)

    def __init__(
        self, wire: Wire, endpoint: Endpoint, model: str, *, name: str, voices: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self._wire = wire
        self._endpoint = endpoint
        self._model = model
        self._voices = voices

    def open(self, config: TtsConfig) -> TtsStream:
        async def synthesize(piece: str, first: bool) -> AsyncGenerator[bytes, None]:
            async with aclosing(self.speak(piece, config)) as audio:
                async for pcm in audio:
                    yield pcm

        return PiecewiseSpeech(synthesize)

    async def speak(self, text: str, config: TtsConfig) -> AsyncGenerator[bytes, None]:
        """PCM16 mono at 24 kHz in whole samples, as it arrives. Raises ProviderError."""
        if not text.strip():
            return
        request: dict[str, str | float] = {
            "model": self._model,
            "input": text.strip(),
            "voice": chosen_voice(config, self._voices),
            "response_format": "pcm",
        }
        if config.speed != 1.0:
            request["speed"] = config.speed
        decoder = SpeechDecoder()
        posted = self._wire.post(
            self._endpoint, "/audio/speech", msgspec.json.encode(request), "application/json"
        )
        async with aclosing(posted) as body, aclosing(self._sound(body)) as chunks:
            try:
                async for chunk in chunks:
                    yield decoder.feed(chunk)
                yield decoder.finish()
            except ValueError as error:
                raise ProviderError("upstream", f"{self._endpoint.host} sent {error}.") from error

    async def _sound(self, body: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The body, unless it is text: some servers report errors so, and proxies. Raises ProviderError."""
        head = b""
        async for chunk in body:
            if len(head) >= TELLING:
                yield chunk
                continue
            head += chunk
            if len(head) >= TELLING:
                yield self._checked(head)
        if 0 < len(head) < TELLING:
            yield self._checked(head)

    def _checked(self, head: bytes) -> bytes:
        if _TEXT.fullmatch(head[:TELLING]):
            said = self._endpoint.redact(head.decode(errors="replace"))[:MAX_MESSAGE]
            raise ProviderError("upstream", f"{self._endpoint.host} sent text in place of sound: {said}")
        return head
