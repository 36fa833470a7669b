"""Everything that thinks, hears and speaks in this process, put together from the environment."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from antiphon.audio.vad import VadService
from antiphon.config.env import Env, variable
from antiphon.engine.ports import EndOfTurn
from antiphon.outbound.policy import OutboundPolicy
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import LanguageModel
from antiphon.providers.base.provider import Provider
from antiphon.providers.base.stt import SpeechToText
from antiphon.providers.base.tts import TextToSpeech
from antiphon.providers.catalogue import loader as catalogue
from antiphon.providers.catalogue.entries import LanguageEntry, RealtimeEntry, TextToSpeechEntry
from antiphon.providers.local.dialogue.model import DialogueModel
from antiphon.providers.local.dialogue.tools.embedding import MINI_LM, MiniLmMatcher
from antiphon.providers.local.dialogue.tools.minilm import MiniLm
from antiphon.providers.local.pool import InferencePool
from antiphon.providers.local.speech import load_local_speech
from antiphon.providers.local.tts import LocalTts
from antiphon.providers.local.weights import Weights, WeightsMissing
from antiphon.providers.registry import Defaults, Engines, ModelFacts, ModelRegistry
from antiphon.providers.routing.routers import Routers
from antiphon.providers.vendors import VENDORS, server

log = logging.getLogger(__name__)

BEST_RECOGNISER = "local/whisper-base"


@dataclass(frozen=True, slots=True)
class Inference:
    """The engines and connections that all sessions of a process share.

    `providers`, by slug, are what the operator offers to all tenants, and the vendors without a key.
    """

    voice_activity: VadService
    end_of_turn: EndOfTurn
    engines: Engines
    providers: Mapping[str, Provider]
    defaults: Defaults
    wire: Wire
    pool: InferencePool

    def models_for(
        self,
        model: str = "",
        recogniser: str = "",
        voice: str = "",
        *,
        providers: Mapping[str, Provider] | None = None,
        routers: Routers | None = None,
    ) -> ModelRegistry:
        """The models of a tenant with these defaults; an empty one is the platform's. Its own `providers` take the
        places of the platform's, and its `routers` choose among them."""
        defaults = Defaults(
            model or self.defaults.language_model,
            recogniser or self.defaults.speech_to_text,
            voice or self.defaults.text_to_speech,
        )
        return ModelRegistry(
            self.wire,
            defaults,
            engines=self.engines,
            providers={**self.providers, **(providers or {})},
            routers=routers,
            facts=catalogue_facts,
            own=frozenset(providers or ()),
        )

    async def warm_up(self) -> None:
        """Opens the connections that the default models will use."""
        await self.models_for().warm_up()

    async def aclose(self) -> None:
        self.voice_activity.close()
        self.pool.close()
        await self.wire.aclose()


def load_inference(env: Env) -> Inference:
    """Loads and warms up what is installed: a few seconds. What is missing and can be done without is logged as
    a warning. Raises WeightsMissing when voice activity is missing."""
    pool = InferencePool(env.inference_threads)
    weights = Weights(env.model_dir, env.antiphon_data_dir / "models")
    with ThreadPoolExecutor(thread_name_prefix="load") as loaders:
        loading_speech = loaders.submit(load_local_speech, weights, pool, env.default_stt)
        loading_voices = loaders.submit(_load_voices, weights, pool)
        loading_dialogue = loaders.submit(_load_dialogue, weights)
    speech, voices, dialogue = loading_speech.result(), loading_voices.result(), loading_dialogue.result()
    recognisers = (speech.speech_to_text,) if speech.speech_to_text else ()
    return Inference(
        voice_activity=speech.voice_activity,
        end_of_turn=speech.end_of_turn,
        engines=Engines((dialogue,), recognisers, voices),
        providers=platform_providers(env),
        defaults=default_models(env, recognisers),
        wire=Wire(policy=OutboundPolicy.allowing(env.outbound_allow)),
        pool=pool,
    )


def _load_voices(weights: Weights, pool: InferencePool) -> Sequence[TextToSpeech]:
    try:
        return (LocalTts.load(weights, pool),)
    except WeightsMissing as error:
        log.warning("There is no embedded voice. %s", error)
        return ()


def _load_dialogue(weights: Weights) -> LanguageModel:
    try:
        return DialogueModel(matcher=MiniLmMatcher(MiniLm(weights.folder(MINI_LM))))
    except WeightsMissing as error:
        log.warning("local/dialogue finds tools by keywords alone. %s", error)
        return DialogueModel()


def catalogue_facts(name: str) -> ModelFacts:
    """What the catalogue says of a model."""
    match catalogue.find(name):
        case LanguageEntry() | RealtimeEntry() as entry:
            return ModelFacts(entry.capabilities, entry.voices)
        case TextToSpeechEntry() as entry:
            return ModelFacts(voices=entry.voices)
    return ModelFacts()


def default_models(env: Env, recognisers: Sequence[SpeechToText]) -> Defaults:
    """What the environment names, else the operator's own server, else what is embedded (`recognisers`)."""
    embedded = recognisers[0].name if recognisers else BEST_RECOGNISER
    return Defaults(
        env.default_model or (f"llm/{env.llm_model}" if env.llm_base_url else "local/dialogue"),
        env.default_stt or (f"stt/{env.stt_model}" if env.stt_base_url else embedded),
        env.default_tts or (f"tts/{env.tts_model}" if env.tts_base_url else "local/piper-joe"),
    )


def platform_providers(env: Env) -> dict[str, Provider]:
    """The vendors, each with its key if the environment has it, and the operator's own servers."""
    providers = {slug: _offered(vendor) for slug, vendor in VENDORS.items()}
    if env.llm_base_url and env.llm_model:
        providers["llm"] = server(
            "llm", env.llm_base_url, env.llm_api_key, kinds=("language",), models={env.llm_model: ()}
        )
    if env.stt_base_url and env.stt_model:
        providers["stt"] = server(
            "stt", env.stt_base_url, env.stt_api_key, kinds=("speech_to_text",), models={env.stt_model: ()}
        )
    if env.tts_base_url and env.tts_model:
        voices = (env.tts_voice,) if env.tts_voice else ()
        providers["tts"] = server(
            "tts",
            env.tts_base_url,
            env.tts_api_key,
            kinds=("text_to_speech",),
            models={env.tts_model: voices},
        )
    return providers


def _offered(vendor: Provider) -> Provider:
    """With the operator's key and address, where the environment has them."""
    if vendor.key_setting and (key := variable(vendor.key_setting)):
        vendor = replace(vendor, api_key=key)
    if vendor.address_setting and (address := variable(vendor.address_setting)):
        vendor = vendor.at(address, filtered=False)
    return vendor
