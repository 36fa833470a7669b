"""OpenAI-compatible servers as data: the known vendors, and the shape in which a host adds its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.llm import LlmCapabilities
from antiphon.providers.openai_compatible.chat import Quirks


@dataclass(frozen=True, slots=True)
class Server:
    """A server and what is known of it. `slug` is the part of a model's name before the first slash.

    The models listed are those that clients are told of; others are passed on, the server knows them best.
    Raises ValueError for a base URL that is none.
    """

    slug: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    key_setting: str | None = None
    """Where the key comes from, for people to read. None: the server needs no key."""
    models: Mapping[str, LlmCapabilities] = field(default_factory=dict)
    speech_to_text: tuple[str, ...] = ()
    text_to_speech: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The voices of each model, its default voice first; with none, any voice is passed on."""
    quirks: Quirks = field(default_factory=Quirks)
    endpoint: Endpoint = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", Endpoint(self.base_url, self.api_key))

    @property
    def usable(self) -> bool:
        return self.api_key is not None or self.key_setting is None

    def name_of(self, model: str) -> str:
        return f"{self.slug}/{model}"


VENDORS: tuple[Server, ...] = (
    Server(
        "openai",
        "https://api.openai.com/v1",
        key_setting="OPENAI_API_KEY",
        quirks=Quirks(max_completion_tokens=True),
    ),
    Server("groq", "https://api.groq.com/openai/v1", key_setting="GROQ_API_KEY"),
    Server("mistral", "https://api.mistral.ai/v1", key_setting="MISTRAL_API_KEY"),
    Server("xai", "https://api.x.ai/v1", key_setting="XAI_API_KEY"),
    Server("together", "https://api.together.xyz/v1", key_setting="TOGETHER_API_KEY"),
    Server("fireworks", "https://api.fireworks.ai/inference/v1", key_setting="FIREWORKS_API_KEY"),
    Server("deepseek", "https://api.deepseek.com/v1", key_setting="DEEPSEEK_API_KEY"),
    Server("cerebras", "https://api.cerebras.ai/v1", key_setting="CEREBRAS_API_KEY"),
    Server("openrouter", "https://openrouter.ai/api/v1", key_setting="OPENROUTER_API_KEY"),
    Server("sambanova", "https://api.sambanova.ai/v1", key_setting="SAMBANOVA_API_KEY"),
    Server("nebius", "https://api.tokenfactory.nebius.com/v1", key_setting="NEBIUS_API_KEY"),
    Server("nvidia", "https://integrate.api.nvidia.com/v1", key_setting="NVIDIA_API_KEY"),
    Server("novita", "https://api.novita.ai/openai", key_setting="NOVITA_API_KEY"),
    Server("moonshot", "https://api.moonshot.ai/v1", key_setting="MOONSHOT_API_KEY"),
)
"""Without keys: `dataclasses.replace(vendor, api_key=...)` makes one usable."""
