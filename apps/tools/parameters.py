"""The JSON schema of a tool's arguments, checked in sentences that people can act on. Pure.

Not all of JSON Schema: what models of all vendors understand of it, and what would make each of them refuse the
whole session.
"""

import json
from collections.abc import Iterator
from typing import Any

TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
LONGEST = 32 * 1024  # characters of JSON: every request to a model carries it
DEEPEST = 12
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")


class BadParameters(ValueError):
    """`problems` are sentences, each of which begins with the place it is about."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def parse(text: str) -> dict[str, Any]:
    """The schema. Raises BadParameters with everything that is wrong."""
    if len(text) > LONGEST:
        raise BadParameters([f"The schema has {len(text)} characters: make do with {LONGEST}."])
    try:
        schema = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadParameters([f"Line {error.lineno}, column {error.colno}: {_in_words(error.msg)}."]) from None
    except RecursionError:
        raise BadParameters(["The schema is nested too deeply."]) from None
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise BadParameters(
            ['A function has named arguments: begin with {"type": "object", "properties": {...}}.']
        )
    if problems := list(_problems(schema, "", 0)):
        raise BadParameters(problems)
    return schema


def _problems(schema: Any, path: str, depth: int) -> Iterator[str]:
    where = path or "The schema"
    if depth > DEEPEST:
        yield f"{where}: this is nested too deeply for models to follow."
        return
    if not isinstance(schema, dict):
        yield f'{where}: describe it by an object such as {{"type": "string"}}.'
        return
    yield from _problems_of_type(schema, where)
    if "enum" in schema and not (isinstance(schema["enum"], list) and schema["enum"]):
        yield f"{where}: enum must be a list of at least one value."
    if not isinstance(schema.get("description", ""), str):
        yield f"{where}: the description must be text."
    yield from _problems_of_properties(schema, path, depth)
    if "items" in schema:
        yield from _problems(schema["items"], f"{path}[]", depth + 1)
    for word in _ALTERNATIVES:
        if word not in schema:
            continue
        if not isinstance(schema[word], list) or not schema[word]:
            yield f"{where}: {word} must be a list of schemas."
            continue
        for index, alternative in enumerate(schema[word]):
            yield from _problems(alternative, f"{path}.{word}[{index}]".lstrip("."), depth + 1)


def _problems_of_type(schema: dict[str, Any], where: str) -> Iterator[str]:
    given = schema.get("type")
    if given is None:
        return
    for name in given if isinstance(given, list) else [given]:
        if name not in TYPES:
            yield f"{where}: {json.dumps(name)} is no type: choose one of {', '.join(TYPES)}."


def _problems_of_properties(schema: dict[str, Any], path: str, depth: int) -> Iterator[str]:
    where = path or "The schema"
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        yield f"{where}: properties must be an object of schemas by name."
        return
    for name, inner in properties.items():
        if not name:
            yield f"{where}: a parameter has no name."
        yield from _problems(inner, f"{path}.{name}".lstrip("."), depth + 1)
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        yield f"{where}: required must be a list of names."
        return
    for name in required:
        if name not in properties:
            yield f"{where}: {name} is required but not among the properties."


def _in_words(problem: str) -> str:
    """What the parser says, as a part of a sentence."""
    return f"this is no JSON ({problem[0].lower()}{problem[1:]})"
