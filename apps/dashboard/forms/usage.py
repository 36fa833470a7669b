import uuid
from datetime import date
from typing import Any, Literal
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError

from apps.customers.selectors import customer_names
from apps.usage.breakdowns import Names, names_of
from apps.usage.filtering import NONE, UsageFilter
from apps.usage.models import Kind
from apps.usage.periods import PERIODS, Period, period_between, period_named, today_utc

_ANY = ("", "Any")
_USUAL = "30"


def _date(label: str) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


class _IdField(forms.CharField):
    """A UUID, or NONE."""

    def clean(self, value: Any) -> uuid.UUID | Literal["-"] | None:
        text = super().clean(value)
        try:
            return text if text == NONE else uuid.UUID(text) if text else None
        except ValueError:
            raise ValidationError("This is no id: choose one of the list.") from None


class UsageForm(forms.Form):
    """Which usage is shown; it is the query of the page's address. What is in error asks for nothing."""

    period = forms.ChoiceField(required=False, choices=[("", ""), *PERIODS.items()])
    first = _date("From, UTC")
    last = _date("To, UTC")
    kind = forms.ChoiceField(label="Kind", required=False, choices=[_ANY, *Kind.choices])
    model = forms.CharField(required=False, max_length=200)
    agent = forms.CharField(required=False, max_length=63, widget=forms.Select)
    key = _IdField(label="API key", required=False, widget=forms.Select)
    customer = _IdField(label="Customer", required=False, widget=forms.Select)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names: Names = names_of()
        agents = {slug: name for slug, name, _ in self.names.agents.values()}
        self._choose("agent", "No agent", agents)
        self._choose("key", "No key", {str(id): name for id, name in self.names.keys.items()})
        self.customers = customer_names()
        if self.customers or self.data.get("customer"):  # which may be of one that is deleted
            self._choose("customer", "No customer", {str(id): name for id, name in self.customers.items()})
        else:
            del self.fields["customer"]
        self.is_valid()

    @property
    def asked_period(self) -> Period:
        given, today = self.cleaned_data, today_utc()
        first, last = given.get("first"), given.get("last")
        if first or last:
            return period_between(first, last, today=today)
        named = period_named(given.get("period") or _USUAL, today=today)
        assert named is not None  # the choices are its names
        return named

    @property
    def period_name(self) -> str:
        """Empty for one of the person's own."""
        given = self.cleaned_data
        return "" if given.get("first") or given.get("last") else str(given.get("period") or _USUAL)

    @property
    def wanted(self) -> UsageFilter:
        given = self.cleaned_data
        return UsageFilter(
            kind=given.get("kind") or None,
            model=given.get("model") or None,
            agent=given.get("agent") or None,
            api_key_id=given.get("key"),
            customer_id=given.get("customer"),
        )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        first: date | None = given.get("first")
        last: date | None = given.get("last")
        if first or last:
            try:
                period_between(first, last, today=today_utc())
            except ValueError as error:
                self.add_error("first", str(error))  # which takes it away
                given.pop("last", None)
        return given

    def query(self, **changes: str) -> str:
        """The page's query with some changed, without what is empty. Own days and a named period exclude each
        other."""
        given = {name: self.data.get(name, "") for name in self.fields}
        if "period" in changes:
            given |= {"first": "", "last": ""}
        given |= changes
        return urlencode([(name, value) for name, value in given.items() if value], safe="/:")

    @property
    def periods(self) -> list[tuple[str, str, bool]]:
        """Label, address, and whether it is the one that is shown."""
        shown = self.period_name
        return [(label, f"?{self.query(period=name)}", name == shown) for name, label in PERIODS.items()]

    @property
    def chips(self) -> list[tuple[str, str, str]]:
        """What the page is narrowed to: label, value, and the address without it."""
        labels = {
            "kind": "Kind",
            "model": "Model",
            "agent": "Agent",
            "key": "API key",
            "customer": "Customer",
        }
        return [
            (label, self._shown(name), f"?{self.query(**{name: ''})}")
            for name, label in labels.items()
            if self.data.get(name) and name not in self.errors
        ]

    @property
    def finer(self) -> list[forms.BoundField]:
        return [field for field in self if field.name != "period"]

    def _shown(self, name: str) -> str:
        value = str(self.data[name])
        choices: Any = getattr(self.fields[name].widget, "choices", ())
        return str(dict(choices).get(value, value))

    def _choose(self, name: str, none: str, found: dict[str, str]) -> None:
        """What is deleted can be asked for, too."""
        asked = self.data.get(name, "")
        gone = [(asked, f"Deleted: {asked}")] if asked and asked not in found and asked != NONE else []
        named = sorted(found.items(), key=lambda each: each[1].lower())
        self.fields[name].widget.choices = [_ANY, (NONE, none), *named, *gone]


class RecordsForm(UsageForm):
    session = forms.CharField(label="Session", required=False, max_length=200)
    unpriced = forms.BooleanField(label="Only without a price", required=False)

    @property
    def lines_asked(self) -> dict[str, Any]:
        """For `line_list`. Of one session, the whole of it is shown whenever it was."""
        given = self.cleaned_data
        session, period = given.get("session") or None, self.asked_period
        timeless = session is not None and not given.get("first") and not given.get("last")
        return {
            "wanted": self.wanted,
            "since": None if timeless else period.since,
            "before": None if timeless else period.before,
            "session_id": session,
            "only_unpriced": bool(given.get("unpriced")),
        }
