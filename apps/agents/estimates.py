"""What a minute with an agent costs, and how long it takes to answer, about: to choose by, never to bill by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from antiphon.metering.rates import RateCard
from antiphon.protocol.session import SemanticVad, ServerVad
from antiphon.providers.base.usage import Quantities
from antiphon.providers.catalogue.entries import Entry, SpeechToTextEntry
from apps.agents.spec import AgentSpec

WORDS_A_MINUTE = 150  # of somebody who speaks
TALKING = 0.4  # each side's share of a minute; the rest is silence
TURNS = 4  # a minute
INTO_THE_CALL = 2.5  # minutes of conversation that the model reads again with every turn

_WORDS = WORDS_A_MINUTE * TALKING  # of each side, in a minute
_CHARACTERS_A_WORD = 6  # with the space after it
_TOKENS_A_WORD = 4 / 3
_CHARACTERS_A_TOKEN = 4
_TOKENS_A_TOOL = 80
_HEARD_TOKENS_A_SECOND = 10  # of models that hear, as OpenAI counts
_SPOKEN_TOKENS_A_SECOND = 20
_SPOKEN_MS = round(TALKING * 60_000)
_HISTORY_TOKENS = round(2 * _WORDS * INTO_THE_CALL * _TOKENS_A_WORD)
_HEARD_HISTORY_TOKENS = round(2 * TALKING * 60 * INTO_THE_CALL * _HEARD_TOKENS_A_SECOND)

_EAGERNESS_MS: Mapping[str, int] = {"high": 200, "medium": 300, "auto": 300, "low": 500}
_RECOGNISED_MS, _RECOGNISED_WHILE_SPOKEN_MS, _RECOGNISED_HERE_MS = 400, 150, 280
_FIRST_WORD_MS, _FIRST_WORD_HERE_MS = 450, 5
_FIRST_SOUND_MS, _FIRST_SOUND_HERE_MS = 200, 270
_SPOKEN_ANSWER_MS = 500  # of a model that speaks itself

ASSUMPTIONS = (
    f"Each side talks {TALKING:.0%} of the time, at {WORDS_A_MINUTE} words a minute, in {TURNS} turns a minute, "
    f"{INTO_THE_CALL:g} minutes into a call. Prices are those that vendors list; times are usual ones, not "
    "measured here."
)


@dataclass(frozen=True, slots=True)
class UsedModels:
    """What an agent's sessions use, by full names; several where a router chooses."""

    language: Sequence[str]
    recogniser: Sequence[str] = ()
    voice: Sequence[str] = ()
    speaks_itself: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A stage of the cascade. `least` and `most` are micro-dollars a minute, None where no price is known."""

    label: str
    models: Sequence[str]
    least: int | None
    most: int | None
    wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    parts: Sequence[Part]

    @property
    def least(self) -> int:
        """Micro-dollars a minute, of what has a price."""
        return sum(part.least or 0 for part in self.parts)

    @property
    def most(self) -> int:
        return sum(part.most or 0 for part in self.parts)

    @property
    def unpriced(self) -> Sequence[str]:
        """The labels of the parts whose price nobody knows."""
        return [part.label for part in self.parts if part.least is None]

    @property
    def wait_ms(self) -> int:
        """From the end of what the user says to the first sound of the answer."""
        return sum(part.wait_ms for part in self.parts)


def estimate(
    spec: AgentSpec, models: UsedModels, rates: RateCard, catalogue: Mapping[str, Entry], at: float
) -> Estimate:
    """`at` is in ms since 1970: prices are those of that day."""

    def part(label: str, names: Sequence[str], used: Quantities, wait_ms: int) -> Part:
        prices = [rates.price(name, used, at) for name in names]
        known = [priced.price_micro for priced in prices if not priced.unpriced]
        least, most = (min(known), max(known)) if known else (None, None)
        return Part(label, names, least, most, wait_ms)

    turn_end = Part("End of turn", (), 0, 0, _turn_end_ms(spec))
    if models.speaks_itself:
        return Estimate([turn_end, part("Model", models.language, _conversed(spec), _SPOKEN_ANSWER_MS)])
    return Estimate(
        [
            turn_end,
            part("Recogniser", models.recogniser, _heard(), _recognition_ms(models.recogniser, catalogue)),
            part(
                "Model",
                models.language,
                _answered(spec),
                _FIRST_WORD_HERE_MS if _is_here(models.language) else _FIRST_WORD_MS,
            ),
            part(
                "Voice",
                models.voice,
                _spoken(),
                _FIRST_SOUND_HERE_MS if _is_here(models.voice) else _FIRST_SOUND_MS,
            ),
        ]
    )


def _heard() -> Quantities:
    return {
        "input_audio_ms": _SPOKEN_MS,
        "session_ms": _SPOKEN_MS,
        "input_audio_token": _SPOKEN_MS * _HEARD_TOKENS_A_SECOND // 1000,
        "output_text_token": round(_WORDS * _TOKENS_A_WORD),
    }


def _answered(spec: AgentSpec) -> Quantities:
    return {
        "input_text_token": TURNS * (_prompt_tokens(spec) + _HISTORY_TOKENS),
        "output_text_token": round(_WORDS * _TOKENS_A_WORD),
    }


def _spoken() -> Quantities:
    return {"character": round(_WORDS * _CHARACTERS_A_WORD), "output_audio_ms": _SPOKEN_MS, "request": TURNS}


def _conversed(spec: AgentSpec) -> Quantities:
    """Of a model that hears and speaks itself, which reads all but what is new from its cache."""
    prompt = _prompt_tokens(spec)
    return {
        "input_text_token": prompt,
        "cached_text_token": (TURNS - 1) * prompt,
        "input_audio_token": _SPOKEN_MS * _HEARD_TOKENS_A_SECOND // 1000,
        "cached_audio_token": TURNS * _HEARD_HISTORY_TOKENS,
        "output_text_token": round(_WORDS * _TOKENS_A_WORD),
        "output_audio_token": _SPOKEN_MS * _SPOKEN_TOKENS_A_SECOND // 1000,
        "session_ms": 60_000,
    }


def _prompt_tokens(spec: AgentSpec) -> int:
    return math.ceil(len(spec.prompt.instructions) / _CHARACTERS_A_TOKEN) + _TOKENS_A_TOOL * len(spec.tools)


def _turn_end_ms(spec: AgentSpec) -> int:
    match spec.turn_taking:
        case ServerVad() as vad:
            return vad.silence_duration_ms
        case SemanticVad() as semantic:
            return _EAGERNESS_MS[semantic.eagerness]
    return 0


def _recognition_ms(names: Sequence[str], catalogue: Mapping[str, Entry]) -> int:
    if _is_here(names):
        return _RECOGNISED_HERE_MS
    entries = [catalogue.get(name) for name in names]
    while_spoken = all(isinstance(e, SpeechToTextEntry) and e.capabilities.streaming for e in entries)
    return _RECOGNISED_WHILE_SPOKEN_MS if while_spoken else _RECOGNISED_MS


def _is_here(names: Sequence[str]) -> bool:
    return all(name.startswith("local/") for name in names)
