"""Numbers in English words, the American way: no "and" within a number."""

_BELOW_TEN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    "ten",
    "eleven",
    "twelve",
    *(f"{stem}teen" for stem in ("thir", "four", "fif", "six", "seven", "eigh", "nine")),
)
_SMALL = (*_BELOW_TEN, *_TEENS)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_POWERS = (
    (10**15, "quadrillion"),
    (10**12, "trillion"),
    (10**9, "billion"),
    (10**6, "million"),
    (1000, "thousand"),
    (100, "hundred"),
)
_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_LONGEST = 18  # digits of a number that is read as a quantity


def digits(text: str) -> str:
    """Reads digit by digit: `"407"` is `four zero seven`. Other characters are left out."""
    return " ".join(_SMALL[int(char)] for char in text if char.isdecimal())


def cardinal(number: int) -> str:
    """`1234` is `one thousand two hundred thirty four`; `number` is from 0 to 10**18 - 1."""
    for power, name in _POWERS:
        if number >= power:
            rest = number % power
            return f"{cardinal(number // power)} {name}" + (f" {cardinal(rest)}" if rest else "")
    if number < 20:
        return _SMALL[number]
    return _TENS[number // 10] + (f" {_SMALL[number % 10]}" if number % 10 else "")


def ordinal(number: int) -> str:
    """`21` is `twenty first`."""
    *head, last = cardinal(number).split()
    if last in _IRREGULAR_ORDINALS:
        last = _IRREGULAR_ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return " ".join([*head, last])


def year(number: int) -> str:
    """`1905` is `nineteen oh five`, `2007` is `two thousand seven`; `number` has four digits."""
    century, rest = divmod(number, 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def decimal(text: str) -> str:
    """A number as it is written, with commas or not: `1,000.50` is `one thousand point five zero`.

    An integer with a leading zero, or too long to be said as a quantity, is read digit by digit.
    """
    whole, point, fraction = text.replace(",", "").partition(".")
    by_digits = len(whole) > _LONGEST or (len(whole) > 1 and whole.startswith("0"))
    spoken = digits(whole) if by_digits else cardinal(int(whole or "0"))
    return f"{spoken} point {digits(fraction)}" if point else spoken


def plural(words: str) -> str:
    """`nineteen nineties` from `nineteen ninety`, for decades and denominators."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith(("x", "s")) else "s")
