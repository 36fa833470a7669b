"""An agent's editor: from a spec to fields and back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from django import forms
from django.forms import BaseFormSet, formset_factory
from msgspec import structs

from antiphon.protocol.session import Eagerness, SemanticVad, ServerVad
from apps.agents.models import Agent
from apps.agents.spec import (
    AfterCall,
    AgentSpec,
    Hearing,
    Limits,
    Model,
    Privacy,
    Prompt,
    TurnTaking,
    Variable,
    VariableType,
    Voice,
)
from apps.agents.starters import starters
from apps.privacy.redactors import redactor

_DAYS_HELP = "Left empty, as the workspace keeps them."
_EAGERNESS = {
    "auto": "As it seems right",
    "high": "Soon",
    "medium": "In the middle",
    "low": "Late: let people think",
}


class NewAgentForm(forms.Form):
    name = forms.CharField(max_length=100, help_text="What your team calls it.")
    slug = forms.SlugField(
        max_length=63,
        required=False,
        label="Name for clients",
        help_text="As in agent/front-desk. It stays for ever; left empty, it is made from the name above.",
    )
    template = forms.ChoiceField(
        required=False, label="Start from", choices=lambda: [("", "A blank agent"), *_templates()]
    )


class DetailsForm(forms.Form):
    name = forms.CharField(max_length=100)
    tags = forms.CharField(required=False, help_text="Separated by commas.")

    def clean_tags(self) -> list[str]:
        return [tag for part in self.cleaned_data["tags"].split(",") if (tag := part.strip())]

    @classmethod
    def of(cls, agent: Agent) -> "DetailsForm":
        return cls(initial={"name": agent.name, "tags": ", ".join(agent.tags)}, auto_id="details-%s")


class PublishForm(forms.Form):
    notes = forms.CharField(
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What is new in this version, for your team.",
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)


class VariableForm(forms.Form):
    name = forms.CharField(max_length=50)
    type = forms.ChoiceField(choices=[(kind, kind.title()) for kind in get_args(VariableType)])
    default = forms.CharField(required=False, strip=False)
    description = forms.CharField(required=False)
    required = forms.BooleanField(required=False)


VariableForms = formset_factory(VariableForm, extra=0, can_delete=True, max_num=50)


class MetadataField(forms.CharField):
    """`key = value`, one to a line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return (
            "\n".join(f"{key} = {text}" for key, text in value.items()) if isinstance(value, dict) else value
        )

    def to_python(self, value: Any) -> dict[str, str]:  # type: ignore[override]
        found = {}
        for line in (super().to_python(value) or "").splitlines():
            key, equals, text = line.partition("=")
            if line.strip() and not equals:
                raise forms.ValidationError(f"{line!r} is no pair: write key = value, one to a line.")
            if line.strip():
                found[key.strip()] = text.strip()
        return found


class SchemaField(forms.CharField):
    """A JSON schema, as text. What it may say is checked with the rest of the spec."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
        return value

    def to_python(self, value: Any) -> dict[str, Any]:  # type: ignore[override]
        text = super().to_python(value)
        if not text:
            return {}
        try:
            schema = json.loads(text)
        except ValueError as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from None
        if not isinstance(schema, dict):
            raise forms.ValidationError("Write an object in JSON: a schema in braces.")
        return schema


class SpecForm(forms.Form):
    """The fields of a draft. What can't be read keeps its old value, and is told; the rest is taken."""

    instructions = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "true"}),
        help_text="Who the agent is, what it does, in which order. {{name}} stands for a variable.",
    )
    first_message = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Spoken when the session opens. Left empty, the user speaks first.",
    )
    voice_model = forms.CharField(required=False, label="Speech model")
    voice_name = forms.CharField(required=False, label="Voice")
    speed = forms.FloatField(
        required=False, widget=forms.NumberInput(attrs={"step": 0.05, "min": 0.25, "max": 1.5})
    )
    language = forms.CharField(
        required=False, max_length=3, help_text="That users speak, as 'en'. Left empty, it is detected."
    )
    hearing_model = forms.CharField(required=False, label="Recogniser")
    vocabulary = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Names and words that are likely, as they are written.",
    )
    model = forms.CharField(required=False, help_text="A model or a router.")
    temperature = forms.FloatField(
        required=False,
        widget=forms.NumberInput(attrs={"step": 0.1, "min": 0, "max": 2}),
        help_text="0 to 2. Left empty, the model's own.",
    )
    turn_taking = forms.ChoiceField(
        label="A turn ends",
        widget=forms.RadioSelect,
        choices=[
            ("semantic_vad", "When it sounds and reads finished"),
            ("server_vad", "After a silence"),
            ("none", "When the app says so (push to talk)"),
        ],
    )
    eagerness = forms.ChoiceField(required=False, label="How soon", choices=list(_EAGERNESS.items()))
    threshold = forms.FloatField(
        required=False,
        widget=forms.NumberInput(attrs={"step": 0.05, "min": 0, "max": 1}),
        help_text="Probability of speech from which a sound counts: more in loud places.",
    )
    silence_ms = forms.IntegerField(
        required=False, label="Silence (ms)", help_text="500 for people who think while they speak."
    )
    prefix_ms = forms.IntegerField(
        required=False, label="Kept before speech (ms)", help_text="So that the first sound isn't cut off."
    )
    idle_ms = forms.IntegerField(
        required=False,
        label="Speaks up after (ms)",
        help_text="5000 to 30000 of silence after an answer. Left empty, never.",
    )
    interrupts = forms.BooleanField(
        required=False, label="Users can interrupt", help_text="Speech ends what the agent says."
    )
    answers = forms.BooleanField(
        required=False, label="Answers by itself", help_text="Otherwise the app asks for each response."
    )
    tools = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    session_seconds = forms.IntegerField(
        required=False, label="Longest session (seconds)", help_text="Left empty, the platform's limit."
    )
    response_tokens = forms.IntegerField(
        required=False, label="Longest answer (tokens)", help_text="Left empty, the model's limit."
    )
    keep_log = forms.BooleanField(
        required=False,
        label="Keep transcripts and events",
        help_text="Otherwise only when sessions were and what they used.",
    )
    summary = forms.BooleanField(
        required=False,
        label="Summarise its sessions",
        help_text="With an outcome and the user's mood, when they are over.",
    )
    summary_model = forms.CharField(
        required=False,
        label="Summarised by",
        help_text="A model or a router, at its price. Left empty, the sentences that say most are picked.",
    )
    after_fields = SchemaField(
        required=False,
        label="What to find out",
        help_text="A JSON schema of an object, which that model fills in for each session.",
    )
    transcription_model = forms.CharField(
        required=False,
        label="Heard again by",
        help_text="A better recogniser, for recorded sessions. Left empty, what was understood at once stays.",
    )
    record = forms.BooleanField(
        required=False,
        label="Record its sessions",
        help_text="Their sound, both sides. Tell callers: in many places you have to.",
    )
    redact = forms.MultipleChoiceField(
        required=False,
        label="Strike out",
        widget=forms.CheckboxSelectMultiple,
        choices=lambda: list(redactor().kinds.items()),
        help_text="In transcripts and events, once a session is over; in recordings it is bleeped out.",
    )
    log_days = forms.IntegerField(required=False, label="Events kept (days)", help_text=_DAYS_HELP)
    transcript_days = forms.IntegerField(
        required=False, label="Transcripts kept (days)", help_text=_DAYS_HELP
    )
    recording_days = forms.IntegerField(required=False, label="Recordings kept (days)", help_text=_DAYS_HELP)
    metadata = MetadataField(
        required=False, help_text="For routers to decide by: key = value, one to a line."
    )

    def __init__(self, *args: Any, tools: Iterable[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tools"].choices = list(tools)  # type: ignore[attr-defined]
        for name, options in _LISTS.items():
            self.fields[name].widget.attrs |= {"list": options, "autocomplete": "off", "spellcheck": "false"}
        self.fields["metadata"].widget.attrs["rows"] = 3
        example = '{"type": "object", "properties": {"order": {"type": "integer"}}}'
        self.fields["after_fields"].widget.attrs |= {"rows": 6, "placeholder": example, "spellcheck": "false"}

    def read(self, spec: AgentSpec, variables: "BaseFormSet[VariableForm]") -> AgentSpec:
        """`spec` with what was entered. Both forms have been validated, and may have errors."""
        entered = self.cleaned_data
        old = fields_of(spec)
        given = {name: entered.get(name, old[name]) for name in self.fields}
        return structs.replace(
            spec,
            prompt=Prompt(instructions=given["instructions"], variables=_variables(variables)),
            first_message=given["first_message"],
            model=Model(name=given["model"], temperature=given["temperature"]),
            voice=Voice(model=given["voice_model"], name=given["voice_name"], speed=_or(given["speed"], 1.0)),
            hearing=Hearing(
                language=given["language"], model=given["hearing_model"], vocabulary=given["vocabulary"]
            ),
            turn_taking=_turn_taking(given),
            tools=given["tools"],
            limits=Limits(session_seconds=given["session_seconds"], response_tokens=given["response_tokens"]),
            privacy=Privacy(**{name: given[name] for name in Privacy.__struct_fields__}),
            after_call=AfterCall(
                summary=given["summary"],
                model=given["summary_model"],
                fields=given["after_fields"],
                transcription_model=given["transcription_model"],
            ),
            metadata=given["metadata"],
        )


_LISTS: Mapping[str, str] = {
    "model": "models",
    "voice_model": "speech-models",
    "voice_name": "voices",
    "hearing_model": "recognisers",
    "summary_model": "writers",
    "transcription_model": "recognisers",
    "language": "languages",
}

FIELDS: Mapping[str, str] = {
    "prompt.instructions": "instructions",
    "prompt.variables": "variables",
    "first_message": "first_message",
    "model.name": "model",
    "model.temperature": "temperature",
    "voice.model": "voice_model",
    "voice.name": "voice_name",
    "voice.speed": "speed",
    "hearing.language": "language",
    "hearing.model": "hearing_model",
    "turn_taking.threshold": "threshold",
    "turn_taking.silence_duration_ms": "silence_ms",
    "turn_taking.prefix_padding_ms": "prefix_ms",
    "turn_taking.idle_timeout_ms": "idle_ms",
    "tools": "tools",
    "limits.session_seconds": "session_seconds",
    "limits.response_tokens": "response_tokens",
    "privacy.keep_log": "keep_log",
    "privacy.record": "record",
    "privacy.redact": "redact",
    "privacy.log_days": "log_days",
    "privacy.transcript_days": "transcript_days",
    "privacy.recording_days": "recording_days",
    "after_call.model": "summary_model",
    "after_call.fields": "after_fields",
    "after_call.transcription_model": "transcription_model",
    "metadata": "metadata",
}
"""Where each path of a spec is edited."""


def fields_of(spec: AgentSpec) -> dict[str, Any]:
    """What the form shows of a spec."""
    turns = spec.turn_taking
    vad = turns if isinstance(turns, ServerVad) else ServerVad(silence_duration_ms=500)
    semantic = turns if isinstance(turns, SemanticVad) else SemanticVad()
    either: TurnTaking = turns or vad
    return {
        "instructions": spec.prompt.instructions,
        "first_message": spec.first_message,
        "voice_model": spec.voice.model,
        "voice_name": spec.voice.name,
        "speed": spec.voice.speed,
        "language": spec.hearing.language,
        "hearing_model": spec.hearing.model,
        "vocabulary": spec.hearing.vocabulary,
        "model": spec.model.name,
        "temperature": spec.model.temperature,
        "turn_taking": _kind_of(turns),
        "eagerness": semantic.eagerness,
        "threshold": vad.threshold,
        "silence_ms": vad.silence_duration_ms,
        "prefix_ms": vad.prefix_padding_ms,
        "idle_ms": vad.idle_timeout_ms,
        "interrupts": either.interrupt_response,
        "answers": either.create_response,
        "tools": spec.tools,
        "session_seconds": spec.limits.session_seconds,
        "response_tokens": spec.limits.response_tokens,
        **structs.asdict(spec.privacy),
        "summary": spec.after_call.summary,
        "summary_model": spec.after_call.model,
        "after_fields": spec.after_call.fields,
        "transcription_model": spec.after_call.transcription_model,
        "metadata": spec.metadata,
    }


def rows_of(spec: AgentSpec) -> Sequence[Mapping[str, Any]]:
    """What the rows of variables show."""
    return [structs.asdict(variable) for variable in spec.prompt.variables]


def _kind_of(turns: TurnTaking | None) -> str:
    match turns:
        case ServerVad():
            return "server_vad"
        case SemanticVad():
            return "semantic_vad"
    return "none"


def _turn_taking(given: Mapping[str, Any]) -> TurnTaking | None:
    usual = ServerVad(silence_duration_ms=500)
    answering = {"create_response": given["answers"], "interrupt_response": given["interrupts"]}
    match given["turn_taking"]:
        case "server_vad":
            return ServerVad(
                threshold=_or(given["threshold"], usual.threshold),
                prefix_padding_ms=_or(given["prefix_ms"], usual.prefix_padding_ms),
                silence_duration_ms=_or(given["silence_ms"], usual.silence_duration_ms),
                idle_timeout_ms=given["idle_ms"],
                **answering,
            )
        case "semantic_vad":
            eagerness: Eagerness = given["eagerness"] or "auto"
            return SemanticVad(eagerness=eagerness, **answering)
    return None


def _variables(forms_: "BaseFormSet[VariableForm]") -> list[Variable]:
    """Those of the rows that have a name and were not removed."""
    entered = [form.cleaned_data for form in forms_ if not form.cleaned_data.get("DELETE")]
    return [
        Variable(**{name: value for name, value in row.items() if name != "DELETE"})
        for row in entered
        if row.get("name")
    ]


def _or(value: Any, usual: Any) -> Any:
    return usual if value is None else value


def _templates() -> list[tuple[str, str]]:
    return [(starter.slug, starter.name) for starter in starters()]
