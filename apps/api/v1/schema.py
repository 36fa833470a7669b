"""The OpenAPI document of the management API."""

from functools import cache
from typing import Any

import msgspec
from pydantic.json_schema import models_json_schema

from apps.agents.spec import AgentSpec
from apps.api.v1.api import api
from apps.api.v1.problems import ProblemDetails
from apps.usage.selectors import KINDS

PREFIX = "/api/v1"
_REFERENCE = "#/components/schemas/{model}"


@cache
def described() -> dict[str, Any]:
    """All but the servers, which depend on how this one is reached."""
    schema: dict[str, Any] = _linked(dict(api.get_openapi_schema(path_prefix=f"{PREFIX}/")))
    components = schema["components"]
    components["schemas"].update(_problem_schemas(), **_spec_schemas())
    components["securitySchemes"] = {
        "ApiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key that has the scope of the operation: `Authorization: Bearer sk_live_...`.",
        }
    }
    schema["paths"][f"{PREFIX}/models"] = {"get": _MODELS}
    return schema


def _linked(part: Any) -> Any:
    """What says `x-schema` is described by a component that pydantic does not know."""
    if isinstance(part, list):
        return [_linked(item) for item in part]
    if not isinstance(part, dict):
        return part
    if name := part.get("x-schema"):
        return {"$ref": f"#/components/schemas/{name}", "description": part["description"]}
    return {name: _linked(item) for name, item in part.items()}


def _problem_schemas() -> dict[str, Any]:
    _, found = models_json_schema([(ProblemDetails, "serialization")], ref_template=_REFERENCE)
    schemas: dict[str, Any] = found["$defs"]
    return schemas


def _spec_schemas() -> dict[str, Any]:
    _, found = msgspec.json.schema_components([AgentSpec], ref_template="#/components/schemas/{name}")
    return found


# Not made by ninja, for it answers in the shape of OpenAI's API, and anybody.
_MODELS = {
    "operationId": "models_list",
    "summary": "List all models that are described, with their capabilities and rates",
    "description": "The same for everybody: it needs no key.",
    "tags": ["Models"],
    "security": [],
    "parameters": [
        {
            "in": "query",
            "name": "kind",
            "required": False,
            "description": "What the models do.",
            "schema": {"type": "string", "enum": list(KINDS)},
        },
        {
            "in": "query",
            "name": "provider",
            "required": False,
            "description": "Whose they are.",
            "schema": {"type": "string", "examples": ["groq"]},
        },
    ],
    "responses": {
        "200": {
            "description": "OK",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["object", "data"],
                        "properties": {
                            "object": {"const": "list"},
                            "data": {
                                "type": "array",
                                "items": {"type": "object", "required": ["id", "kind", "provider", "rates"]},
                            },
                        },
                    }
                }
            },
        },
        "400": {"description": "There is no such kind.", "content": {"application/json": {"schema": {}}}},
    },
}
