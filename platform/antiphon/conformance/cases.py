"""Cases on disk: a folder with `input.jsonl`, the client's steps, and `expected.jsonl`, the server's events."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ABOUT = "@about"
REQUIRES = "@requires"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class CaseError(Exception):
    """A case is written wrongly; the message says where and what to change."""


@dataclass(frozen=True, slots=True)
class Case:
    """`expected` are pairs of a line number and the line, for messages that point at it.

    `requires` names what a server need not have: features to leave out with `--without`, and values that
    only the operator of the server knows, given with `--set`.
    """

    name: str
    about: str
    requires: frozenset[str]
    steps: tuple[Mapping[str, Any], ...]
    expected: tuple[tuple[int, Mapping[str, Any]], ...]
    clips: Path


def load_cases(folder: Path) -> list[Case]:
    """All cases in `folder`, by name. Raises CaseError."""
    cases = [load_case(path.parent) for path in sorted(folder.glob("*/input.jsonl"))]
    if not cases:
        raise CaseError(f"There are no cases in {folder}: give the folder that holds them with --cases.")
    return cases


def load_case(folder: Path) -> Case:
    """Raises CaseError."""
    lines = _read(folder / "input.jsonl")
    header = lines[0][1] if lines else {}
    if not isinstance(header.get(ABOUT), str):
        raise CaseError(f"{folder.name}/input.jsonl must begin with a line that has {ABOUT!r}, a sentence.")
    return Case(
        folder.name,
        header[ABOUT],
        frozenset(header.get(REQUIRES, ())),
        tuple(step for _, step in lines[1:]),
        tuple(_read(folder / "expected.jsonl")),
        folder.parent / "clips",
    )


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """The step with `{name}` in its strings replaced. Raises CaseError for a name without a value."""
    match value:
        case str():
            return _PLACEHOLDER.sub(lambda found: _value_of(found[1], values), value)
        case list():
            return [fill(element, values) for element in value]
        case dict():
            return {key: fill(element, values) for key, element in value.items()}
    return value


def _value_of(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        raise CaseError(f"There is no value for {{{name}}}: give one with --set {name}=VALUE.")
    return values[name]


def _read(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text()
    except OSError as error:
        raise CaseError(f"{path} cannot be read: {error.strerror}.") from None
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            value = json.loads(line)
        except ValueError as error:
            raise CaseError(f"{path.parent.name}/{path.name} line {number} is not JSON: {error}.") from None
        if not isinstance(value, dict):
            raise CaseError(f"{path.parent.name}/{path.name} line {number} must be a JSON object.")
        lines.append((number, value))
    return lines
