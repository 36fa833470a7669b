import pytest
from google.genai import types

from antiphon.providers.gemini.schema import gemini_schema


def parameters(**properties):
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("given", "converted"),
    [
        ({"type": "string", "description": "A city"}, {"type": "string", "description": "A city"}),
        (
            {"type": "string", "minLength": 2, "pattern": "a+"},
            {"type": "string", "minLength": 2, "pattern": "a+"},
        ),
        ({"type": "string", "$comment": "x", "examples": ["y"], "default": "z"}, {"type": "string"}),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer", "description": "One of: 1, 2."}),
        (
            {"type": "string", "format": "email", "description": "Where to."},
            {"type": "string", "description": "Where to. Format: email."},
        ),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "integer", "exclusiveMinimum": 0, "maximum": 9}, {"type": "integer", "maximum": 9}),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer", "nullable": True}),
        (
            {"oneOf": [{"type": "integer"}, {"type": "boolean"}], "description": "Either"},
            {"anyOf": [{"type": "integer"}, {"type": "boolean"}], "description": "Either"},
        ),
        ({"type": "array", "items": {"type": "number"}}, {"type": "array", "items": {"type": "number"}}),
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        (True, {"type": "string"}),
        ({}, {"type": "string"}),
        (
            {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "string"}}},
            {"type": "object", "properties": {"a": {"type": "string"}}},
        ),
        (
            {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"required": ["a"]}]},
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        ),
    ],
)
def test_a_schema_says_what_it_can_in_geminis_words(given, converted):
    schema = gemini_schema(parameters(x=given))
    assert schema == parameters(x=converted)
    types.Schema.model_validate(schema)


def test_only_properties_that_exist_are_required():
    schema = gemini_schema({**parameters(a={"type": "string"}), "required": ["a", "b"], "$schema": "x"})
    assert schema == {**parameters(a={"type": "string"}), "required": ["a"]}


@pytest.mark.parametrize("given", [{}, {"type": "object"}, {"type": "object", "properties": {}}])
def test_a_function_without_parameters_has_no_schema(given):
    assert gemini_schema(given) is None


def test_references_are_put_in():
    city = {"type": "object", "properties": {"name": {"type": "string"}}}
    given = {**parameters(home={"$ref": "#/$defs/City", "description": "Where"}), "$defs": {"City": city}}
    assert gemini_schema(given) == parameters(home={**city, "description": "Where"})


def test_a_reference_to_itself_ends():
    node = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
    }
    given = {**parameters(tree={"$ref": "#/$defs/Node"}), "$defs": {"Node": node}}
    children = {"type": "array", "items": {"type": "object"}}
    assert gemini_schema(given) == parameters(tree={"type": "object", "properties": {"children": children}})


@pytest.mark.parametrize("keyword", ["properties", "anyOf", "allOf"])
def test_references_that_multiply_do_not_take_for_ever(keyword):
    def twice(reference):
        both = [{"$ref": reference}, {"$ref": reference}]
        named = {"a": both[0], "b": both[1]}
        return {"type": "object", keyword: named if keyword == "properties" else both}

    definitions = {f"D{i}": twice(f"#/$defs/D{i + 1}") for i in range(60)}
    assert gemini_schema({**parameters(x={"$ref": "#/$defs/D0"}), "$defs": definitions}) is not None
