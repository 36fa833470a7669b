from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms

from apps.agents.models import Agent
from apps.conversations.models import EndReason, SessionKind
from apps.keys.selectors import api_key_list
from apps.transcripts.models import Outcome, Sentiment

_ANY = ("", "Any")
_MICRO = 1_000_000


def _date() -> forms.DateField:
    return forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))


def _seconds() -> forms.IntegerField:
    return forms.IntegerField(required=False, min_value=0, max_value=10**7)


class SessionFilterForm(forms.Form):
    """What to look for among the sessions; it is the query of the page's address."""

    q = forms.CharField(
        label="Words",
        required=False,
        max_length=200,
        help_text='What was said. "A phrase", or, and -not work.',
    )
    status = forms.ChoiceField(required=False, choices=[_ANY, ("running", "Running"), ("ended", "Ended")])
    agent = forms.ChoiceField(required=False)
    version = forms.IntegerField(label="Agent's version", required=False, min_value=1)
    model = forms.CharField(required=False, max_length=200, help_text="Or how its name begins: groq/.")
    kind = forms.ChoiceField(required=False, choices=[_ANY, *SessionKind.choices])
    ended = forms.ChoiceField(label="Why it ended", required=False, choices=[_ANY, *EndReason.choices])
    outcome = forms.ChoiceField(required=False, choices=[_ANY, *Outcome.choices])
    mood = forms.ChoiceField(label="User's mood", required=False, choices=[_ANY, *Sentiment.choices])
    language = forms.RegexField(
        r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$",
        required=False,
        max_length=35,
        help_text="That was spoken: en, de.",
        error_messages={"invalid": "Give a language's code, as en or de."},
    )
    key = forms.ChoiceField(label="API key", required=False)
    since = _date()
    until = _date()
    shortest = _seconds()
    longest = _seconds()
    cost = forms.DecimalField(label="Cost at least", required=False, min_value=0, max_value=10**6)
    errors_only = forms.BooleanField(label="Only with errors", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keys = [(str(key.id), key.name) for key in api_key_list()]
        agents = [(str(agent.id), agent.name) for agent in Agent.objects.order_by("name")]
        self.fields["agent"].choices = [_ANY, *agents]  # type: ignore[attr-defined]
        self.fields["key"].choices = [_ANY, *keys]  # type: ignore[attr-defined]
        self.fields["shortest"].label = "At least, seconds"
        self.fields["longest"].label = "At most, seconds"

    @property
    def asked(self) -> dict[str, Any]:
        """For `session_list`, but for the status. Fields in error ask for nothing."""
        given = getattr(self, "cleaned_data", {})
        cost: Decimal | None = given.get("cost")
        return {
            "text": given.get("q") or None,
            "agent_id": given.get("agent") or None,
            "agent_version": given.get("version"),
            "model": given.get("model") or None,
            "kind": given.get("kind") or None,
            "end_reason": given.get("ended") or None,
            "api_key_id": given.get("key") or None,
            "outcome": given.get("outcome") or None,
            "sentiment": given.get("mood") or None,
            "language": given.get("language") or None,
            "started_from": _midnight(given.get("since")),
            "started_before": _midnight(given.get("until"), timedelta(days=1)),
            "shortest": _length(given.get("shortest")),
            "longest": _length(given.get("longest")),
            "least_cost_micro": None if cost is None else int(cost * _MICRO),
            "has_errors": True if given.get("errors_only") else None,
        }

    @property
    def status_asked(self) -> str:
        return str(getattr(self, "cleaned_data", {}).get("status", ""))

    @property
    def query(self) -> str:
        """The same query in the same order, without what is empty: `status=ended&model=groq/`."""
        given = [(name, self.data.get(name, "")) for name in self.fields]
        return urlencode([(name, value) for name, value in given if value], safe="/:")

    @property
    def finer(self) -> list[forms.BoundField]:
        """The fields that few people need."""
        return [field for field in self if field.name not in ("q", "status")]

    @property
    def is_narrowed(self) -> bool:
        return any(self.data.get(field.name) for field in self.finer)

    @property
    def is_empty(self) -> bool:
        return not self.query


def _midnight(day: Any, later: timedelta = timedelta()) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min, UTC) + later


def _length(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
