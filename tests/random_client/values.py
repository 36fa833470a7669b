"""What a random client says, before it is known which items and responses there are: JSON with holes in it."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

Kind = Literal["item", "response", "call", "approval", "mark"]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Ref:
    """An id that the client has heard of: of all those of its kind, the one with this number, from the newest."""

    kind: Kind
    number: int = 0


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio in base64, in the session's input format: `ms` of it, loud or silent, with some bytes too many."""

    ms: float
    loud: bool = True
    odd: int = 0


@dataclass(frozen=True, slots=True)
class Raw:
    """Text that stands in the JSON as it is: what a Python value can't say."""

    text: str


def nested(depth: int) -> Raw:
    return Raw("[" * depth + "]" * depth)


awkward = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**31,
        2**53 + 1,
        2**64,
        10**30,
        -(10**30),
        0.1,
        -1e308,
        "",
        "auto",
        "\0",
        "a" * 70,
        "é" * 600,
        "😀\u202e\u200d",
        "\ud800",
        "x" * 100_000,
        "root",
        "inf",
        "../../etc/passwd",
        "'; drop table items; --",
        [],
        {},
        [[]],
        [None],
        {"type": 1},
        {"type": "message"},
        Raw("1e999"),
        Raw("1e308"),
        Raw("-0"),
        Raw("0.1e-400"),
        nested(40),
        nested(300),
        nested(90),
        nested(900),
        nested(975),
        Raw('{"a":' * 980 + "1" + "}" * 980),
        nested(20_000),
        Raw('{"a":' * 700 + "1" + "}" * 700),
    ]
)


@st.composite
def broken(draw: Callable[[Any], Any], valid: st.SearchStrategy[Any], spared: frozenset[str]) -> Any:
    """A valid value with a few faults in it, anywhere but in the keys that are to be spared."""
    value = draw(valid)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 4]))):
        paths = list(_paths(value, spared))
        if not paths:
            break
        value = _changed(value, draw(st.sampled_from(paths)), draw(_faults))
    return value


def written(value: Any, fill: Callable[[Any], str]) -> str:
    """The JSON text; `fill` says what stands for a Ref or a Sound."""
    raw: list[str] = []

    def default(hole: Any) -> str:
        if isinstance(hole, Raw):
            raw.append(hole.text)
            return f"raw text {len(raw) - 1}"
        return fill(hole)

    text = json.dumps(value, default=default)
    for number, piece in enumerate(raw):
        text = text.replace(f'"raw text {number}"', piece, 1)
    return text


_ADDED = "added"
_faults = st.one_of(
    st.tuples(st.just("replace"), awkward),
    st.tuples(st.just("replace"), awkward),
    st.tuples(st.just("remove"), st.none()),
    st.tuples(st.just("add"), awkward),
    st.tuples(st.just("repeat"), st.sampled_from([2, 20, 600])),
)


def _paths(value: Any, spared: frozenset[str], at: Path = ()) -> Iterator[Path]:
    if at:
        yield at
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in spared:
                yield from _paths(inner, spared, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, spared, (*at, index))


def _changed(value: Any, path: Path, fault: tuple[str, Any]) -> Any:
    """A copy with a fault at the path."""
    step, rest = path[0], path[1:]
    copy = dict(value) if isinstance(value, Mapping) else list(value)
    if rest:
        copy[step] = _changed(value[step], rest, fault)
        return copy
    kind, argument = fault
    here = value[step]
    if kind == "replace":
        copy[step] = argument
    elif kind == "remove":
        del copy[step]
    elif kind == "add" and isinstance(here, Mapping):
        copy[step] = {**here, _ADDED: argument}
    elif kind == "repeat" and isinstance(here, list | str):
        copy[step] = here * min(argument, 600)
    elif kind == "repeat":
        copy[step] = [here] * 2
    else:
        copy[step] = argument
    return copy
