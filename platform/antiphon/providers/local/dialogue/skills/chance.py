"""Coins, dice, random numbers and choices; the same conversation always gets the same luck."""

import re

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.numbers import cardinal

_COIN = re.compile(
    r"(?:flip|toss|throw)(?: me)? (?:a|the|that|another) coin(?: again)?|heads or tails"
    r"|(?:do a )?coin (?:flip|toss)"
)
_DICE = re.compile(
    r"(?:roll|throw|toss)(?: me)? (?P<count>a|the|1|2|3|4|5|6|some|another|an)?"
    r" ?(?:(?P<sides>\d+) sided )?(?:die|dice|d(?: (?P<d>\d+))?)(?: again)?"
)
_NUMBER = re.compile(
    r"(?:pick|choose|give me|tell me|say|generate|think of|guess|i need)(?: me)? (?:a|any"
    r"|another|1)(?: random)? number"
    r"(?: (?:between|from) (?P<low>-?\d+) (?:and|to) (?P<high>-?\d+))?"
    r"|random number(?: (?:between|from) (?P<low2>-?\d+) (?:and|to) (?P<high2>-?\d+))?"
)
_CHOICE = re.compile(
    r"(?:pick|choose|decide)(?: (?:1|between|for me))*:? (?P<one>[a-z' ]+?) or (?P<two>[a-z' ]+)"
)


def match(utterance: Utterance, context: Context) -> str | None:
    random, digits = context.random(utterance), utterance.digits
    if _COIN.fullmatch(digits):
        return f"It's {random.choice(('heads', 'tails'))}."
    if dice := _DICE.fullmatch(digits):
        count = int(dice["count"]) if (dice["count"] or "").isdecimal() else 1
        sides = max(2, int(dice["sides"] or dice["d"] or 6))
        rolls = [random.randint(1, sides) for _ in range(count)]
        if count == 1:
            return f"You rolled {_article(rolls[0])}."
        listed = ", ".join(cardinal(roll) for roll in rolls[:-1])
        return f"You rolled {listed} and {cardinal(rolls[-1])}, which makes {cardinal(sum(rolls))}."
    if asked := _NUMBER.fullmatch(digits):
        low, high = int(asked["low"] or asked["low2"] or 1), int(asked["high"] or asked["high2"] or 100)
        return f"{cardinal(random.randint(min(low, high), max(low, high))).capitalize()}."
    if choice := _CHOICE.fullmatch(utterance.core):
        return f"I'd go with {random.choice((choice['one'], choice['two']))}."
    return None


def _article(roll: int) -> str:
    word = cardinal(roll)
    return f"{'an' if word.startswith(('eight', 'eleven')) else 'a'} {word}"
