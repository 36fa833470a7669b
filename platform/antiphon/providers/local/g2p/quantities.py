"""Rules that write out dates, times, money, telephone numbers, units and other numbers in English words."""

import re
from collections.abc import Callable
from functools import partial

from antiphon.providers.local.g2p.numbers import cardinal, decimal, digits, ordinal, plural, year

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_SHORT_MONTHS = r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?"
_MONTH = rf"(?P<month>{_SHORT_MONTHS}|(?:{'|'.join(month.capitalize() for month in _MONTHS)})\b)"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?:,? (?P<year>\d{4})\b)?"

_CURRENCIES = {
    "$": ("dollars", "cents"),
    "€": ("euros", "cents"),
    "£": ("pounds", "pence"),
    "¥": ("yen", "sen"),
    "₹": ("rupees", "paise"),
}
_SCALES = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion", "B": "billion"}

_UNITS = {
    "km/h": "kilometers per hour",
    "mph": "miles per hour",
    "m/s": "meters per second",
    "sq ft": "square feet",
    "km": "kilometers",
    "m": "meters",
    "cm": "centimeters",
    "mm": "millimeters",
    "mi": "miles",
    "ft": "feet",
    "kg": "kilograms",
    "g": "grams",
    "mg": "milligrams",
    "lb": "pounds",
    "lbs": "pounds",
    "oz": "ounces",
    "l": "liters",
    "L": "liters",
    "ml": "milliliters",
    "mL": "milliliters",
    "kWh": "kilowatt hours",
    "kW": "kilowatts",
    "MW": "megawatts",
    "W": "watts",
    "V": "volts",
    "mAh": "milliamp hours",
    "Hz": "hertz",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "GHz": "gigahertz",
    "kB": "kilobytes",
    "KB": "kilobytes",
    "MB": "megabytes",
    "GB": "gigabytes",
    "TB": "terabytes",
    "Mbps": "megabits per second",
    "Gbps": "gigabits per second",
    "ms": "milliseconds",
    "s": "seconds",
    "sec": "seconds",
    "min": "minutes",
    "mins": "minutes",
    "h": "hours",
    "hr": "hours",
    "hrs": "hours",
    "°C": "degrees celsius",
    "°F": "degrees fahrenheit",
    "°": "degrees",
    "%": "percent",
    "USD": "dollars",
    "EUR": "euros",
    "GBP": "pounds",
    "€": "euros",
}
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_SINGULARS = {"feet": "foot", "square feet": "square foot", "percent": "percent"}

_DENOMINATORS = {2: "half", 4: "quarter"}


def _time(match: re.Match[str]) -> str:
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    half = match["half"]
    spoken = cardinal(hour)
    if minute:
        spoken += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif not half:
        spoken += " o'clock" if 1 <= hour <= 12 else " hundred"
    if second:
        spoken += f" and {_counted(str(second), 'seconds')}"
    return f"{spoken} {half.upper()} M" if half else spoken


def _date(day: int, month: int, in_year: str | None) -> str:
    spoken = f"{_MONTHS[month - 1]} {ordinal(day)}"
    if not in_year:
        return spoken
    return f"{spoken}, {year(int(in_year)) if len(in_year) == 4 else cardinal(int(in_year))}"


def _iso_date(match: re.Match[str]) -> str:
    return _date(int(match["day"]), int(match["month"]), match["year"])


def _slashed_date(match: re.Match[str]) -> str:
    """Month first, as Americans write it, unless that can't be."""
    first, second = int(match[1]), int(match[2])
    month, day = (first, second) if first <= 12 else (second, first)
    return _date(day, month, match[3]) if 1 <= month <= 12 and 1 <= day <= 31 else str(match[0])


def _named_date(match: re.Match[str]) -> str:
    month = [name[:3] for name in _MONTHS].index(match["month"][:3].lower()) + 1
    return _date(int(match["day"]), month, match["year"])


def _money(match: re.Match[str]) -> str:
    amount, scale = match["amount"], match["scale"]
    unit, small = _CURRENCIES[match["currency"]]
    if scale:
        return f"{decimal(amount)} {_SCALES.get(scale, scale)} {unit}"
    whole, point, fraction = amount.partition(".")
    if point and len(fraction) != 2:
        return f"{decimal(amount)} {unit}"
    parts = []
    if whole.strip("0,") or not fraction.strip("0"):
        parts.append(_counted(whole, unit))
    if fraction.strip("0"):
        parts.append(_counted(str(int(fraction)), small))
    return " and ".join(parts)


def _counted(number: str, units: str) -> str:
    """`1` and `miles per hour` are `one mile per hour`."""
    if number == "1":
        first, *rest = units.split(" ", 1)
        units = _SINGULARS.get(units) or " ".join([first.removesuffix("s"), *rest])
    return f"{decimal(number)} {units}"


def _telephone(match: re.Match[str]) -> str:
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(digits(group) for group in re.findall(r"\d+", match[0]))


def _fraction(match: re.Match[str]) -> str:
    whole, upper, lower = match["whole"], int(match["upper"]), int(match["lower"])
    if not 0 < upper < lower:
        joint = " " if (upper, lower) == (24, 7) else " slash "
        spoken = f"{cardinal(upper)}{joint}{cardinal(lower)}"
    else:
        name = _DENOMINATORS.get(lower) or ordinal(lower)
        spoken = f"{cardinal(upper)} {name if upper == 1 else 'halves' if lower == 2 else plural(name)}"
    return f"{cardinal(int(whole))} and {spoken}" if whole else spoken


def _plain(match: re.Match[str]) -> str:
    text: str = match[0]
    if text.count(".") > 1:  # a version, an address
        return " point ".join(decimal(part) for part in text.split("."))
    if re.fullmatch(r"1[1-9]\d\d|20\d\d", text):
        return year(int(text))
    return digits(text) if re.fullmatch(r"\d{7,}", text) else decimal(text)


# The order matters: what is more specific comes first, and each rule leaves words where it found digits.
_RULES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"\b(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])\b", _iso_date),
    (r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b", _slashed_date),
    (rf"\b{_MONTH} ?{_DAY}\b(?![:/%]|\.\d){_YEAR}", _named_date),
    (rf"\b(?:the )?{_DAY} (?:of )?{_MONTH}{_YEAR}", _named_date),
    (
        r"(?i)\b(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?)? ?"
        r"(?P<half>[ap])(?:\.m\.(?=,| (?-i:[a-z]))|\.m\b|m\b)",
        _time,
    ),
    (r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?\b(?P<half>)", _time),
    (
        r"(?<![\w.,])(?:(?:\+\d{1,3}[ -]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}"
        r"|\d{3}-\d{4}|\+\d{1,3}(?:[ -]?\d{2,4}){2,5}|\d{4}(?:[ -]\d{4}){2,3})\b",
        _telephone,
    ),
    (r"(?<=[\d%])\s?[–-]\s?(?=[$€£]?\d)", lambda _: "to"),
    (r"(?<![\w)])[-−](?=[$€£]?\d)", lambda _: "minus"),
    (
        rf"(?P<currency>[$€£¥₹]) ?(?P<amount>{_NUMBER})"
        r"(?: ?(?P<scale>thousand|million|billion|trillion|bn|[kKmMB])\b)?",
        _money,
    ),
    (r"\b(\d{1,12})(?:st|nd|rd|th)\b", lambda match: ordinal(int(match[1]))),
    (r"\b(\d{3}0)s\b", lambda match: plural(year(int(match[1])))),
    (r"'?\b([2-9]0)s\b", lambda match: plural(cardinal(int(match[1])))),
    (
        rf"(?<![\w.])(?P<number>{_NUMBER}) ?(?P<unit>{_UNIT})(?!\w)",
        lambda match: _counted(match["number"], _UNITS[match["unit"]]),
    ),
    (
        r"(?<![\d/.,])(?:(?P<whole>\d{1,6}) (?:and )?)?(?P<upper>\d{1,2})/(?P<lower>\d{1,2})(?![\d/])",
        _fraction,
    ),
    (r"\b(\d+):(\d+)\b", lambda match: f"{decimal(match[1])} to {decimal(match[2])}"),
    (r"(?<=\d) ?[x×] ?(?=\d)", lambda _: "by"),
    (r"(?<=[A-Za-z])\d{3,}", lambda match: digits(match[0])),  # BA2490
    (rf"\d+(?:\.\d+){{2,}}|{_NUMBER}|\.\d+", _plain),
)
_COMPILED = tuple((re.compile(pattern), words) for pattern, words in _RULES)


def write_out(text: str) -> str:
    """`text` with every number in words. White space in it is one blank at a time."""
    for pattern, words in _COMPILED:
        text = pattern.sub(partial(_spaced, words), text)
    return text


def _spaced(words: Callable[[re.Match[str]], str], match: re.Match[str]) -> str:
    return f" {words(match)} "
