"""The OpenAPI document as people read it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_COLOURS = {"get": "info", "post": "success", "put": "warning", "patch": "warning", "delete": "error"}
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a table; `depth` says within how many others it is."""

    name: str
    kind: str
    required: bool
    text: str
    depth: int = 0


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    summary: str
    text: str
    scope: str
    parameters: Sequence[Field]
    body: Sequence[Field]
    example: str
    status: str
    answer: Sequence[Field]

    @cached_property
    def colour(self) -> str:
        return _COLOURS[self.method]


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    operations: Sequence[Operation]


def sections_of(document: Mapping[str, Any]) -> Sequence[Section]:
    """By the first tag of each operation, in the document's order."""
    sections: dict[str, list[Operation]] = {}
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = _Reader(schemas).operation(method, path, operation)
            sections.setdefault(operation["tags"][0], []).append(shown)
    return [Section(title, operations) for title, operations in sections.items()]


class _Reader:
    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def operation(self, method: str, path: str, operation: Mapping[str, Any]) -> Operation:
        status, answer = next(iter(operation["responses"].items()))
        body = _json(operation.get("requestBody", {}))
        security = operation.get("security") or [{}]
        return Operation(
            name=operation["operationId"],
            method=method,
            path=path,
            summary=operation["summary"],
            text=operation.get("description", "").partition("Needs the scope")[0].strip(),
            scope=next(iter(security[0].values()), [""])[0],
            parameters=[
                Field(p["name"], self._kind(p["schema"]), p.get("required", False), p.get("description", ""))
                for p in operation.get("parameters", ())
            ],
            body=list(self._fields(body)),
            example=json.dumps(self._example(body), indent=2) if body else "",
            status=str(status),
            answer=list(self._fields(_json(answer))),
        )

    def _fields(self, schema: Mapping[str, Any], depth: int = 0) -> Iterator[Field]:
        schema = self._resolved(schema)
        for name, field in schema.get("properties", {}).items():
            required, text = name in schema.get("required", ()), self._text(field)
            yield Field(name, self._kind(field), required, text, depth)
            within = self._resolved(field)
            within = self._resolved(within.get("items", within))
            if depth < _DEEPEST and "properties" in within:
                yield from self._fields(within, depth + 1)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference leads to, alone or as the one alternative to null."""
        if "$ref" in schema:
            return self._resolved(self._schemas[schema["$ref"].rpartition("/")[2]])
        some = [part for part in schema.get("anyOf", schema.get("allOf", ())) if part.get("type") != "null"]
        return self._resolved(some[0]) if len(some) == 1 else schema

    def _kind(self, schema: Mapping[str, Any]) -> str:
        found = self._resolved(schema)
        nullable = any(part.get("type") == "null" for part in schema.get("anyOf", ()))
        if "enum" in found:
            kind = " | ".join(json.dumps(value) for value in found["enum"])
        elif found.get("type") == "array":
            kind = f"list of {self._kind(found.get('items', {}))}"
        elif "anyOf" in found:
            kind = " | ".join(self._kind(part) for part in found["anyOf"])
        else:
            kind = found.get("format") or found.get("type") or "any"
        return f"{kind} | null" if nullable else str(kind)

    def _text(self, schema: Mapping[str, Any]) -> str:
        text = schema.get("description") or self._resolved(schema).get("description", "")
        default = schema.get("default")
        return f"{text} Default: {json.dumps(default)}." if default not in (None, "", [], {}) else text

    def _example(self, schema: Mapping[str, Any]) -> Any:
        """A body with just what is required."""
        found = self._resolved(schema)
        for given in (schema, found):
            if given.get("examples"):
                return given["examples"][0]
        if "default" in schema:
            return schema["default"]
        if "enum" in found:
            return found["enum"][0]
        if "properties" in found:
            return {
                name: self._example(field)
                for name, field in found["properties"].items()
                if name in found.get("required", ())
            }
        if found.get("type") == "array":
            return [self._example(found.get("items", {}))]
        return {"string": "...", "integer": found.get("minimum", 0), "boolean": False}.get(
            str(found.get("type")), {}
        )


def _json(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of what has content."""
    schema: Mapping[str, Any] = part.get("content", {}).get("application/json", {}).get("schema", {})
    return schema
