"""Reads the result of a tool aloud."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from fractions import Fraction
from textwrap import shorten
from typing import Any

from antiphon.providers.local.dialogue.dates import say_date, say_time
from antiphon.providers.local.dialogue.numbers import LARGEST, cardinal, spoken
from antiphon.providers.local.dialogue.tools.schema import spaced

_MOST_ENTRIES = 3  # of a list
_MOST_FACTS = 6
_DEEPEST = 3
_LONGEST_TEXT = 800  # characters: about a minute
_LONGEST_FACT = 200
_WRAPPERS = ("data", "result", "current", "response")
_SENTENCES = (
    "message",
    "summary",
    "answer",
    "speech",
    "spoken",
    "text",
    "result",
    "output",
    "response",
    "content",
)
_SUCCESS = frozenset({"ok", "success", "successful", "done", "completed", "sent", "created", "true"})
_STATUS = ("status", "success", "ok", "result", "state")
_ERRORS = ("error", "error_message", "errors")
_UNITS = {
    "c": "degrees Celsius", "celsius": "degrees Celsius",
    "f": "degrees Fahrenheit", "fahrenheit": "degrees Fahrenheit",
    "km": "kilometers", "m": "meters", "miles": "miles", "kg": "kilograms",
    "kmh": "kilometers an hour", "kph": "kilometers an hour", "mph": "miles an hour",
    "percent": "percent", "pct": "percent",
    "usd": "dollars", "eur": "euros", "gbp": "pounds",
    "seconds": "seconds", "minutes": "minutes", "hours": "hours", "days": "days",
}  # fmt: skip
_HIDDEN = re.compile(
    r"(?:^|_)(?:id|uuid|url|link|href|icon|image|lat|lon|latitude|longitude|timestamp)$", re.IGNORECASE
)


def speak(result: str, arguments: Mapping[str, Any], now: datetime) -> str:
    """A sentence or two for a tool's output: JSON, or plain text, which is read as it is.

    Facts that repeat one of the call's `arguments` are left out, since the user has just said them.
    """
    try:
        value = json.loads(result)
    except (ValueError, RecursionError):
        return _sentence(result) if result.strip() else "Done."
    if isinstance(value, str):
        return _sentence(value) if value.strip() else "Done."
    if isinstance(value, Mapping):
        return _spoken_object(value, arguments, now)
    if isinstance(value, list):
        return _spoken_list(value, "result", now)
    if value is None or value is True:
        return "Done."
    if value is False:
        return "That didn't work."
    return f"The answer is {_plain(value, now)}."


def _spoken_object(value: Mapping[str, Any], arguments: Mapping[str, Any], now: datetime) -> str:
    error = next((value[key] for key in _ERRORS if value.get(key)), None)
    if error is not None:
        reason = error.get("message", "") if isinstance(error, Mapping) else error
        worded = isinstance(reason, str) and bool(reason)
        return f"That didn't work: {_sentence(reason)}" if worded else "That didn't work."
    said = next(
        (value[key] for key in _SENTENCES if isinstance(value.get(key), str) and " " in value[key]), None
    )
    if said is not None:
        return _sentence(said)
    opening = ""
    if any(str(value.get(key)).lower() in _SUCCESS for key in _STATUS):
        opening = "Done."
    elif any(value.get(key) is False for key in ("success", "ok")):
        return "That didn't work."
    known = {str(argument).lower() for argument in arguments.values()}
    facts = [
        (name, fact)
        for name, fact in _facts(value)
        if str(fact).lower() not in known and not (opening and name in _STATUS) and not _HIDDEN.search(name)
    ]
    lists = [_spoken_list(entry, spaced(key), now) for key, entry in value.items() if isinstance(entry, list)]
    phrases = [_fact(name, fact, now) for name, fact in facts[:_MOST_FACTS]]
    sentences = [opening] if opening else []
    if phrases:
        joined = ", ".join(phrases[:-1]) + (" and " if len(phrases) > 1 else "") + phrases[-1]
        sentences.append(f"{joined[0].upper()}{joined[1:]}.")
    return " ".join([*sentences, *lists]) or "Done."


def _facts(value: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Names and plain values; a nested name starts with that of its object, unless that is a mere wrapper."""
    for key, entry in value.items():
        if isinstance(entry, Mapping) and depth < _DEEPEST:
            yield from _facts(entry, "" if key in _WRAPPERS else f"{key}_", depth + 1)
        elif not isinstance(entry, list | Mapping) and entry is not None:
            yield f"{prefix}{key}", entry


def _spoken_list(entries: Sequence[Any], noun: str, now: datetime) -> str:
    noun = noun.removesuffix("s")
    if not entries:
        return f"There are no {noun}s."
    shown = [_entry(entry, now) for entry in entries[:_MOST_ENTRIES]]
    listed = " ".join(one if one.endswith(",") else f"{one}," for one in shown[:-1])
    listed = f"{listed} and {shown[-1]}".strip(", ") if listed else shown[-1].strip(",")
    if len(entries) == 1:
        return f"There is one {noun}: {listed}."
    first = "" if len(entries) <= _MOST_ENTRIES else f" The first {cardinal(_MOST_ENTRIES)} are"
    return f"There are {cardinal(len(entries))} {noun}s{'.' if first else ':'}{first} {listed}."


def _entry(entry: Any, now: datetime) -> str:
    if not isinstance(entry, Mapping):
        return _plain(entry, now)
    facts = [(name, fact) for name, fact in _facts(entry) if not _HIDDEN.search(name)]
    named = next((fact for name, fact in facts if name in ("name", "title", "label")), None)
    if named is None:
        return " ".join(_plain(fact, now) for _, fact in facts[:2])
    other = next((f"{spaced(name)} {_plain(fact, now)}" for name, fact in facts if fact != named), None)
    return f"{named}, {other}," if other else str(named)


def _fact(name: str, fact: Any, now: datetime) -> str:
    head, _, unit = name.rpartition("_")
    if unit.lower() in _UNITS and head and isinstance(fact, int | float):
        return f"the {spaced(head)} is {_plain(fact, now)} {_UNITS[unit.lower()]}"
    verb = "are" if spaced(name).endswith("s") and not spaced(name).endswith(("ss", "us")) else "is"
    if isinstance(fact, bool):
        noun = spaced(name)
        if noun.startswith("has "):
            return f"it has {'' if fact else 'no '}{noun.removeprefix('has ')}"
        return f"it's {'' if fact else 'not '}{noun.removeprefix('is ')}"
    return f"the {spaced(name)} {verb} {_plain(fact, now)}"


def _plain(value: Any, now: datetime) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        sayable = math.isfinite(value) and abs(value) <= LARGEST
        return spoken(Fraction(str(value))) if sayable else str(value)
    if isinstance(value, Mapping):
        return _entry(value, now)
    return _spoken_text(str(value), now)


def _spoken_text(text: str, now: datetime) -> str:
    if re.fullmatch(r"https?://\S+", text):
        return "a link"
    with suppress(ValueError):  # what only looks like a date is read as it stands
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return say_date(date.fromisoformat(text), now.date())
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*", text):
            moment = datetime.fromisoformat(text)
            return f"{say_date(moment.date(), now.date())} at {say_time(moment.time())}"
        if re.fullmatch(r"\d\d:\d\d(?::\d\d)?", text):
            return say_time(time.fromisoformat(text))
    if "_" in text and " " not in text:
        return spaced(text)
    return shorten(text, _LONGEST_FACT, placeholder=" and so on")


def _sentence(text: str) -> str:
    text = shorten(text, _LONGEST_TEXT, placeholder=" and so on")
    return text if text[-1:] in ".!?" else f"{text}."
