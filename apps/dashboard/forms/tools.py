"""The form of a tool by its kind, and one for the arguments that its schema describes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from apps.tools.models import Approval, Tool, ToolKind

# What a tool of each kind is asked for, in this order.
FIELDS: Mapping[str, tuple[str, ...]] = {
    ToolKind.CLIENT: ("slug", "description", "parameters", "speak_while_running"),
    ToolKind.HTTP: (
        "slug",
        "description",
        "parameters",
        "speak_while_running",
        "url",
        "timeout_ms",
        "max_response_bytes",
    ),
    ToolKind.MCP: ("slug", "description", "url", "allowed_tools", "require_approval"),
}
_SHORT_TEXT = 200


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """A header in the form. `masked` is what is kept of it; its value is on no page."""

    name: str = ""
    masked: str = ""


class ToolForm(forms.Form):
    """`tool` is the one that is changed, None for a new one. Headers come as rows; a value left empty keeps what
    there is."""

    slug = forms.CharField(label="Name", max_length=64)
    description = forms.CharField(
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What it does and when to use it: the model decides by this.",
    )
    parameters = forms.CharField(
        widget=forms.Textarea(
            attrs={"rows": 14, "spellcheck": "false", "class": "font-mono", "data-schema-source": ""}
        ),
        help_text="A JSON schema of the arguments. Say in each description what the model should put there.",
    )
    speak_while_running = forms.CharField(
        label="Say before running",
        max_length=_SHORT_TEXT,
        required=False,
        help_text="A phrase such as: One moment, I am looking that up. It plays while the tool runs.",
    )
    url = forms.CharField(label="Address", max_length=500)
    timeout_ms = forms.IntegerField(label="Timeout, ms", help_text="100 to 60000, a second try included.")
    max_response_bytes = forms.IntegerField(
        label="Largest answer, bytes", help_text="256 to 1048576. The model reads all of it."
    )
    allowed_tools = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "font-mono"}),
        help_text="One name in each line. All of the server's tools if empty.",
    )
    require_approval = forms.ChoiceField(label="Approval", choices=Approval.choices)

    def __init__(self, data: QueryDict | None = None, *, kind: str, tool: Tool | None = None) -> None:
        super().__init__(data, initial=_initial(tool or Tool()))
        self.kind = kind
        self.tool = tool
        wanted = [name for name in FIELDS[kind] if tool is None or name != "slug"]
        self.fields = {name: self.fields[name] for name in wanted}
        if kind == ToolKind.MCP and "slug" in self.fields:
            self.fields["slug"].help_text = "The label of the server in a session: docs."
        elif "slug" in self.fields:
            self.fields[
                "slug"
            ].help_text = "The function as the model sees it: get_weather. It can't be changed later."
        self._kept = {} if tool is None else {header.name: header.masked for header in tool.headers.all()}

    def clean_allowed_tools(self) -> list[str]:
        names: str = self.cleaned_data["allowed_tools"]
        return names.split()

    @property
    def header_rows(self) -> list[HeaderRow]:
        names = self._typed("header_name") if self.is_bound else list(self._kept)
        return [HeaderRow(name, self._kept.get(name, "")) for name in names if name]

    @property
    def values(self) -> dict[str, Any]:
        """For the service, once the form is valid."""
        if self.kind == ToolKind.CLIENT:
            return self.cleaned_data
        rows = zip(self._typed("header_name"), self._typed("header_value"), strict=False)
        headers = {
            name.strip(): value or (None if name.strip() in self._kept else "")
            for name, value in rows
            if name.strip()
        }
        return {**self.cleaned_data, "headers": headers}

    def _typed(self, name: str) -> list[str]:
        """In each of the rows."""
        return self.data.getlist(name) if isinstance(self.data, QueryDict) else []


class ArgumentsForm(forms.Form):
    """A field for each parameter of a schema; those that are no plain values are written as JSON."""

    def __init__(self, schema: Mapping[str, Any], data: QueryDict | None = None) -> None:
        super().__init__(data, prefix="argument")
        required = schema.get("required", [])
        for name, described in schema.get("properties", {}).items():
            self.fields[name] = _field(described, required=name in required)
            self.fields[name].label = name
            self.fields[name].help_text = described.get("description", "")

    @property
    def arguments(self) -> dict[str, Any]:
        """Once the form is valid; what was left empty is not among them."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}


class _JsonField(forms.JSONField):
    """Empty while nothing was typed."""

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


def _initial(tool: Tool) -> dict[str, Any]:
    """As people read it: the schema with line breaks."""
    values = {name: getattr(tool, name) for name in FIELDS[ToolKind.HTTP] + FIELDS[ToolKind.MCP]}
    schema = json.dumps(json.loads(tool.parameters), indent=2, ensure_ascii=False)
    return {**values, "parameters": schema, "allowed_tools": "\n".join(tool.allowed_tools)}


def _field(described: Mapping[str, Any], *, required: bool) -> forms.Field:
    if choices := described.get("enum"):
        given = [(json.dumps(choice), str(choice)) for choice in choices]
        shown = given if required else [("null", ""), *given]
        return forms.TypedChoiceField(choices=shown, coerce=json.loads, required=required, empty_value=None)
    match described.get("type"):
        case "string":
            return forms.CharField(required=required)
        case "integer":
            return forms.IntegerField(required=required)
        case "number":
            return forms.FloatField(required=required)
        case "boolean":
            return forms.BooleanField(required=False)
    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "font-mono"})
    return _JsonField(required=required, widget=widget)
