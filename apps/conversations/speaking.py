"""A short phrase in a voice, for people who choose one."""

import io
import uuid
import wave

from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.core.exceptions import ValidationError

from antiphon.engine.ports import UnknownModel
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.tts import Audio, TtsConfig
from apps.conversations import runtime

PHRASE = "Hello! This is how I sound. What can I do for you today?"
_KEPT_SECONDS = 7 * 24 * 3600
_RATE = 24_000


def voice_sample(*, tenant_id: uuid.UUID, model: str, voice: str) -> bytes:
    """A WAV file, kept for a week: a vendor is paid once. Raises ValidationError, with what to do."""
    name = f"voice-sample:{tenant_id}:{model}:{voice}".replace(" ", "_")
    sample: bytes | None = cache.get(name)
    if sample is None:
        try:
            sample = _wav(async_to_sync(speak)(tenant_id, model, voice, PHRASE))
        except (UnknownModel, ProviderError) as error:
            raise ValidationError(f"{model} does not speak now: {error}") from None
        cache.set(name, sample, _KEPT_SECONDS)
    return sample


async def speak(tenant_id: uuid.UUID, model: str, voice: str, words: str) -> bytes:
    """PCM of 24 kHz. Raises UnknownModel, ProviderError."""
    models = await runtime.models_of_tenant(tenant_id, speech=model)
    stream = models.text_to_speech(model).open(TtsConfig(voice))
    try:
        await stream.send(words)
        stream.end()
        return b"".join([event.pcm async for event in stream.events() if isinstance(event, Audio)])
    finally:
        await stream.aclose()


def _wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, _RATE, 0, "NONE", ""))
        out.writeframes(pcm)
    return file.getvalue()
