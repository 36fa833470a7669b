"""`local/dialogue`: a deterministic stand-in for a language model, without network, key or weights."""

from antiphon.providers.local.dialogue.model import DialogueModel

__all__ = ["DialogueModel"]
