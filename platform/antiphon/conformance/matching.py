"""Values against patterns: plain JSON stands for itself, strings and objects with an `@` for what may vary."""

import binascii
import math
import operator
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from antiphon.conformance.cases import CaseError
from antiphon.conformance.report import shown

Bindings = dict[str, Any]

_NUMBER = re.compile(r"@(int|number)((?:(?:>=|<=|>|<)-?\d+)*)")
_BOUND = re.compile(r"(>=|<=|>|<)(-?\d+)")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_ABSENT = "@absent"


class Mismatch(Exception):
    """`path` leads to the value that differs; it is empty for the whole event."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"at {path}: {problem}" if path else problem)
        self.path = path


def match(pattern: Any, value: Any, bindings: Bindings, path: str = "") -> None:
    """Raises Mismatch. `bindings` are the values that `@same` and `@join` remember, and may change meanwhile:
    give a copy and keep it only on success.

    Keys that a pattern does not name are allowed, since clients ignore them; those that break clients are
    `"@absent"` in it.
    """
    match pattern:
        case str() if pattern.startswith("@"):
            _match_named(pattern, value, bindings, path)
        case dict() if len(pattern) == 1 and next(iter(pattern)) in _FORMS:
            form, argument = next(iter(pattern.items()))
            _FORMS[form](argument, value, bindings, path)
        case dict():
            _match_object(pattern, value, bindings, path)
        case list():
            _match_list(pattern, value, bindings, path)
        case _:
            if not _same(pattern, value):
                raise Mismatch(path, f"expected {_show(pattern)}, got {_show(value)}")


def _match_object(pattern: Mapping[str, Any], value: Any, bindings: Bindings, path: str) -> None:
    if not isinstance(value, dict):
        raise Mismatch(path, f"expected an object, got {_show(value)}")
    for key, wanted in pattern.items():
        inner = f"{path}.{key}" if path else key
        if wanted == _ABSENT:
            if key in value:
                raise Mismatch(inner, f"must be absent, got {_show(value[key])}")
        elif key not in value:
            if _may_be_absent(wanted):
                continue
            raise Mismatch(inner, f"is missing, expected {_show(wanted)}")
        else:
            match(wanted, value[key], bindings, inner)


def _may_be_absent(pattern: Any) -> bool:
    return isinstance(pattern, dict) and _ABSENT in pattern.get("@one_of", ())


def _match_list(pattern: list[Any], value: Any, bindings: Bindings, path: str) -> None:
    if not isinstance(value, list):
        raise Mismatch(path, f"expected a list, got {_show(value)}")
    if len(value) != len(pattern):
        raise Mismatch(path, f"expected {len(pattern)} elements, got {len(value)}: {_show(value)}")
    for index, (wanted, element) in enumerate(zip(pattern, value, strict=True)):
        match(wanted, element, bindings, f"{path}[{index}]")


def _match_named(pattern: str, value: Any, bindings: Bindings, path: str) -> None:
    name, _, argument = pattern.partition(":")
    if name == "@same":
        if argument in bindings:
            match(bindings[argument], value, bindings, path)
        bindings[argument] = value
    elif name == "@join":
        if not isinstance(value, str):
            raise Mismatch(path, f"expected a string, got {_show(value)}")
        bindings[argument] = bindings.get(argument, "") + value
    elif number := _NUMBER.fullmatch(pattern):
        kinds = (int,) if number[1] == "int" else (int, float)
        fits = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or not all(_COMPARE[c](value, int(b)) for c, b in _BOUND.findall(number[2])):
            raise Mismatch(path, f"expected {pattern}, got {_show(value)}")
    elif pattern not in _KINDS:
        raise CaseError(f"There is no matcher {pattern!r}; see docs/conformance.md for those there are.")
    elif not _KINDS[pattern](value):
        raise Mismatch(path, f"expected {pattern}, got {_show(value)}")


def _is_base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(b64decode(value, validate=True))
    except binascii.Error:
        return False


_KINDS: Mapping[str, Callable[[Any], bool]] = {
    _ABSENT: lambda value: False,  # one of several, and the key is there
    "@any": lambda value: True,
    "@string": lambda value: isinstance(value, str),
    "@text": lambda value: isinstance(value, str) and bool(value.strip()),
    "@bool": lambda value: isinstance(value, bool),
    "@object": lambda value: isinstance(value, dict),
    "@list": lambda value: isinstance(value, list),
    "@base64": _is_base64,
}


def _one_of(patterns: Any, value: Any, bindings: Bindings, path: str) -> None:
    for pattern in patterns:
        trial = dict(bindings)
        try:
            match(pattern, value, trial, path)
        except Mismatch:
            continue
        bindings.update(trial)
        return
    raise Mismatch(path, f"expected one of {_show(patterns)}, got {_show(value)}")


def _each(pattern: Any, value: Any, bindings: Bindings, path: str) -> None:
    if not isinstance(value, list) or not value:
        raise Mismatch(path, f"expected a list with elements, got {_show(value)}")
    for index, element in enumerate(value):
        match(pattern, element, bindings, f"{path}[{index}]")


def _matches(expression: Any, value: Any, bindings: Bindings, path: str) -> None:
    if not isinstance(value, str) or re.search(expression, value) is None:
        raise Mismatch(path, f"expected text that matches {expression!r}, got {_show(value)}")


_FORMS: Mapping[str, Callable[[Any, Any, Bindings, str], None]] = {
    "@one_of": _one_of,
    "@each": _each,
    "@matches": _matches,
}


def _same(pattern: Any, value: Any) -> bool:
    """As JSON: true is not 1. A whole number must be written as one where the pattern is, since strict
    clients refuse 1.0 for an integer."""
    if isinstance(pattern, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and pattern == value
    return type(pattern) is type(value) and bool(pattern == value)


def _show(value: Any) -> str:
    return shown(value, 200)
