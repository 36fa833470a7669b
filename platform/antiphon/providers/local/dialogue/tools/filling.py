"""Fills a tool's parameters from what was said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from antiphon.providers.base.llm import Tool
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.tools.extraction import Extractor
from antiphon.providers.local.dialogue.tools.schema import Kind, Slot, slots_of

# The most recognisable values first: what they use up can't be mistaken for a name or free text after that.
_ORDER: tuple[Kind, ...] = (
    "enum", "email", "datetime", "date", "time", "integer", "number", "code", "place", "person", "boolean",
    "list", "text", "object",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filled:
    """A tool with the arguments found; `missing` are the required slots that nobody has mentioned."""

    tool: Tool
    arguments: dict[str, Any]
    missing: tuple[Slot, ...]


def fill(tool: Tool, said: Utterance, now: datetime, answers: Mapping[tuple[str, ...], Utterance]) -> Filled:
    """`answers` are what the user replied to questions about single slots, by the slot's path."""
    extractor = Extractor.of(said, now)
    slots = slots_of(tool)
    values: dict[tuple[str, ...], Any] = {}
    for slot in sorted(slots, key=lambda slot: _ORDER.index(slot.kind)):
        value = extractor.value(slot)
        if slot.path in answers:
            answered = Extractor.of(answers[slot.path], now, answers=True).value(slot)
            value = value if answered is None else answered
        if value is not None:
            values[slot.path] = value
    missing = tuple(
        slot for slot in slots if slot.required and slot.path not in values and "default" not in slot.schema
    )
    return Filled(tool, _nested(values, slots), missing)


def forced(filled: Filled, said: Utterance) -> Filled:
    """Gives every missing slot a value of its type, because a forced call can't ask for one."""
    values = {slot.path: _assumed(slot, said) for slot in filled.missing}
    arguments = dict(filled.arguments)
    for path, value in values.items():
        _put(arguments, path, value)
    return Filled(filled.tool, arguments, ())


def _assumed(slot: Slot, said: Utterance) -> Any:
    match slot.kind:
        case "enum":
            return slot.schema["enum"][0]
        case "boolean":
            return False
        case "integer" | "number":
            return slot.schema.get("minimum", 0)
        case "list":
            return []
        case "object":
            return {}
        case _:
            return said.text


def _nested(values: Mapping[tuple[str, ...], Any], slots: list[Slot]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for slot in slots:
        if slot.path in values:
            _put(arguments, slot.path, values[slot.path])
    return arguments


def _put(arguments: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        arguments = arguments.setdefault(name, {})
    arguments[path[-1]] = value
