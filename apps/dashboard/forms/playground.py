from collections.abc import Sequence

from django import forms

LANGUAGES = (
    ("en", "English"),
    ("de", "German"),
    ("es", "Spanish"),
    ("fr", "French"),
    ("it", "Italian"),
    ("nl", "Dutch"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("hi", "Hindi"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
    ("zh", "Chinese"),
)
_TOOLS_EXAMPLE = '[{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}]'


class PlaygroundSettings(forms.Form):
    """The session to talk in. The browser keeps it in the page's address; it is never posted.

    What is empty is left to the agent, or to the tenant's defaults.
    """

    model = forms.CharField(
        label="Model or agent",
        help_text="Takes effect with your next session.",
        widget=forms.TextInput(attrs={"list": "models", "placeholder": "Your default model"}),
    )
    variables = forms.CharField(
        label="The agent's variables",
        help_text="One in a line: name=value.",
        widget=forms.Textarea(attrs={"rows": 2, "class": "font-mono", "spellcheck": "false"}),
    )
    voice = forms.CharField(widget=forms.TextInput(attrs={"list": "voices", "placeholder": "Default"}))
    instructions = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "What the agent is, and how it talks"})
    )
    language = forms.ChoiceField(label="Language you speak", choices=[("", "Detected"), *LANGUAGES])
    turn = forms.ChoiceField(
        label="Turn detection",
        choices=[
            ("", "As the agent has it"),
            ("semantic_vad", "By meaning"),
            ("server_vad", "By silence"),
            ("none", "None: push to talk"),
        ],
    )
    eagerness = forms.ChoiceField(
        label="Eagerness to answer",
        choices=[("", "Default"), ("low", "Low: waits longer"), ("medium", "Medium"), ("high", "High")],
    )
    silence = forms.IntegerField(
        label="Silence that ends a turn", help_text="Milliseconds.", min_value=0, max_value=60_000
    )
    modality = forms.ChoiceField(
        label="Answers", choices=[("", "Default"), ("audio", "Spoken"), ("text", "Written")]
    )
    temperature = forms.FloatField(
        min_value=0, max_value=2, widget=forms.NumberInput(attrs={"step": "0.1", "placeholder": "Default"})
    )
    speed = forms.FloatField(
        min_value=0.25, max_value=1.5, widget=forms.NumberInput(attrs={"step": "0.05", "placeholder": "1"})
    )
    max_tokens = forms.IntegerField(label="Longest answer", help_text="Tokens.", min_value=1)
    tools = forms.CharField(
        label="Tools, as JSON",
        widget=forms.Textarea(
            attrs={"rows": 5, "class": "font-mono", "spellcheck": "false", "placeholder": _TOOLS_EXAMPLE}
        ),
    )

    def __init__(self, *, models: Sequence[str], voices: Sequence[str]) -> None:
        super().__init__(use_required_attribute=False)
        self.suggestions = {"models": models, "voices": voices}
        for field in self.fields.values():
            field.widget.attrs.setdefault("autocomplete", "off")
