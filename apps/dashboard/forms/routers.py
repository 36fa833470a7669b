from typing import Any, get_args

import msgspec
from django import forms

from antiphon.providers.routing.format import LONGEST, LanguageRouter, RecognitionRouter, Router, Select
from apps.routers.models import RouterKind

_LINES = forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "font-mono"})


class SimpleRouterForm(forms.Form):
    """A router without conditions: some models, one after the other."""

    name = forms.CharField(max_length=64, help_text="Sessions name it router/ and this.")
    kind = forms.ChoiceField(
        label="It chooses",
        choices=[(kind.value, kind.label) for kind in (RouterKind.LANGUAGE, RouterKind.SPEECH_TO_TEXT)],
        help_text="Routers of voices are written as JSON.",
    )
    models = forms.CharField(
        widget=_LINES,
        max_length=2500,
        help_text="One in each line, provider/model; the first is asked first.",
    )
    select = forms.ChoiceField(
        label="Order them by",
        choices=[(value, value) for value in get_args(Select)],
        required=False,
        help_text="Of language models: as listed, or by what they cost or how fast they are now.",
    )
    fallbacks = forms.CharField(
        widget=_LINES,
        max_length=2500,
        required=False,
        help_text="Of language models: when all others failed.",
    )
    latency_budget_ms = forms.IntegerField(
        label="Latency budget, ms",
        required=False,
        min_value=100,
        max_value=60_000,
        help_text="Of language models: a model that is too slow for it is passed over.",
    )
    hedge = forms.BooleanField(
        label="Ask a second model when the first is slow", required=False, help_text="Of language models."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = dict(RouterKind.choices)
        chosen = [
            (kind.value, labels[kind.value]) for kind in (RouterKind.LANGUAGE, RouterKind.SPEECH_TO_TEXT)
        ]
        self.fields["kind"].choices = chosen  # type: ignore[attr-defined]

    @property
    def definition(self) -> str:
        given = self.cleaned_data
        models = given["models"].split()
        router: dict[str, Any] = {"kind": given["kind"]}
        if given["kind"] == RouterKind.SPEECH_TO_TEXT:
            router["models"] = models
        else:
            router["default"] = {"variants": [{"models": models}], "select": given["select"] or "order"}
            router["fallbacks"] = given["fallbacks"].split()
            if given["latency_budget_ms"]:
                router["latency_budget_ms"] = given["latency_budget_ms"]
            if given["hedge"]:
                router["hedge"] = {}
        return msgspec.json.encode(router).decode()

    @classmethod
    def showing(cls, name: str, router: Router) -> "SimpleRouterForm | None":
        """Filled in with a router; None for one that says more than this form can."""
        if isinstance(router, RecognitionRouter):
            initial: dict[str, Any] = {"models": "\n".join(router.models), "kind": "speech_to_text"}
        elif isinstance(router, LanguageRouter) and not router.routes and len(router.default.variants) == 1:
            initial = {
                "kind": "language",
                "models": "\n".join(router.default.variants[0].models),
                "select": router.default.select,
                "fallbacks": "\n".join(router.fallbacks),
                "latency_budget_ms": router.latency_budget_ms,
                "hedge": router.hedge is not None,
            }
        else:
            return None
        form = cls(initial={"name": name, **initial})
        form.full_clean()
        rewritten = cls({"name": name, **initial})
        is_whole = rewritten.is_valid() and msgspec.json.decode(rewritten.definition, type=Router) == router
        return form if is_whole else None


class RouterJsonForm(forms.Form):
    name = forms.CharField(max_length=64, help_text="Sessions name it router/ and this.")
    definition = forms.CharField(
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 20, "spellcheck": "false", "class": "font-mono"}),
    )


class ExplainForm(forms.Form):
    user = forms.CharField(required=False, max_length=200, help_text="Decides which variant somebody gets.")
    language = forms.CharField(required=False, max_length=20, help_text="As in de.")
    modality = forms.ChoiceField(choices=[("audio", "Spoken"), ("text", "Written")])
    metadata = forms.JSONField(
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "font-mono"}),
        help_text='Of the session: {"plan": "gold"}.',
    )

    def clean_metadata(self) -> dict[str, str]:
        value = self.cleaned_data["metadata"] or {}
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise forms.ValidationError('Give an object of texts, as in {"plan": "gold"}.')
        return value
