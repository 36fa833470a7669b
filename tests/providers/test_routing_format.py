"""Definitions of routers: what they say, and each way in which one is refused."""

import re

import msgspec
import pytest

from antiphon.config.env import PROJECT
from antiphon.providers.routing.conditions import holds
from antiphon.providers.routing.format import (
    BadRouter,
    LanguageRouter,
    RecognitionRouter,
    VoiceRouter,
    kind_of_router,
    parse,
)

DEFAULT = {"variants": [{"models": ["groq/a", "openai/b"]}]}
FULL = {
    "kind": "language",
    "routes": [
        {
            "name": "gold",
            "when": {
                "all": [
                    {"field": "metadata.plan", "op": "in", "value": ["gold", "platinum"]},
                    {
                        "any": [
                            {"field": "language", "op": "eq", "value": "de"},
                            {"field": "user", "op": "exists"},
                        ]
                    },
                ]
            },
            "select": "quality",
            "variants": [
                {"name": "old", "weight": 90, "models": ["openai/b"]},
                {"name": "new", "weight": 10, "models": ["anthropic/c", "openai/b"]},
            ],
        }
    ],
    "default": DEFAULT,
    "fallbacks": ["local/dialogue"],
    "hedge": {"after_ms": "auto", "budget": 0.05},
    "latency_budget_ms": 900,
    "voice_ms": 250,
    "patience_ms": 5000,
    "filler": {"phrases": ["One moment."], "after_ms": 700},
    "quality": {"openai/b": 0.8, "anthropic/c": 0.9},
}
KINDS = {"openai/gpt-realtime": "realtime", "openai/whisper-1": "speech_to_text"}


def refused(definition, kind_of=KINDS.get):
    with pytest.raises(BadRouter) as refusal:
        parse(definition if isinstance(definition, bytes) else msgspec.json.encode(definition), kind_of)
    return refusal.value.problems


def condition(**fields):
    return {**FULL, "routes": [{**FULL["routes"][0], "when": fields}]}


def test_it_works():
    router = parse(msgspec.json.encode(FULL))
    assert isinstance(router, LanguageRouter)
    assert router.models == ("openai/b", "anthropic/c", "groq/a", "local/dialogue")
    assert router.routes[0].variants[0].weight == 90
    assert router.hedge.after_ms == "auto"
    assert kind_of_router(router) == "language"


def test_a_router_needs_only_a_default():
    router = parse(msgspec.json.encode({"kind": "language", "default": DEFAULT}))
    assert router.default.select == "order"
    assert router.hedge is router.filler is router.latency_budget_ms is None


def test_there_are_routers_of_recognisers_and_of_voices():
    recogniser = parse(b'{"kind": "speech_to_text", "models": ["deepgram/nova-3", "local/whisper-base"]}')
    assert isinstance(recogniser, RecognitionRouter)
    voice = parse(
        b'{"kind": "text_to_speech", "candidates": [{"model": "xai/tts", "voices": {"*": "Eve"}},'
        b' {"model": "local/piper-joe"}]}'
    )
    assert isinstance(voice, VoiceRouter)
    assert voice.models == ("xai/tts", "local/piper-joe")


@pytest.mark.parametrize(
    ("change", "path", "advice"),
    [
        ({"default": None}, "default", "Expected `object`, got `null`. Correct it."),
        ({"default": {"variants": []}}, "default.variants", "Expected `array` of length >= 1. Correct it."),
        ({"default": {**DEFAULT, "select": "luck"}}, "default.select", "Give one of order, cost, latency"),
        ({"default": {**DEFAULT, "when": {}}}, "default.when", "There is no such field. Remove it"),
        ({"default": {"variants": [{"models": []}]}}, "default.variants[0].models", "length >= 1"),
        (
            {"default": {"variants": [{"models": ["a/b"], "weight": 0}]}},
            "default.variants[0].weight",
            "Expected `float` > 0",
        ),
        ({"fallback": []}, "fallback", "There is no such field. Remove it, or correct its name."),
        ({"fallbacks": "a/b"}, "fallbacks", "Expected `array`, got `str`"),
        ({"kind": "realtime"}, "kind", "Give one of language, speech_to_text, text_to_speech."),
        ({"hedge": {"after_ms": "soon"}}, "hedge.after_ms", "Invalid enum value 'soon'"),
        ({"hedge": {"budget": 2}}, "hedge.budget", "<= 1"),
        ({"latency_budget_ms": 50}, "latency_budget_ms", ">= 100"),
        ({"filler": {"phrases": []}}, "filler.phrases", "length >= 1"),
        ({"filler": {"phrases": [" "]}}, "filler.phrases[0]", "Remove it."),
        ({"latency_budget_ms": 250}, "latency_budget_ms", "lower voice_ms"),
        ({"quality": {"openai/b": 1.0}}, "quality", "Give a number for anthropic/c."),
        (
            {"quality": {**FULL["quality"], "openai/typo": 1.0}},
            "quality.openai/typo",
            "no such model",
        ),
        ({"routes": FULL["routes"] * 2}, "routes[1].name", "Rename one of them."),
        ({"fallbacks": ["local/x", "local/x"]}, "fallbacks[1]", "is in this list already"),
        ({"fallbacks": ["gpt-4o"]}, "fallbacks[0]", "Models are named provider/model"),
        ({"fallbacks": ["router/other"]}, "fallbacks[0]", "Name the models of that one here."),
        ({"fallbacks": ["agent/clerk"]}, "fallbacks[0]", "Name the model that should answer."),
        ({"fallbacks": ["openai/gpt-realtime"]}, "fallbacks[0]", "Sessions name it directly."),
        ({"fallbacks": ["openai/whisper-1"]}, "fallbacks[0]", "Name a model of that kind."),
        (
            {"default": {"variants": [{"models": ["a/b"]}]}, "fallbacks": []},
            "routes[0].variants[0].models",
            "There is no second model to hedge with.",
        ),
    ],
)
def test_it_refuses_what_has_no_meaning(change, path, advice):
    problems = dict(refused({**FULL, **change}))
    assert advice in problems[path]


@pytest.mark.parametrize("field", ["kind", "default"])
def test_it_refuses_a_definition_without_what_it_needs(field):
    ((path, advice),) = refused({name: value for name, value in FULL.items() if name != field})
    assert path == field
    assert advice.startswith("It is missing. Give ")


@pytest.mark.parametrize(
    ("fields", "path", "advice"),
    [
        ({}, "", "Give one of: all, any, or field with op and value."),
        ({"all": [], "field": "user"}, "", "Give one of: all, any"),
        ({"all": []}, ".all", "Give at least one condition"),
        ({"any": []}, ".any", "Give at least one condition"),
        ({"field": "user"}, "", "A comparison needs a field and an op."),
        ({"field": "plan", "op": "eq", "value": "x"}, ".field", "Use one of: user, language, modality"),
        ({"field": "metadata.", "op": "eq", "value": "x"}, ".field", "There is no field 'metadata.'"),
        ({"field": "user", "op": "is", "value": "x"}, ".op", "Give one of eq, ne, in, contains"),
        ({"field": "user", "op": "eq"}, ".value", "eq compares with a string"),
        ({"field": "user", "op": "eq", "value": 3}, ".value", "eq compares with a string"),
        ({"field": "user", "op": "in", "value": "x"}, ".value", "in compares with a list of strings"),
        ({"field": "user", "op": "gt", "value": "3"}, ".value", "gt compares with a number"),
        ({"field": "user", "op": "lt", "value": True}, ".value", "lt compares with a number"),
        ({"field": "user", "op": "exists", "value": "yes"}, ".value", "exists compares with true or false"),
        ({"field": "user", "op": "matches", "value": "*" * 201}, ".value", "200 characters at most"),
        ({"all": [{"any": [{"op": "eq"}]}]}, ".all[0].any[0]", "A comparison needs a field and an op."),
    ],
)
def test_it_refuses_conditions_that_cannot_be_checked(fields, path, advice):
    ((found, text),) = refused(condition(**fields))
    assert found == f"routes[0].when{path}"
    assert advice in text


def test_all_problems_are_told_at_once():
    problems = refused({**FULL, "fallbacks": ["router/x", "gpt-4o"], "latency_budget_ms": 200})
    assert [path for path, _ in problems] == ["fallbacks[0]", "fallbacks[1]", "latency_budget_ms"]


def test_it_refuses_what_is_not_json_too_large_or_too_deep():
    assert "It is not JSON" in refused(b"{")[0][1]
    assert "It is not JSON" in refused(b'{"kind": "\xff"}')[0][1]
    assert "larger than 64 KiB" in refused(b" " * 70_000)[0][1]
    deep = b'{"kind":"language","routes":[{"name":"x","when":' + b'{"all":[' * 5_000
    assert "nested too deeply" in refused(deep)[0][1]
    assert refused([]) == (("", "Expected `object`, got `array`. Correct it."),)


@pytest.mark.parametrize(
    "example", re.findall(r"```json\n(.*?)```", (PROJECT / "docs/routers.md").read_text(), re.DOTALL)
)
def test_the_examples_of_the_documentation_are_routers(example):
    assert parse(example).models


def test_the_refusal_reads_as_a_list():
    with pytest.raises(BadRouter, match=r"^fallbacks: Expected"):
        parse(msgspec.json.encode({**FULL, "fallbacks": 1}))
    with pytest.raises(BadRouter, match=r"^The router: It is not JSON"):
        parse(b"")


FACTS = {
    "user": "u1",
    "language": "de",
    "metadata.plan": "gold",
    "metadata.age": "41",
    "metadata.region": "eu-1",
}


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("metadata.plan", "eq", "gold", True),
        ("metadata.plan", "eq", "Gold", False),
        ("metadata.none", "eq", "", False),
        ("metadata.plan", "ne", "silver", True),
        ("metadata.plan", "ne", "gold", False),
        ("metadata.none", "ne", "gold", True),
        ("language", "in", ["en", "de"], True),
        ("language", "in", ["en"], False),
        ("metadata.region", "contains", "u-", True),
        ("metadata.region", "contains", "us", False),
        ("metadata.region", "starts_with", "eu", True),
        ("metadata.region", "starts_with", "u", False),
        ("metadata.region", "matches", "eu-?", True),
        ("metadata.region", "matches", "*-[2-9]", False),
        ("metadata.age", "gt", 40, True),
        ("metadata.age", "gt", 41, False),
        ("metadata.age", "lt", 41.5, True),
        ("metadata.plan", "gt", 0, False),
        ("metadata.plan", "lt", 0, False),
        ("metadata.none", "lt", 1, False),
        ("user", "exists", True, True),
        ("user", "exists", False, False),
        ("metadata.none", "exists", False, True),
    ],
)
def test_comparisons(field, op, value, expected):
    router = parse(msgspec.json.encode(condition(field=field, op=op, value=value)))
    assert holds(router.routes[0].when, FACTS) is expected


def test_conditions_combine():
    when = parse(msgspec.json.encode(FULL)).routes[0].when
    assert holds(when, FACTS)
    assert holds(when, {**FACTS, "language": "en"})
    assert not holds(when, {"metadata.plan": "gold", "language": "en"})
    assert not holds(when, {**FACTS, "metadata.plan": "silver"})


def test_a_pattern_takes_no_time_whatever_the_value():
    router = parse(msgspec.json.encode(condition(field="user", op="matches", value="*a" * 99 + "b")))
    assert not holds(router.routes[0].when, {"user": "a" * 4_096})
    assert not holds(router.routes[0].when, {"user": "ab" * 1_000_000})
