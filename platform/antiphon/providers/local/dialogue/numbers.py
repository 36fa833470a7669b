"""Numbers in words: those that a recogniser wrote are read, those that a voice should say are spelled out."""

from collections.abc import Sequence
from fractions import Fraction

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = (
    "thousand", "million", "billion", "trillion", "quadrillion", "quintillion", "sextillion", "septillion",
    "octillion", "nonillion", "decillion",
)  # fmt: skip

_UNIT_VALUES = {word: value for value, word in enumerate(_SMALL)}
_TENS_VALUES = {word: 10 * value for value, word in enumerate(_TENS, start=2)}
_SCALE_VALUES = {word: 1000**power for power, word in enumerate(_SCALES, start=1)}
_GROUP_VALUES = {"hundred": 100, "dozen": 12}

_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

LARGEST = 1000 ** (len(_SCALES) + 1) - 1
"""The largest whole number that `cardinal` has words for."""


class TooLarge(ValueError):
    """There are no words for the number."""


def cardinal(number: int) -> str:
    """`144` as "one hundred forty-four". Raises TooLarge beyond `LARGEST` in either direction."""
    if abs(number) > LARGEST:
        raise TooLarge("That number is too large for me to say.")
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_SMALL[rest]}" if rest else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{_SMALL[hundreds]} hundred" + (f" {cardinal(rest)}" if rest else "")
    groups: list[str] = []
    for scale in ("", *_SCALES):
        number, group = divmod(number, 1000)
        if group:
            groups.append(f"{cardinal(group)} {scale}".rstrip())
        if not number:
            break
    return " ".join(reversed(groups))


def ordinal(number: int) -> str:
    """`22` as "twenty-second"."""
    head, separator, last = cardinal(number).rpartition("-")
    if not separator:
        head, separator, last = last.rpartition(" ")
    if last in _IRREGULAR_ORDINALS:
        last = _IRREGULAR_ORDINALS[last]
    elif last.endswith("y"):
        last = f"{last[:-1]}ieth"
    else:
        last = f"{last}th"
    return f"{head}{separator}{last}"


def spoken_year(year: int) -> str:
    """`1984` as "nineteen eighty-four", `2005` as "two thousand five"."""
    century, rest = divmod(year, 100)
    if not 1000 <= year <= 9999 or (century % 10 == 0 and rest < 10):
        return cardinal(year)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def spoken(value: Fraction | int, places: int = 2) -> str:
    """A value in words: "twelve point five"; "about three point three three" where it had to be rounded.

    `places` are the decimals kept, counted from the first digit that is not zero. Raises TooLarge beyond
    `LARGEST`.
    """
    value = Fraction(value)
    if value.denominator == 1:
        return cardinal(value.numerator)
    kept = places
    while kept < 12 and abs(value) < Fraction(1, 10 ** (kept - places + 1)):
        kept += 1
    exact = next((n for n in range(1, kept + 3) if (value * 10**n).denominator == 1), None)
    rounded = value if exact is not None else round(value, kept)
    return ("" if exact is not None else "about ") + _decimal(rounded, exact or kept)


def _decimal(value: Fraction, places: int) -> str:
    sign = "minus " if value < 0 else ""
    whole, rest = divmod(abs(value), 1)
    digits = f"{int(rest * 10**places):0{places}d}".rstrip("0")
    return (
        sign + cardinal(int(whole)) + (" point " + " ".join(_SMALL[int(d)] for d in digits) if digits else "")
    )


def to_digits(words: Sequence[str]) -> list[str]:
    """The words with every spoken number written in digits: "two hundred and five" is one word, "205".

    A leading "minus" becomes a sign unless a number stands before it: then it is a subtraction.
    """
    out: list[str] = []
    at = 0
    while at < len(words):
        read = read_number(words, at)
        if read is None:
            out.append(words[at])
            at += 1
            continue
        text, at = read
        after_number = len(out) > 1 and is_number(out[-2])
        if (
            out
            and out[-1].lower() in ("minus", "negative", "-")
            and not after_number
            and not text.startswith("-")
        ):
            out[-1] = f"-{text}"
        else:
            out.append(text)
    return out


def is_number(word: str) -> bool:
    """Whether a word is a number in digits, such as "-12.5"."""
    return word.removeprefix("-").replace(".", "", 1).isdecimal()


def read_number(words: Sequence[str], at: int) -> tuple[str, int] | None:
    """The number that starts at `words[at]`, in digits, and the index after it."""
    total, start = Fraction(0), at
    group: Fraction | None = None
    last = ""  # the kind of the last word read, which decides what may follow it
    while at < len(words):
        word = words[at].lower()
        following = words[at + 1].lower() if at + 1 < len(words) else ""
        if word in _UNIT_VALUES and (
            last in ("", "hundred", "scale") or (last == "tens" and 0 < _UNIT_VALUES[word] < 10)
        ):
            group, last = (group or Fraction(0)) + _UNIT_VALUES[word], "unit"
        elif word in _TENS_VALUES and last in ("", "hundred", "scale"):
            group, last = (group or Fraction(0)) + _TENS_VALUES[word], "tens"
        elif is_number(word) and not last:
            group, last = Fraction(word), "digits"
        elif word in _GROUP_VALUES and last in ("unit", "tens", "digits"):
            group, last = (group or Fraction(0)) * _GROUP_VALUES[word], "hundred"
        elif word in _SCALE_VALUES and last in ("unit", "tens", "digits", "hundred"):
            total, group, last = total + (group or 0) * _SCALE_VALUES[word], None, "scale"
        elif word in ("a", "an") and not last and (following in _GROUP_VALUES or following in _SCALE_VALUES):
            group, last = Fraction(1), "unit"
        elif not (word == "and" and last in ("hundred", "scale") and _continues(following)):
            break
        at += 1
    if at == start:
        return None
    value = total + (group or 0)
    if last in ("unit", "tens", "hundred", "scale") and at < len(words) and words[at].lower() == "point":
        fraction, after = _read_decimals(words, at + 1)
        if fraction:
            return f"{value}.{fraction}", after
    return _digits(value), at


def _continues(word: str) -> bool:
    return word in _UNIT_VALUES or word in _TENS_VALUES


def _read_decimals(words: Sequence[str], at: int) -> tuple[str, int]:
    digits = ""
    while at < len(words) and (words[at] == "oh" or _UNIT_VALUES.get(words[at], 10) < 10):
        digits += str(_UNIT_VALUES.get(words[at], 0))
        at += 1
    return digits, at


def _digits(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):f}".rstrip("0").rstrip(".")
