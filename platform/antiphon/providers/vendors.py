"""The known vendors, without keys. A vendor is a row: whoever wants another one adds a line.

Base URLs end where the paths of their dialect begin. Where a vendor's list of models is open to everybody, it says
nothing about a key, and `check` is another address or None.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from antiphon.providers.base.endpoint import BARE, BASIC, BEARER, TOKEN, KeyHeader
from antiphon.providers.base.llm import LlmCapabilities
from antiphon.providers.base.provider import Kind, Provider, Service
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.openai_compatible.quirks import QUIRKS

MODELS = "/models"
ANTHROPIC_KEY = KeyHeader("x-api-key", "")
GOOGLE_KEY = KeyHeader("x-goog-api-key", "")
AZURE_KEY = KeyHeader("api-key", "")
ANTHROPIC_VERSION = {"anthropic-version": "2023-06-01"}
CARTESIA_VERSION = {"Cartesia-Version": "2025-04-16"}

_SEES = LlmCapabilities(images=True)
_REALTIME_NAMES = re.compile(r".*realtime.*")  # gpt-realtime-2, gpt-4o-realtime-preview
_OPENAI_REALTIME = RealtimeCapabilities(images=True, speed=True)

_CHAT_QUIRKS = {**QUIRKS, "azure": QUIRKS["openai"]}


def _chat_quirks(slug: str) -> Mapping[str, Any]:
    return {"quirks": _CHAT_QUIRKS[slug]} if slug in _CHAT_QUIRKS else {}


def _chat(
    slug: str,
    title: str,
    base_url: str,
    key_setting: str,
    *more: Service,
    check: str | None = MODELS,
    key_header: KeyHeader = BEARER,
) -> Provider:
    """A vendor of chat completions in OpenAI's dialect, and what else it does."""
    chat = Service("language", "openai", base_url, key_header, quirks=_chat_quirks(slug))
    return Provider(slug, title, (chat, *more), key_setting=key_setting, check=check)


def _speech(
    slug: str,
    title: str,
    key_setting: str,
    check: str,
    key_header: KeyHeader,
    headers: Mapping[str, str] | None = None,
    *,
    hears: str = "",
    speaks: str = "",
) -> Provider:
    """A vendor of speech in a dialect of its own; `hears` and `speaks` are the base URLs."""
    services = []
    if hears:
        services.append(Service("speech_to_text", slug, hears, key_header, headers or {}))
    if speaks:
        services.append(Service("text_to_speech", slug, speaks, key_header, headers or {}))
    return Provider(slug, title, tuple(services), key_setting=key_setting, check=check)


_OPENAI = "https://api.openai.com/v1"
_GROQ = "https://api.groq.com/openai/v1"
_XAI = "https://api.x.ai/v1"
_MISTRAL = "https://api.mistral.ai/v1"
_TOGETHER = "https://api.together.xyz/v1"
_GOOGLE = "https://generativelanguage.googleapis.com"
_INWORLD = "https://api.inworld.ai"

_ROWS: tuple[Provider, ...] = (
    _chat(
        "openai",
        "OpenAI",
        _OPENAI,
        "OPENAI_API_KEY",
        Service("speech_to_text", "openai", _OPENAI),
        Service("text_to_speech", "openai", _OPENAI),
        Service("realtime", "openai", _OPENAI, takes=_REALTIME_NAMES, capabilities=_OPENAI_REALTIME),
    ),
    Provider(
        "azure",
        "Azure OpenAI",
        (
            Service("language", "openai", key_header=AZURE_KEY, quirks=_chat_quirks("azure")),
            Service(
                "realtime",
                "openai",
                key_header=AZURE_KEY,
                takes=_REALTIME_NAMES,
                capabilities=_OPENAI_REALTIME,
            ),
        ),
        key_setting="AZURE_OPENAI_API_KEY",
        address_setting="AZURE_OPENAI_BASE_URL",
        check=MODELS,
    ),
    Provider(
        "anthropic",
        "Anthropic",
        (
            Service(
                "language",
                "anthropic",
                "https://api.anthropic.com/v1",
                ANTHROPIC_KEY,
                ANTHROPIC_VERSION,
                capabilities=_SEES,
            ),
        ),
        key_setting="ANTHROPIC_API_KEY",
        check=MODELS,
    ),
    Provider(
        "google",
        "Google Gemini",
        (
            Service("language", "gemini", f"{_GOOGLE}/v1beta", GOOGLE_KEY, capabilities=_SEES),
            Service(
                "realtime",
                "gemini",
                _GOOGLE,
                GOOGLE_KEY,
                takes=re.compile(r".*(-live|live-|native-audio).*"),
                capabilities=RealtimeCapabilities(
                    images=True,
                    text_out=False,
                    out_of_band=False,
                    per_response=False,
                    forget=False,
                    tool_choice=False,
                ),
            ),
        ),
        key_setting="GEMINI_API_KEY",
        check=MODELS,
    ),
    _chat(
        "xai",
        "xAI",
        _XAI,
        "XAI_API_KEY",
        Service("speech_to_text", "xai", _XAI),
        Service("text_to_speech", "xai", _XAI),
        Service(
            "realtime",
            "openai",
            _XAI,
            takes=re.compile(r".*voice.*"),
            capabilities=RealtimeCapabilities(speed=True, out_of_band=False),
        ),
    ),
    _chat(
        "groq",
        "Groq",
        _GROQ,
        "GROQ_API_KEY",
        Service("speech_to_text", "openai", _GROQ),
        Service("text_to_speech", "openai", _GROQ),
    ),
    _chat(
        "together",
        "Together AI",
        _TOGETHER,
        "TOGETHER_API_KEY",
        Service("speech_to_text", "openai", _TOGETHER),
    ),
    _chat(
        "inworld",
        "Inworld",
        f"{_INWORLD}/v1",
        "INWORLD_API_KEY",
        Service("speech_to_text", "inworld", _INWORLD, BASIC),
        Service("text_to_speech", "inworld", _INWORLD, BASIC),
        key_header=BASIC,
        check=f"{_INWORLD}/tts/v1/voices",
    ),
    _chat("mistral", "Mistral", _MISTRAL, "MISTRAL_API_KEY", Service("speech_to_text", "openai", _MISTRAL)),
    _chat("fireworks", "Fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    _chat("deepseek", "DeepSeek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    _chat("cerebras", "Cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    _chat(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        check="/key",
    ),
    _chat(
        "perplexity",
        "Perplexity",
        "https://api.perplexity.ai",
        "PERPLEXITY_API_KEY",
        check="/v1/models",
    ),
    _chat("sambanova", "SambaNova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY", check=None),
    _chat("nebius", "Nebius", "https://api.tokenfactory.nebius.com/v1", "NEBIUS_API_KEY"),
    _chat("nvidia", "NVIDIA", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY", check=None),
    _chat("novita", "Novita", "https://api.novita.ai/openai", "NOVITA_API_KEY", check=None),
    _chat("moonshot", "Moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    _chat("qwen", "Qwen", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
    _chat("zai", "Z.ai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
    _chat("minimax", "MiniMax", "https://api.minimax.io/v1", "MINIMAX_API_KEY", check=None),
    _chat("github", "GitHub Models", "https://models.github.ai/inference", "GITHUB_MODELS_TOKEN", check=None),
    _chat("llama", "Meta Llama", "https://api.llama.com/compat/v1", "LLAMA_API_KEY", check=None),
    _chat("baseten", "Baseten", "https://inference.baseten.co/v1", "BASETEN_API_KEY", check=None),
    _chat("inception", "Inception", "https://api.inceptionlabs.ai/v1", "INCEPTION_API_KEY", check=None),
    _chat(
        "cohere",
        "Cohere",
        "https://api.cohere.ai/compatibility/v1",
        "COHERE_API_KEY",
        check="https://api.cohere.com/v1/models",
    ),
    _chat("deepinfra", "DeepInfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY", check=None),
    _chat("friendli", "Friendli", "https://api.friendli.ai/serverless/v1", "FRIENDLI_TOKEN", check=None),
    _chat(
        "huggingface",
        "Hugging Face",
        "https://router.huggingface.co/v1",
        "HF_TOKEN",
        check="https://huggingface.co/api/whoami-v2",
    ),
    _chat("hyperbolic", "Hyperbolic", "https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY"),
    _chat("scaleway", "Scaleway", "https://api.scaleway.ai/v1", "SCALEWAY_API_KEY"),
    _chat("siliconflow", "SiliconFlow", "https://api.siliconflow.com/v1", "SILICONFLOW_API_KEY"),
    _chat(
        "ovhcloud",
        "OVHcloud",
        "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        "OVHCLOUD_API_KEY",
        check=None,
    ),
    _chat("vercel", "Vercel AI Gateway", "https://ai-gateway.vercel.sh/v1", "AI_GATEWAY_API_KEY", check=None),
    _speech(
        "deepgram",
        "Deepgram",
        "DEEPGRAM_API_KEY",
        "https://api.deepgram.com/v1/auth/token",
        TOKEN,
        hears="https://api.deepgram.com",
        speaks="https://api.deepgram.com",
    ),
    _speech(
        "assemblyai",
        "AssemblyAI",
        "ASSEMBLYAI_API_KEY",
        "https://api.assemblyai.com/v2/transcript?limit=1",
        BARE,
        hears="https://streaming.assemblyai.com",
    ),
    _speech(
        "soniox",
        "Soniox",
        "SONIOX_API_KEY",
        "https://api.soniox.com/v1/models",
        BEARER,
        hears="https://stt-rt.soniox.com",
        speaks="https://tts-rt.soniox.com",
    ),
    _speech(
        "elevenlabs",
        "ElevenLabs",
        "ELEVENLABS_API_KEY",
        MODELS,
        KeyHeader("xi-api-key", ""),
        hears="https://api.elevenlabs.io/v1",
        speaks="https://api.elevenlabs.io/v1",
    ),
    _speech(
        "cartesia",
        "Cartesia",
        "CARTESIA_API_KEY",
        "https://api.cartesia.ai/voices?limit=1",
        KeyHeader("X-API-Key", ""),
        CARTESIA_VERSION,
        hears="https://api.cartesia.ai",
        speaks="https://api.cartesia.ai",
    ),
)

VENDORS: Mapping[str, Provider] = {row.slug: row for row in _ROWS}

OURS = frozenset({"local", "scripted", "router", "agent", "llm", "stt", "tts"})
"""First parts of models' names that are no vendor's, nor may be a tenant's."""

SERVER_KINDS: Mapping[str, tuple[Kind, ...]] = {
    "openai": ("language", "speech_to_text", "text_to_speech"),
    "anthropic": ("language",),
    "gemini": ("language",),
}
"""What a server can be that is no vendor's, by the dialect it speaks."""

_SERVER_KEYS = {"openai": BEARER, "anthropic": ANTHROPIC_KEY, "gemini": GOOGLE_KEY}
_SERVER_HEADERS = {"anthropic": ANTHROPIC_VERSION}
_SERVERS_CAN = {"anthropic": _SEES, "gemini": _SEES}


def server(
    slug: str,
    base_url: str,
    api_key: str | None = None,
    *,
    dialect: str = "openai",
    kinds: Sequence[Kind] | None = None,
    models: Mapping[str, tuple[str, ...]] | None = None,
    filtered: bool = False,
) -> Provider:
    """A server of somebody's own, such as vLLM or Ollama; it may need no key. By default it does all that its
    dialect can. `models` are those to tell clients of, with their voices. Raises ValueError for a base URL that is
    none."""
    services = [
        Service(
            kind,
            dialect,
            base_url,
            _SERVER_KEYS[dialect],
            _SERVER_HEADERS.get(dialect, {}),
            capabilities=_SERVERS_CAN.get(dialect, LlmCapabilities()),
            models=models or {},
        )
        for kind in kinds or SERVER_KINDS[dialect]
    ]
    return Provider(slug, slug, services, api_key, filtered=filtered, check=MODELS)
