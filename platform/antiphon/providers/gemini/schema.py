"""JSON schemas in the part of OpenAPI 3.0 that Gemini takes for the parameters of functions.

https://ai.google.dev/api/caching#Schema: what else a schema says is left out, or is said in words.
"""

from collections.abc import Iterable, Mapping
from typing import Any

KEPT = (
    "title",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
)
FORMATS = {"enum", "date-time", "float", "double", "int32", "int64"}
MAX_SCHEMAS = 2000  # within one another; references can make a short schema endless

_Schema = dict[str, Any]


def gemini_schema(schema: Mapping[str, Any]) -> _Schema | None:
    """None for a function without parameters."""
    converted = _Conversion(schema).of(schema)
    return converted if converted.get("properties") else None


class _Conversion:
    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._left = MAX_SCHEMAS
        self._definitions = {
            f"#/{place}/{name}": definition
            for place in ("$defs", "definitions")
            for name, definition in (schema.get(place) or {}).items()
        }

    def of(self, schema: Any, within: frozenset[str] = frozenset()) -> _Schema:
        """`within`: the references that led here; those that lead here again are not followed."""
        self._left -= 1
        if not isinstance(schema, Mapping) or self._left < 0:  # `true` allows anything
            return {"type": "string"}
        if reference := schema.get("$ref"):
            within |= {reference}
        schema = self._merged(schema, within)
        types = schema.get("type", ())
        named = [types] if isinstance(types, str) else list(types)
        kinds = [name for name in named if name != "null"]
        variants = [v for key in ("anyOf", "oneOf") for v in schema.get(key) or ()]
        if len(kinds) > 1:
            variants = [{**schema, "type": kind} for kind in kinds]
        some = [variant for variant in variants if not _is_null(variant)]

        converted: _Schema = {key: schema[key] for key in KEPT if key in schema}
        notes = [schema["description"]] if schema.get("description") else []
        if len(kinds) > 1 or len(some) > 1:
            converted = {"anyOf": [self._child(variant, within) for variant in some]}
        elif some:
            converted = self._child(some[0], within)
        else:
            converted["type"] = kinds[0] if kinds else _implied_type(schema)
            notes += _narrow(converted, schema)
            self._add_children(converted, schema, within)
        if notes:
            converted["description"] = " ".join(notes)
        if "null" in named or len(some) < len(variants) or schema.get("nullable"):
            converted["nullable"] = True
        return converted

    def _merged(self, schema: Mapping[str, Any], within: frozenset[str]) -> _Schema:
        """With what it refers to put in, and all that it is said to be as well."""
        parts: list[Any] = list(schema.get("allOf") or ())
        if reference := schema.get("$ref"):
            parts.append(self._definitions.get(reference))
        merged: _Schema = {}
        for part in parts:
            if isinstance(part, Mapping) and self._left > 0 and part.get("$ref") not in within:
                self._left -= 1
                further = {part["$ref"]} if "$ref" in part else set()
                _merge(merged, self._merged(part, within | further))
        _merge(merged, {key: value for key, value in schema.items() if key not in ("$ref", "allOf")})
        return merged

    def _add_children(self, converted: _Schema, schema: _Schema, within: frozenset[str]) -> None:
        if converted["type"] == "array":
            converted["items"] = self._child(schema.get("items"), within)
        elif properties := schema.get("properties"):
            converted["properties"] = {name: self._child(child, within) for name, child in properties.items()}
            required = [name for name in dict.fromkeys(schema.get("required") or ()) if name in properties]
            if required:
                converted["required"] = required

    def _child(self, schema: Any, within: frozenset[str]) -> _Schema:
        again = isinstance(schema, Mapping) and schema.get("$ref") in within
        return {"type": "object"} if again else self.of(schema, within)


def _merge(merged: _Schema, part: Mapping[str, Any]) -> None:
    for key, value in part.items():
        if key == "properties":
            merged[key] = {**merged.get(key, {}), **value}
        elif key == "required":
            merged[key] = [*merged.get(key, ()), *value]
        else:
            merged[key] = value


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _implied_type(schema: Mapping[str, Any]) -> str:
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _narrow(converted: _Schema, schema: Mapping[str, Any]) -> Iterable[str]:
    """Puts in the format and the allowed values. Returns what can't be put in, in words."""
    notes = []
    if (form := schema.get("format")) in FORMATS:
        converted["format"] = form
    elif form:
        notes.append(f"Format: {form}.")
    values = [schema["const"]] if "const" in schema else schema.get("enum") or ()
    allowed = [str(value) for value in values if value is not None]
    if allowed and converted["type"] == "string":
        converted["enum"] = allowed
    elif allowed:
        notes.append(f"One of: {', '.join(allowed)}.")
    return notes
