from typing import Any, cast

from django import forms

from apps.analytics.filtering import Filters, VersionNames, version_names
from apps.analytics.measures import STAGES, WAYS, Stage, Step, Way, usual_step
from apps.dashboard.forms.periods import ANY, USUAL, PeriodForm
from apps.transcripts.models import Outcome
from apps.usage.filtering import NONE

_MOST_HOURLY_DAYS = 7
_NOTHING = "nothing"
_STEPS = {"hour": "Hour", "day": "Day", "week": "Week"}


class AnalyticsForm(PeriodForm):
    """What is measured, how it is told apart, and what the page shows of it; the query of its address."""

    narrowing = {"agent": "Agent", "model": "Model", "language": "Language", "outcome": "Outcome"}
    cleared = f"period={USUAL}"  # not empty: that opens the view that somebody chose to begin with

    by = forms.ChoiceField(label="Group by", required=False, choices=[*WAYS.items(), (_NOTHING, "Nothing")])
    step = forms.ChoiceField(
        label="A point for each", required=False, choices=[("", "As fits"), *_STEPS.items()]
    )
    agent = forms.CharField(required=False, max_length=63, widget=forms.Select)
    model = forms.CharField(required=False, max_length=200)
    language = forms.CharField(required=False, max_length=35, help_text="A code like en or pt-BR.")
    outcome = forms.ChoiceField(required=False, choices=[ANY, *Outcome.choices, (NONE, "Not told yet")])
    stage = forms.ChoiceField(required=False, choices=[("", ""), *STAGES.items()])
    sort = forms.CharField(required=False, max_length=20)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names: VersionNames = version_names()
        agents = self.names.agents()
        for id, version in self.names.of.items():
            if str(id) == self.data.get("agent"):
                agents[str(id)] = version.label
        self.choose("agent", "No agent", agents)
        self.is_valid()

    @property
    def group_by(self) -> Way | None:
        """Agents, unless something else is asked for."""
        asked = self.cleaned_data.get("by") or "agent"
        return None if asked == _NOTHING else cast(Way, asked)

    @property
    def asked_step(self) -> Step:
        return cast(Step, self.cleaned_data.get("step") or usual_step(self.asked_period))

    @property
    def asked_stage(self) -> Stage:
        return cast(Stage, self.cleaned_data.get("stage") or "total")

    @property
    def filters(self) -> Filters:
        given = self.cleaned_data
        return Filters(**{name: given.get(name) or None for name in self.narrowing})

    @property
    def stages(self) -> list[tuple[str, str, bool]]:
        """Label, address, and whether it is the one that is shown."""
        shown = self.asked_stage
        return [(label, f"?{self.query(stage=name)}", name == shown) for name, label in STAGES.items()]

    @property
    def finer(self) -> list[forms.BoundField]:
        return [field for field in super().finer if field.name not in ("stage", "sort")]

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        self.cleaned_data = given
        if given.get("step") == "hour" and self.asked_period.days > _MOST_HOURLY_DAYS:
            self.add_error("step", f"Choose at most {_MOST_HOURLY_DAYS} days, or a longer step.")
        return given


class SavedViewForm(forms.Form):
    name = forms.CharField(max_length=80)
    is_shared = forms.BooleanField(
        label="For everybody in the workspace", required=False, help_text="Else only you see it."
    )
