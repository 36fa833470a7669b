"""What differs between two specs."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from apps.agents.spec import AgentSpec, document_of


@dataclass(frozen=True, slots=True)
class Line:
    sign: Literal[" ", "+", "-"]
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """A value that differs; one that is not there is None. `lines` compare long texts line by line; anything else
    has none."""

    path: str
    before: Any
    after: Any
    lines: Sequence[Line] = ()


def spec_diff(before: AgentSpec, after: AgentSpec) -> list[Change]:
    """Ordered as the spec is."""
    old, new = _flat(document_of(before)), _flat(document_of(after))
    return [
        Change(path, old.get(path), new.get(path), _lines(old.get(path), new.get(path)))
        for path in {**old, **new}
        if old.get(path) != new.get(path)
    ]


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """By path. Lists of objects by their names, which tell more than their places."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{path}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for entry in value:
                flat |= _flat(entry, f"{path}[{entry['name']}].")
        elif value != []:
            flat[path] = value
    return flat


def _lines(before: Any, after: Any) -> Sequence[Line]:
    texts = [value for value in (before, after) if isinstance(value, str)]
    if not any("\n" in text or len(text) > 80 for text in texts):
        return ()
    return tuple(_compared((before or "").splitlines(), (after or "").splitlines()))


def _compared(before: Sequence[str], after: Sequence[str]) -> Iterator[Line]:
    for operation, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if operation == "equal":
            yield from (Line(" ", text) for text in before[i:j])
        else:
            yield from (Line("-", text) for text in before[i:j])
            yield from (Line("+", text) for text in after[k:m])
