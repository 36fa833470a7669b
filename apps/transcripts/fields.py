"""The agent's own fields: what is to be found out of each conversation, as a JSON schema of an object.

Of JSON schema there is what describes answers: `type`, `properties`, `required`, `items`, `enum`, `minimum`,
`maximum`, `minLength`, `maxLength`, `minItems` and `maxItems`; `title`, `description` and `default` tell the model
more, and `additionalProperties` may be false. Anything else is refused, rather than not checked.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_WORDS = ("title", "description", "default", "$schema", "$comment", "examples")
_LIMITS = {
    "minimum": "number",
    "maximum": "number",
    "minLength": "string",
    "maxLength": "string",
    "minItems": "array",
    "maxItems": "array",
}
_KNOWN = {"type", "properties", "required", "items", "enum", "additionalProperties", *_LIMITS, *_WORDS}
MOST_FIELDS = 50
_DEEPEST = 5


def schema_problems(schema: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a schema, in sentences; nothing with the empty one, which asks for nothing."""
    if not schema:
        return
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), Mapping):
        yield 'The fields must be a JSON schema of an object: {"type": "object", "properties": {...}}.'
        return
    if len(schema["properties"]) > MOST_FIELDS:
        yield f"There can be {MOST_FIELDS} fields at most."
    yield from _of_schema(schema, "", 0)


def _of_schema(schema: Any, path: str, depth: int) -> Iterator[str]:
    where = f"{path or 'The schema'}: "
    if not isinstance(schema, Mapping):
        yield f"{where}a schema is an object in JSON."
        return
    if depth > _DEEPEST:
        yield f"{where}schemas can be nested {_DEEPEST} deep at most."
        return
    if unknown := sorted(set(schema) - _KNOWN):
        yield f"{where}{unknown[0]!r} is not checked here: leave it out."
    types = _types(schema)
    if bad := [type for type in types if not isinstance(type, str) or type not in _TYPES]:
        yield f"{where}{bad[0]!r} is no type; the types are {', '.join(_TYPES)}."
    if "enum" in schema and not (isinstance(schema["enum"], list) and schema["enum"]):
        yield f"{where}'enum' is a list of the values that it can have."
    elif not types and "enum" not in schema:
        yield f"{where}give it a 'type'."
    for name in _LIMITS:
        if name in schema and (isinstance(schema[name], bool) or not isinstance(schema[name], int | float)):
            yield f"{where}{name!r} is a number."
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        yield f"{where}'properties' has a schema for each name."
        return
    required = schema.get("required", [])
    if not isinstance(required, list) or any(name not in properties for name in required):
        yield f"{where}'required' is a list of names that 'properties' has."
    for name, inner in properties.items():
        yield from _of_schema(inner, f"{path}.{name}" if path else name, depth + 1)
    if "items" in schema:
        yield from _of_schema(schema["items"], f"{path}[]", depth + 1)


def value_problems(value: Any, schema: Mapping[str, Any], path: str = "data") -> Iterator[str]:
    """How a value differs from what a schema without problems describes, in sentences."""
    types = _types(schema)
    if types and not any(_is(value, type) for type in types):
        yield f"{path} must be {' or '.join(types)}."
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path} must be one of {', '.join(map(repr, schema['enum']))}."
    yield from _beyond_limits(value, schema, path)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value:
                yield f"{path} lacks {name!r}."
        for name, inner in value.items():
            if name in properties:
                yield from value_problems(inner, properties[name], f"{path}.{name}")
            elif schema.get("additionalProperties") is False:
                yield f"{path} has {name!r}, which nobody asked for."
    if isinstance(value, list) and "items" in schema:
        for index, inner in enumerate(value):
            yield from value_problems(inner, schema["items"], f"{path}[{index}]")


def _beyond_limits(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, type in _LIMITS.items():
        if name not in schema or not _is(value, type):
            continue
        size = value if type == "number" else len(value)
        if size < schema[name] if name.startswith("min") else size > schema[name]:
            yield f"{path} is against {name} {schema[name]}."


def _types(schema: Mapping[str, Any]) -> list[str]:
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else list(given) if isinstance(given, list) else [str(given)]


def _is(value: Any, type: str) -> bool:
    if isinstance(value, bool):
        return type == "boolean"
    if type == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[type])
