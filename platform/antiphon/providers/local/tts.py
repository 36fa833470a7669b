"""The embedded voice: Piper's American English voice "joe", without a key or a network."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

import onnxruntime

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.piecewise import PiecewiseSpeech
from antiphon.providers.base.tts import TtsCapabilities, TtsConfig, TtsStream
from antiphon.providers.local.g2p.phonemizer import Phonemizer
from antiphon.providers.local.piper import PiperVoice
from antiphon.providers.local.pool import InferencePool, Priority

_CHUNK = 12_000  # bytes: 250 ms, so that a long sentence is not one message
_WARM_UP = "Hello, this first sentence is only said to get going. It is 3:45 pm, glorpily!"


class LocalTts:
    """A `TextToSpeech`. Every voice is joe; speed is from 0.25 to 1.5."""

    name = "local/piper-joe"
    capabilities = TtsCapabilities(speed=True)

    def __init__(self, phonemizer: Phonemizer, voice: PiperVoice, pool: InferencePool) -> None:
        """Says a sentence to nobody, so that the first reply is as fast as the tenth: takes half a second."""
        self._phonemizer = phonemizer
        self._voice = voice
        self._pool = pool
        voice.speak(phonemizer(_WARM_UP), 1.0)

    def open(self, config: TtsConfig) -> TtsStream:
        return PiecewiseSpeech(partial(self._speak, config.speed))

    async def _speak(self, speed: float, piece: str, first: bool) -> AsyncGenerator[bytes, None]:
        priority = Priority.FIRST_SPEECH if first else Priority.SPEECH
        run = onnxruntime.RunOptions()
        try:
            pcm = await self._pool.run(priority, self._synthesize, piece, speed, run)
        except asyncio.CancelledError:
            run.terminate = True  # frees the core within a millisecond
            raise
        except Exception as error:
            raise ProviderError("upstream", f"The embedded voice failed: {error}") from error
        for start in range(0, len(pcm), _CHUNK):
            yield pcm[start : start + _CHUNK]

    def _synthesize(self, text: str, speed: float, run: onnxruntime.RunOptions) -> bytes:
        return self._voice.speak(self._phonemizer(text), speed, run).tobytes()
