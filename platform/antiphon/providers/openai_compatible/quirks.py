"""What is known of the servers of providers, by slug. Who is not listed takes what most take.

Which efforts a model takes changes with its version; where that is not known, none is sent unless a session asks.
"""

from collections.abc import Mapping

from antiphon.providers.openai_compatible.chat import Quirks

_GPT_OSS = ("low", "medium", "high")
_TOGGLE = ("none", "medium")  # reasons, or does not

QUIRKS: Mapping[str, Quirks] = {
    # https://platform.openai.com/docs/guides/reasoning: the models called `chat` take no effort.
    "openai": Quirks(
        max_completion_tokens=True,
        prompt_cache_key=True,
        efforts={
            "o1": ("low", "medium", "high"),
            "o3": ("low", "medium", "high"),
            "o4-mini": ("low", "medium", "high"),
            "gpt-5": ("minimal", "low", "medium", "high"),
            "gpt-5-chat": (),
            "gpt-5-pro": ("high",),
            "gpt-5.": ("none", "low", "medium", "high"),
            "gpt-5.1-chat": (),
            "gpt-5.2-chat": (),
            "gpt-5.3-chat": (),
            "gpt-6": ("none", "low", "medium", "high"),
        },
    ),
    # https://console.groq.com/docs/reasoning
    "groq": Quirks(efforts={"openai/gpt-oss": _GPT_OSS, "qwen/qwen3": ("none", "medium")}),
    # https://docs.mistral.ai/api: sends usage unasked, refuses fields that it does not know.
    "mistral": Quirks(stream_options=False, short_call_ids=True),
    # https://docs.x.ai/docs/guides/reasoning
    "xai": Quirks(efforts={"grok-3-mini": ("low", "high"), "grok-4.3": ("none", "low", "medium", "high")}),
    "together": Quirks(efforts={"openai/gpt-oss": _GPT_OSS}),
    "fireworks": Quirks(efforts={"accounts/fireworks/models/gpt-oss": _GPT_OSS}),
    # https://inference-docs.cerebras.ai/capabilities/reasoning
    "cerebras": Quirks(
        max_completion_tokens=True, efforts={"gpt-oss": _GPT_OSS, "zai-glm": ("none", "medium")}
    ),
    # https://api-docs.deepseek.com/guides/thinking_mode
    "deepseek": Quirks(reasoning="thinking", efforts={"deepseek": _TOGGLE, "deepseek-reasoner": ()}),
    # https://openrouter.ai/docs/guides/best-practices/reasoning-tokens
    "openrouter": Quirks(reasoning="reasoning"),
    # https://platform.moonshot.ai/docs: Kimi K3 always reasons.
    "moonshot": Quirks(reasoning="thinking", efforts={"kimi-k2.5": _TOGGLE, "kimi-k2.6": _TOGGLE}),
    # https://www.alibabacloud.com/help/en/model-studio/deep-thinking
    "qwen": Quirks(reasoning="enable_thinking", efforts={"qwen3": _TOGGLE, "qwen-": _TOGGLE}),
    # https://docs.z.ai/guides/capabilities/thinking
    "zai": Quirks(reasoning="thinking", efforts={"glm-": _TOGGLE}),
    # Thoughts come as text in tags unless they are asked for apart.
    "minimax": Quirks(extra={"reasoning_split": True}),
}
