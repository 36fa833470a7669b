"""The time and the date, here and in the cities that the time zone database knows."""

import re
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.dates import find_date, say_date, say_time, with_ordinal_digits
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.numbers import cardinal, spoken_year

_TIME = re.compile(
    r"(?:what time is it|what is the time|what time it is|what the time is|the time|time"
    r"|have you got the time"
    r"|do you have the time|tell me the time|tell the time|tell me what time it is"
    r"|current time|what is the current time"
    r"|what time do you have|how late is it)(?: (?:now|right now|here|at the moment|today|please))?"
    r"(?: in (?P<city>[a-z' ]+?))?(?: now| right now)?"
)
_TODAY = re.compile(
    r"(?:what(?: is| was| will)? ?(?:the )?(?P<part>date|day|weekday|month|year)"
    r"(?: of the (?:week|month|year))?(?: (?:is|was))?(?: (?:it|this|be|today|now|today now"
    r"|it today|we have today|the date|the date today))?"
    r"|what is today|tell me the (?P<told>date|day|month|year)(?: today)?|(?:today is )?date|what day it is)"
)
_DAY_OF = re.compile(
    r"(?:what|which)(?: \w+)? ?(?:date|day|weekday)(?: of the week)? (?:is|was|will"
    r"|do we have)(?: it)?(?: be)? (?P<when>.+?)(?: be)?"
    r"|what is the (?:date|day) (?:on |of )?(?P<later>.+)|when is (?P<holiday>.+)"
    r"|what is (?P<relative>tomorrow|yesterday)"
    r"|what is (?P<possessive>tomorrow|today|yesterday)'s date|what is (?P<is>tomorrow|today"
    r"|yesterday) is date"
)
_UNTIL = re.compile(
    r"how (?:many (?P<unit>days|weeks)|long)(?: is it| are there| are left| left| do we have"
    r"| remain| to go| more)*"
    r" (?:until|till|til|to|before) (?P<when>.+)"
)


def match(utterance: Utterance, context: Context) -> str | None:
    core = utterance.core
    if asked := _TIME.fullmatch(core):
        return _time(context, asked["city"])
    if asked := _TODAY.fullmatch(core):
        return _today(context, asked["part"] or asked["told"] or "day")
    digits = with_ordinal_digits(utterance.digits)
    if asked := _UNTIL.fullmatch(digits):
        return _until(context, asked["when"], weeks=asked["unit"] == "weeks")
    if asked := _DAY_OF.fullmatch(digits):
        return _day_of(context, next(group for group in asked.groups() if group))
    return None


def _time(context: Context, city: str | None) -> str | None:
    if city is None or city in ("here", "the morning"):
        return f"It's {say_time(context.now.time())}."
    zone = _zones().get(city)
    if zone is None:
        return None
    return f"It's {say_time(context.now.astimezone(ZoneInfo(zone)).time())} in {city.title()}."


def _today(context: Context, part: str) -> str:
    now = context.now
    if part == "month":
        return f"It's {now:%B}."
    if part == "year":
        return f"It's {spoken_year(now.year)}."
    return f"Today is {say_date(now.date(), None if part == 'date' else now.date())}."


def _day_of(context: Context, when: str) -> str | None:
    today = context.now.date()
    found = find_date(when, today)
    if found is None:
        return None
    day = found[0]
    subject = when.capitalize() if when in ("today", "tomorrow", "yesterday") else "That"
    verb = " was" if day < today else "'s" if subject == "That" else " is"
    return f"{subject}{verb} {say_date(day, today)}."


def _until(context: Context, when: str, *, weeks: bool) -> str | None:
    today = context.now.date()
    found = find_date(when, today)
    if found is None:
        return None
    days = (found[0] - today).days
    if days <= 0:
        return "That's today!" if days == 0 else f"That was {_count(-days, 'day')} ago."
    name = say_date(found[0], today) if re.search(r"\d", when) else _title(when)
    if weeks and days >= 7:
        whole, rest = divmod(days, 7)
        length = _count(whole, "week") + (f" and {_count(rest, 'day')}" if rest else "")
    else:
        length = _count(days, "day")
    return f"There {'is' if days == 1 else 'are'} {length} until {name}."


def _title(when: str) -> str:
    """ "new year" as "New Year"; "the day after tomorrow" and the like stay as they are."""
    if "tomorrow" in when:
        return when
    return " ".join(word[0].upper() + word[1:] for word in when.split())


def _count(number: int, unit: str) -> str:
    return f"{cardinal(number)} {unit}{'' if number == 1 else 's'}"


@cache
def _zones() -> dict[str, str]:
    """City, lower case, to its name in the time zone database; empty on a machine without one."""
    return {
        zone.rpartition("/")[2].replace("_", " ").lower(): zone
        for zone in sorted(available_timezones())
        if "/" in zone and not zone.startswith("Etc/")
    }
