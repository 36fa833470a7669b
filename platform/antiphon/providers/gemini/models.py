"""How families of Gemini are told how much to think.

https://ai.google.dev/gemini-api/docs/generate-content/thinking
"""

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon.providers.base.effort import of_family

_LOW = ("low", "medium", "high")
_MINIMAL = ("minimal", *_LOW)


@dataclass(frozen=True, slots=True)
class Family:
    """Either the `levels` that the models take, the least first, or the least `budget` in tokens; neither for those
    that don't think. `signed`: what they called must come back with a signature."""

    levels: tuple[str, ...] = ()
    budget: int | None = None
    signed: bool = True
    temperature: bool = True


FAMILIES: Mapping[str, Family] = {
    "": Family(_LOW),  # newer than this list; all that think take these
    "gemini-1": Family(signed=False),
    "gemini-2.0": Family(signed=False),
    "gemini-2.5-flash": Family(budget=0, signed=False),
    "gemini-2.5-pro": Family(budget=128, signed=False),
    "gemini-3-flash": Family(_MINIMAL),
    "gemini-3.1-flash": Family(_MINIMAL),
    "gemini-3.5-flash": Family(_MINIMAL),
    "gemini-3.6-flash": Family(_MINIMAL),
    "gemini-4": Family(_LOW, temperature=False),
    "gemma": Family(signed=False),
}


def family_of(model: str) -> Family:
    return of_family(model, FAMILIES) or FAMILIES[""]
