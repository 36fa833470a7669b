"""What makes an agent: reading it, what is wrong with it, what differs between two."""

from typing import Any

import msgspec
import pytest
from django.core.exceptions import ValidationError
from msgspec import structs

from antiphon.protocol.codec import BadEvent
from antiphon.protocol.dialects.ga import GA
from antiphon.protocol.session import SemanticVad, ServerVad
from apps.agents.checking import problems
from apps.agents.diffing import Change, Line, spec_diff
from apps.agents.sessions import session_settings
from apps.agents.spec import (
    AfterCall,
    AgentSpec,
    Hearing,
    Limits,
    Model,
    Prompt,
    Variable,
    Voice,
    document_of,
    read_spec,
)
from apps.agents.variables import BadVariables, filled, values_of

GOOD = AgentSpec(prompt=Prompt(instructions="Be kind."))


def with_parts(**parts: Any) -> AgentSpec:
    return structs.replace(GOOD, **parts)


def variables(*declared: Variable, text: str = "Be kind.") -> AgentSpec:
    return with_parts(prompt=Prompt(instructions=text, variables=list(declared)))


def paths(spec: AgentSpec) -> list[str]:
    return [problem.path for problem in problems(spec, longest_session=3600)]


def test_it_works_a_spec_is_its_document() -> None:
    assert read_spec(document_of(GOOD)) == GOOD
    assert paths(GOOD) == []


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"colour": "red"}, "spec"),
        ({"voice": {"speed": "fast"}}, "voice.speed"),
        ({"turn_taking": {"type": "telepathy"}}, "turn_taking.type"),
        ({"prompt": {"instructions": "a\0b"}}, "spec"),
    ],
)
def test_what_is_no_spec_is_refused(document: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read_spec(document)
    assert set(refused.value.message_dict) == {path}


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert read_spec({"prompt": {"instructions": "\\u0000"}}).prompt.instructions == "\\u0000"


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (AgentSpec(), "prompt.instructions"),
        (variables(text="x" * 50_001), "prompt.instructions"),
        (variables(text="Call {{name}}."), "prompt.instructions"),
        (with_parts(first_message="Hi {{name}}!"), "first_message"),
        (with_parts(first_message="x" * 1_001), "first_message"),
        (variables(Variable(name="Name")), "prompt.variables[0].name"),
        (variables(*2 * [Variable(name="name")]), "prompt.variables[0].name"),
        (variables(Variable(name="n", type="number", default="x")), "prompt.variables[0].default"),
        (variables(*(Variable(name=f"n{i}") for i in range(51))), "prompt.variables"),
        (with_parts(model=Model(name="gpt")), "model.name"),
        (with_parts(model=Model(name="agent/other")), "model.name"),
        (with_parts(model=Model(temperature=3)), "model.temperature"),
        (with_parts(voice=Voice(model="nothing")), "voice.model"),
        (with_parts(voice=Voice(speed=3)), "voice.speed"),
        (with_parts(hearing=Hearing(model="nothing")), "hearing.model"),
        (with_parts(hearing=Hearing(language="English")), "hearing.language"),
        (with_parts(turn_taking=ServerVad(threshold=2)), "turn_taking.threshold"),
        (with_parts(turn_taking=ServerVad(silence_duration_ms=-1)), "turn_taking.silence_duration_ms"),
        (with_parts(turn_taking=ServerVad(prefix_padding_ms=99_999)), "turn_taking.prefix_padding_ms"),
        (with_parts(turn_taking=ServerVad(idle_timeout_ms=1)), "turn_taking.idle_timeout_ms"),
        (with_parts(tools=["a", "a"]), "tools[1]"),
        (with_parts(tools=[f"t{i}" for i in range(65)]), "tools"),
        (with_parts(limits=Limits(session_seconds=3601)), "limits.session_seconds"),
        (with_parts(limits=Limits(response_tokens=0)), "limits.response_tokens"),
        (with_parts(metadata={"": "x"}), "metadata"),
        (with_parts(metadata={f"k{i}": "x" for i in range(17)}), "metadata"),
        (
            with_parts(model=Model(name="google/gemini-3.8-live"), first_message="Hi."),
            "first_message",
        ),
        (with_parts(model=Model(name="openai/gpt-realtime"), voice=Voice(name="joe")), "voice.name"),
    ],
)
def test_each_fault_is_found_with_its_place(spec: AgentSpec, path: str) -> None:
    assert path in paths(spec)


def test_all_faults_are_told_at_once() -> None:
    spec = AgentSpec(voice=Voice(speed=9), limits=Limits(response_tokens=0))
    assert paths(spec) == ["prompt.instructions", "voice.speed", "limits.response_tokens"]


@pytest.mark.parametrize(
    "spec",
    [
        GOOD,
        with_parts(turn_taking=None),
        with_parts(turn_taking=SemanticVad(eagerness="low")),
        with_parts(
            turn_taking=ServerVad(
                threshold=1, prefix_padding_ms=0, silence_duration_ms=60_000, idle_timeout_ms=30_000
            ),
            voice=Voice(model="a/b", name="joe", speed=0.25),
            hearing=Hearing(language="de", model="a/b", vocabulary="Antiphon"),
            model=Model(name="a/b", temperature=2),
            limits=Limits(session_seconds=3600, response_tokens=1),
            metadata={"team": "sales"},
        ),
    ],
)
def test_what_has_no_faults_is_a_session_of_the_protocol(spec: AgentSpec) -> None:
    assert paths(spec) == []
    event = {"type": "session.update", "session": session_settings(spec, {}, ())}
    try:
        GA.decode(msgspec.json.encode(event).decode())
    except BadEvent as bad:
        pytest.fail(str(bad.refused))


def test_variables_are_filled_and_what_has_no_value_stays() -> None:
    text = "{{a}} {{ b }} {{c}} {d}"
    assert filled(text, {"a": "1", "b": "{{c}}"}) == "1 {{c}} {{c}} {d}"


def test_values_are_checked_by_their_types() -> None:
    declared = [
        Variable(name="vip", type="boolean"),
        Variable(name="count", type="number", default="3"),
        Variable(name="name"),
    ]
    assert values_of(declared, {"vip": "Yes", "other": "x"}) == {"vip": "true", "count": "3", "name": ""}
    with pytest.raises(BadVariables, match="'vip' is a boolean"):
        values_of(declared, {"vip": "perhaps"})
    with pytest.raises(BadVariables, match="4,000"):
        values_of(declared, {"name": "x" * 4_001})


def test_all_that_is_missing_is_named() -> None:
    declared = [Variable(name="a", required=True), Variable(name="b", required=True)]
    with pytest.raises(BadVariables, match="the variables 'a', 'b'"):
        values_of(declared, {})


def test_what_differs_is_told_by_path() -> None:
    after = structs.replace(GOOD, voice=Voice(speed=1.2), tools=["search"])
    assert spec_diff(GOOD, after) == [
        Change("voice.speed", 1.0, 1.2),
        Change("tools", None, ["search"]),
    ]
    assert spec_diff(GOOD, GOOD) == []


def test_variables_are_compared_by_name_and_texts_by_line() -> None:
    before = variables(Variable(name="a"), Variable(name="b"), text="Be kind.\nBe brief.")
    after = variables(Variable(name="b", default="x"), text="Be kind.\nBe quick.")
    changes = {change.path: change for change in spec_diff(before, after)}
    assert changes["prompt.variables[b].default"].after == "x"
    assert changes["prompt.variables[a].name"].after is None
    assert changes["prompt.instructions"].lines == (
        Line(" ", "Be kind."),
        Line("-", "Be brief."),
        Line("+", "Be quick."),
    )


def test_a_turn_taking_of_another_kind_is_a_change() -> None:
    after = with_parts(turn_taking=SemanticVad())
    changes = {change.path: change.after for change in spec_diff(GOOD, after)}
    assert changes["turn_taking.type"] == "semantic_vad"
    assert changes["turn_taking.silence_duration_ms"] is None
    assert changes["turn_taking.eagerness"] == "auto"


class TestAfterTheCall:
    """What is to be made of an agent's sessions."""

    def faults(self, **after: Any) -> list[str]:
        spec = AgentSpec(prompt=Prompt(instructions="Help."), after_call=AfterCall(**after))
        return [f"{problem.path}: {problem.message}" for problem in problems(spec, longest_session=3600)]

    def test_fields_are_a_schema(self) -> None:
        fields = {
            "type": "object",
            "properties": {"order": {"type": "integer", "minimum": 1}, "mood": {"enum": ["calm", "angry"]}},
            "required": ["order"],
        }
        assert self.faults(fields=fields, model="groq/gpt-oss-120b") == []

    @pytest.mark.parametrize(
        ("fields", "fault"),
        [
            ({"order": "integer"}, "must be a JSON schema of an object"),
            ({"type": "object", "properties": {"order": {"type": "int"}}}, "order: 'int' is no type"),
            (
                {"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}},
                "'pattern' is not checked",
            ),
            ({"type": "object", "properties": {"a": {}}}, "a: give it a 'type'."),
            ({"type": "object", "properties": {}, "required": ["a"]}, "'required' is a list of names"),
            ({"type": "object", "properties": {"a": []}}, "a: a schema is an object"),
        ],
    )
    def test_what_can_not_be_checked_is_refused(self, fields: dict[str, Any], fault: str) -> None:
        assert any(fault in told for told in self.faults(fields=fields, model="groq/gpt-oss-120b"))

    def test_fields_need_a_model(self) -> None:
        fields = {"type": "object", "properties": {"order": {"type": "integer"}}}
        assert self.faults(fields=fields) == [
            "after_call.model: Name the model that is to find out the fields, or ask for none."
        ]

    def test_models_are_named_as_elsewhere(self) -> None:
        assert "'whisper' is no model" in self.faults(transcription_model="whisper")[0]
