"""Dates and times of day: finding them in words, and saying them."""

import re
from datetime import date, time, timedelta

from antiphon.providers.local.dialogue.numbers import cardinal, ordinal, spoken_year

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_FIXED_HOLIDAYS = {
    "christmas eve": (12, 24),
    "christmas": (12, 25),
    "new year's eve": (12, 31),
    "new years eve": (12, 31),
    "new year": (1, 1),
    "new years": (1, 1),
    "new year's": (1, 1),
    "valentine's": (2, 14),
    "valentines": (2, 14),
    "saint patrick's": (3, 17),
    "april fools": (4, 1),
    "independence": (7, 4),
    "halloween": (10, 31),
}
_ORDINALS = {ordinal(n).replace("-", " "): n for n in range(1, 32)}
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_MONTH = rf"(?P<month>{'|'.join(MONTHS)})"
_YEAR = r"(?:,? (?P<year>\d{4}))?"
_MONTH_DAY = re.compile(rf"\b{_MONTH} (?:the )?{_DAY}\b(?!:){_YEAR}")
_DAY_MONTH = re.compile(rf"\b(?:the )?{_DAY} (?:of )?{_MONTH}\b{_YEAR}")
_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_IN = re.compile(r"\b(?:in (\d{1,4}|a) (day|week)s?|(\d{1,4}|a) (day|week)s? from (?:now|today))\b")
_WEEKDAY = re.compile(rf"\b(?:on )?(next |last |this |coming )?({'|'.join(WEEKDAYS)})\b")
_HOLIDAY = re.compile(
    rf"\b({'|'.join(sorted(_FIXED_HOLIDAYS, key=len, reverse=True))}|thanksgiving)\b(?: day)?"
)
_RELATIVE = {
    "day after tomorrow": 2,
    "day before yesterday": -2,
    "tomorrow": 1,
    "yesterday": -1,
    "today": 0,
    "tonight": 0,
}
_RELATIVE_PATTERN = re.compile(rf"\b(?:the )?({'|'.join(_RELATIVE)})\b")
_ORDINAL_WORDS = re.compile(rf"\b({'|'.join(sorted(_ORDINALS, key=len, reverse=True))})\b")

_CLOCK = re.compile(
    r"\b(?P<opening>at |by |around |for )?(?P<hour>\d{1,2})"
    r"(?::(?P<minute>\d\d)| (?P<spoken>[0-5]\d|oh \d)\b)? ?"
    r"(?P<half>am|pm|o'clock|oclock|in the morning|in the afternoon|in the evening|at night)?\b"
)
_PAST = re.compile(
    r"\b(?:at )?(?P<part>half|(?:a )?quarter|\d{1,2}(?: minutes?)?) (?P<side>past|after|to"
    r"|before) (?P<hour>\d{1,2})"
    r"(?: (?P<half>am|pm|in the morning|in the afternoon|in the evening|at night))?\b"
)
_NAMED_TIMES = {"noon": time(12), "midday": time(12), "midnight": time(0)}
_NAMED_TIME = re.compile(rf"\b(?:at )?({'|'.join(_NAMED_TIMES)})\b")

Span = tuple[int, int]


def find_date(digits: str, today: date) -> tuple[date, Span] | None:
    """The first date in normalised words with numbers in digits, and where it stands.

    A date without a year is the next one; a weekday is the next such day after today. An impossible date,
    such as the thirtieth of February, is no date.
    """
    if found := _ISO.search(digits):
        return _checked(int(found[1]), int(found[2]), int(found[3]), found.span())
    if found := _RELATIVE_PATTERN.search(digits):
        return today + timedelta(days=_RELATIVE[found[1]]), found.span()
    if found := _MONTH_DAY.search(digits) or _DAY_MONTH.search(digits):
        return _in_year(
            MONTHS.index(found["month"]) + 1, int(found["day"]), found["year"], today, found.span()
        )
    if found := _HOLIDAY.search(digits):
        if found[1] == "thanksgiving":
            return _thanksgiving(today), found.span()
        return _in_year(*_FIXED_HOLIDAYS[found[1]], None, today, found.span())
    if found := _IN.search(digits):
        count, unit = (found[1], found[2]) if found[1] else (found[3], found[4])
        days = (1 if count == "a" else int(count)) * (7 if unit == "week" else 1)
        return today + timedelta(days=days), found.span()
    if found := _WEEKDAY.search(digits):
        ahead = (WEEKDAYS.index(found[2]) - today.weekday()) % 7 or 7
        return today + timedelta(days=ahead - 7 if found[1] == "last " else ahead), found.span()
    return None


def with_ordinal_digits(digits: str) -> str:
    """Ordinal words in digits ("december twenty fifth" with "25th"), which `find_date` expects."""
    digits = re.sub(
        r"\b(20|30) (first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)\b", _compound, digits
    )
    return _ORDINAL_WORDS.sub(lambda word: f"{_ORDINALS[word[1]]}th", digits)


def find_time(digits: str, *, early: bool = False) -> tuple[time, Span] | None:
    """The first time of day in normalised words with numbers in digits, and where it stands.

    "7" without more is an hour only after "at", "by" or "around", "7 30" also after "for". Hours from one to
    seven without "am" or "pm" are in the afternoon, which is when people book things, unless it is `early`.
    """
    if found := _NAMED_TIME.search(digits):
        return _NAMED_TIMES[found[1]], found.span()
    if found := _PAST.search(digits):
        part = found["part"].removeprefix("a ")
        minutes = {"half": 30, "quarter": 15}.get(part) or int(part.split()[0])
        hour = _hour(int(found["hour"]), found["half"], early=early)
        if hour is None or minutes > 59:
            return None
        if found["side"] in ("to", "before"):
            return time((hour - 1) % 24, 60 - minutes), found.span()
        return time(hour, minutes), found.span()
    for found in _CLOCK.finditer(digits):
        opened = found["opening"] and (found["opening"] != "for " or found["spoken"])
        marked = found["half"] or found["minute"] or opened
        hour = _hour(int(found["hour"]), found["half"], early=early)
        minute = int((found["minute"] or found["spoken"] or "0").removeprefix("oh "))
        if marked and hour is not None and minute < 60:
            return time(hour, minute), found.span()
    return None


def say_date(day: date, today: date | None = None) -> str:
    """ "Sunday, November twenty-second", with the year unless it is `today`'s."""
    text = f"{day:%A}, {day:%B} {ordinal(day.day)}"
    return text if today is not None and day.year == today.year else f"{text}, {spoken_year(day.year)}"


def say_time(at: time) -> str:
    """ "three oh five in the afternoon"."""
    if at.minute == 0 and at.hour in (0, 12):
        return "midnight" if at.hour == 0 else "noon"
    if at.minute == 0:
        minutes = "o'clock"
    else:
        minutes = f"oh {cardinal(at.minute)}" if at.minute < 10 else cardinal(at.minute)
    return f"{cardinal((at.hour - 1) % 12 + 1)} {minutes} {part_of_day(at.hour)}"


def part_of_day(hour: int) -> str:
    if hour < 12:
        return "in the morning"
    if hour < 18:
        return "in the afternoon"
    return "in the evening" if hour < 22 else "at night"


def _compound(found: re.Match[str]) -> str:
    units = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"]
    return f"{int(found[1]) + units.index(found[2]) + 1}th"


def _in_year(month: int, day: int, year: str | None, today: date, span: Span) -> tuple[date, Span] | None:
    found = _checked(int(year) if year else today.year, month, day, span)
    if found and not year and found[0] < today:
        return _checked(today.year + 1, month, day, span)
    return found


def _checked(year: int, month: int, day: int, span: Span) -> tuple[date, Span] | None:
    try:
        return date(year, month, day), span
    except ValueError:
        return None


def _thanksgiving(today: date) -> date:
    """The fourth Thursday of November, this year or next."""
    for year in (today.year, today.year + 1):
        first = date(year, 11, 1)
        day = first + timedelta(days=(3 - first.weekday()) % 7 + 21)
        if day >= today:
            break
    return day


def _hour(hour: int, half: str | None, *, early: bool) -> int | None:
    if hour > 23:
        return None
    if hour > 12 or hour == 0:
        return hour
    if half in ("am", "in the morning"):
        return hour % 12
    if half in ("pm", "in the afternoon", "in the evening") or (half == "at night" and hour > 5):
        return hour % 12 + 12
    if half == "at night":
        return hour % 12
    return hour + 12 if hour <= 7 and not early else hour
