"""Conditions of routes, over what is known of a session when its model is asked. Pure."""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Literal, get_args

from msgspec import UNSET, Struct, UnsetType

Op = Literal["eq", "ne", "in", "contains", "starts_with", "matches", "gt", "lt", "exists"]
OPS: tuple[Op, ...] = get_args(Op)

Value = str | float | bool | tuple[str, ...]

METADATA = "metadata."  # of the session
RESPONSE_METADATA = "response.metadata."
FIELDS = ("user", "language", "modality")

LONGEST_PATTERN = 200
LONGEST_MATCHED = 4_096  # characters of a field that `matches` looks at; a longer one matches nothing

Facts = Mapping[str, str]
"""The fields that are known, by name."""


class Condition(Struct, frozen=True, forbid_unknown_fields=True):
    """One of: all of some conditions, any of some, or a field compared with a value."""

    all: "tuple[Condition, ...] | UnsetType" = UNSET
    any: "tuple[Condition, ...] | UnsetType" = UNSET
    field: str | UnsetType = UNSET
    op: Op | UnsetType = UNSET
    value: Value | UnsetType = UNSET


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether a condition that has no `problems` holds. An unknown field compares as unequal to everything."""
    if condition.all:
        return all(holds(one, facts) for one in condition.all)
    if condition.any:
        return any(holds(one, facts) for one in condition.any)
    known = facts.get(str(condition.field))
    if condition.op == "exists":
        return (known is not None) == (condition.value is not False)
    if known is None:
        return condition.op == "ne"
    return _COMPARE[condition.op](known, condition.value)  # type: ignore[index]


def problems(condition: Condition, path: str) -> Iterator[tuple[str, str]]:
    """What is wrong with it, each with its path and what to do."""
    compares = condition.field is not UNSET or condition.op is not UNSET or condition.value is not UNSET
    if [condition.all is not UNSET, condition.any is not UNSET, compares].count(True) != 1:
        yield path, "Give one of: all, any, or field with op and value."
        return
    for name, several in (("all", condition.all), ("any", condition.any)):
        if several is UNSET:
            continue
        if not several:
            yield f"{path}.{name}", "Give at least one condition, or use the default route."
        for index, one in enumerate(several):
            yield from problems(one, f"{path}.{name}[{index}]")
    if compares:
        yield from _problems_of_comparison(condition, path)


def _problems_of_comparison(condition: Condition, path: str) -> Iterator[tuple[str, str]]:
    field, op, value = condition.field, condition.op, condition.value
    if field is UNSET or op is UNSET:
        yield path, "A comparison needs a field and an op."
        return
    prefixes = (METADATA, RESPONSE_METADATA)
    if field not in FIELDS and not any(field.startswith(p) and field != p for p in prefixes):
        known = ", ".join([*FIELDS, *(f"{prefix}<key>" for prefix in prefixes)])
        yield f"{path}.field", f"There is no field {field!r}. Use one of: {known}."
    wanted, is_wanted = _WANTED[op]
    if not is_wanted(value):
        yield f"{path}.value", f"{op} compares with {wanted}. Give that."
    elif op == "matches" and len(str(value)) > LONGEST_PATTERN:
        yield f"{path}.value", f"A pattern has {LONGEST_PATTERN} characters at most. Shorten it."


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _exceeds(known: str, value: float) -> bool:
    number = _number(known)
    return number is not None and number > value


def _is_below(known: str, value: float) -> bool:
    number = _number(known)
    return number is not None and number < value


def _matches(known: str, pattern: str) -> bool:
    """By wildcards and not by a regular expression: one of those could hold up every session of the process."""
    return len(known) <= LONGEST_MATCHED and fnmatchcase(known, pattern)


_COMPARE: Mapping[Op, Callable[[str, object], bool]] = {
    "eq": lambda known, value: known == value,
    "ne": lambda known, value: known != value,
    "in": lambda known, value: known in value,  # type: ignore[operator]
    "contains": lambda known, value: str(value) in known,
    "starts_with": lambda known, value: known.startswith(str(value)),
    "matches": lambda known, value: _matches(known, str(value)),
    "gt": _exceeds,  # type: ignore[dict-item]
    "lt": _is_below,  # type: ignore[dict-item]
}

_TEXT = ("a string, as all metadata are", lambda value: isinstance(value, str))
_NUMBER = ("a number", lambda value: isinstance(value, float | int) and not isinstance(value, bool))
_WANTED: Mapping[Op, tuple[str, Callable[[object], bool]]] = {
    "eq": _TEXT,
    "ne": _TEXT,
    "in": ("a list of strings", lambda value: isinstance(value, tuple) and bool(value)),
    "contains": _TEXT,
    "starts_with": _TEXT,
    "matches": ("a string with *, ? and [] as wildcards", _TEXT[1]),
    "gt": _NUMBER,
    "lt": _NUMBER,
    "exists": ("true or false, or with nothing", lambda value: value is UNSET or isinstance(value, bool)),
}
