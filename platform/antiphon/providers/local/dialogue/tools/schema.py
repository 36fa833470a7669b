"""A tool's parameters as slots: what kind of value each wants, and how to ask for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from antiphon.providers.base.llm import Tool

Kind = Literal[
    "enum", "boolean", "integer", "number", "date", "time", "datetime", "email", "code", "place", "person",
    "text", "list", "object",
]  # fmt: skip

_PLACE = re.compile(
    r"\b(?:city|location|place|town|country|address|destination|origin|where|airport|station"
    r"|region|state|venue|street)\b"
)
_PERSON = re.compile(
    r"\b(?:contact|recipient|person|customer name|full name|first name|last name|guest name"
    r"|who|attendee|name|artist|author|band|singer|composer)\b"
)
_CODE = re.compile(r"\b(?:id|code|number|reference|zip|postcode|sku|symbol|ticker|phone)\b")
_PLACE_NOT_NAMED = re.compile(r"\b(?:song|file|event|list|product|item|title|playlist|device|room)\b")
_FREE_TEXT = re.compile(
    r"\b(?:message|text|body|content|query|question|notes?|reason|title|subject|item|song"
    r"|topic|comment|label)\b"
)
_ROUTE_QUESTIONS = {"origin": "Where from?", "destination": "Where to?"}


@dataclass(frozen=True, slots=True)
class Slot:
    """One parameter. `path` leads to it through nested objects."""

    path: tuple[str, ...]
    kind: Kind
    schema: Mapping[str, Any]
    required: bool

    @property
    def noun(self) -> str:
        """ "party size" for `party_size`."""
        return spaced(self.path[-1])

    def question(self) -> str:
        """Asks for the value; the same slot always asks in the same words, and so can be recognised later."""
        noun = self.noun
        match self.kind:
            case "enum":
                values = [spaced(str(value)) for value in self.schema["enum"]]
                return (
                    f"Which {noun}: {', '.join(values[:-1])} or {values[-1]}?"
                    if len(values) < 6
                    else f"Which {noun}?"
                )
            case "boolean":
                return f"Should I set {noun}, yes or no?"
            case "place":
                return _ROUTE_QUESTIONS.get(noun, f"Which {noun}?")
            case "integer" | "number":
                counted = _counted(noun) or _counted(str(self.schema.get("description", "")).lower())
                return f"How many {counted}?" if counted else f"What's the {noun}?"
            case "date" | "datetime" | "time":
                return "For which day and time?" if self.kind == "datetime" else f"For which {noun}?"
            case _:
                return f"What's the {noun}?"


def slots_of(tool: Tool) -> list[Slot]:
    """The parameters of a tool, nested objects taken apart, in the order in which they are declared."""
    return _slots(tool.parameters, (), required=True)


def spaced(name: str) -> str:
    """A name as it is spoken: `partySize_max` is "party size max"."""
    return " ".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+", " ", name).lower().split())


def _counted(text: str) -> str | None:
    """The things that are counted: "people" in "number of people", "seconds" in "duration seconds"."""
    if found := re.search(r"\b(?:number|count|amount) of (\w+)|\bnum (\w+)", text):
        return found[1] or found[2]
    last = text.rpartition(" ")[2]
    return last if len(text.split()) <= 2 and last.endswith("s") else None


def _slots(schema: Mapping[str, Any], path: tuple[str, ...], *, required: bool) -> list[Slot]:
    slots: list[Slot] = []
    for name, declared in (schema.get("properties") or {}).items():
        entry = _narrowed(declared)
        needed = required and name in schema.get("required", ())
        if _type(entry) == "object" and entry.get("properties"):
            slots += _slots(entry, (*path, name), required=needed)
        else:
            slots.append(Slot((*path, name), _kind(name, entry), entry, needed))
    return slots


def _narrowed(schema: Any) -> Mapping[str, Any]:
    """The first alternative that is not null, of `anyOf` and the like."""
    if not isinstance(schema, Mapping):
        return {}
    for key in ("anyOf", "oneOf", "allOf"):
        for option in schema.get(key, ()):
            if isinstance(option, Mapping) and option.get("type") != "null":
                return {**schema, **option}
    return schema


def _type(schema: Mapping[str, Any]) -> str:
    declared = schema.get("type", "string")
    if isinstance(declared, list):
        return next((str(one) for one in declared if one != "null"), "string")
    return str(declared)


def _kind(name: str, schema: Mapping[str, Any]) -> Kind:
    if schema.get("enum"):
        return "enum"
    match _type(schema):
        case "boolean":
            return "boolean"
        case "integer":
            return "integer"
        case "number":
            return "number"
        case "array":
            return "list"
        case "object":
            return "object"
        case _:
            return _string_kind(
                spaced(name), str(schema.get("format", "")), str(schema.get("description", "")).lower()
            )


def _string_kind(noun: str, form: str, description: str) -> Kind:
    if form in ("date", "time", "email"):
        return "date" if form == "date" else "time" if form == "time" else "email"
    if form == "date-time" or noun in ("datetime", "date time", "when"):
        return "datetime"
    for text in (noun, description):
        if re.search(r"\bemail\b", text):
            return "email"
        if re.search(r"\b(?:date|day)\b", text):
            return "datetime" if re.search(r"\btime\b", text) else "date"
        if re.search(r"\b(?:time|hour)\b", text):
            return "time"
        if _CODE.search(text):
            return "code"
        if _PLACE.search(text):
            return "place"
        if _PERSON.search(text) and not _PLACE_NOT_NAMED.search(text):
            return "person"
        if _FREE_TEXT.search(noun):
            break
    return "text"
