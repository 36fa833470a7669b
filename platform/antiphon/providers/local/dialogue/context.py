"""What a skill may know besides the utterance itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from random import Random

from antiphon.providers.base.llm import LlmRequest, Message
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.persona import Persona

Answer = str | Iterator[str]
"""A short answer is a text. A long one is an iterator of pieces, made while they are spoken; the pieces are
joined by spaces, and are never shortened, because length was what the user asked for."""


@dataclass(frozen=True)
class Context:
    """The conversation before the utterance, and the time in the user's time zone."""

    now: datetime
    persona: Persona
    earlier: Sequence[Message]

    @classmethod
    def of(cls, request: LlmRequest, now: datetime) -> "Context":
        """`earlier` ends before the last user message, if there is one."""
        messages = request.messages
        ends = [index for index, message in enumerate(messages) if message.role == "user"]
        system = [message.text for message in messages if message.role == "system"]
        persona = Persona.of("\n".join([request.instructions, *system]))
        return cls(now, persona, tuple(messages[: ends[-1]] if ends else messages))

    @cached_property
    def heard(self) -> tuple[Utterance, ...]:
        """What the user said before, oldest first."""
        return tuple(self.utterance(message.text) for message in self.earlier if message.role == "user")

    @cached_property
    def last_said(self) -> str:
        """The assistant's last words, or an empty text."""
        said = (message.text for message in reversed(self.earlier) if message.role == "assistant")
        return next((text for text in said if text.strip()), "")

    def utterance(self, text: str) -> Utterance:
        return Utterance.of(text, names=("antiphon", self.persona.name))

    def random(self, utterance: Utterance) -> Random:
        """Chance that is the same for the same conversation, and differs from turn to turn."""
        spoken = "\n".join([*(earlier.text for earlier in self.heard), utterance.text])
        return Random(blake2b(spoken.encode(), digest_size=8).digest())


Skill = Callable[[Utterance, Context], Answer | None]
"""Answers what it understands, and returns None for everything else."""
