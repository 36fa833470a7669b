"""Forms that say of which days a page is; they are the query of its address."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms

from apps.usage.filtering import NONE
from apps.usage.periods import PERIODS, Period, period_between, period_named, today_utc

ANY = ("", "Any")
USUAL = "30"


def _date(label: str) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


class PeriodForm(forms.Form):
    """What is in error asks for nothing. `narrowing` are the labels of the fields that narrow the page,
    `cleared` is its query without any of them."""

    narrowing: ClassVar[Mapping[str, str]] = {}
    cleared: ClassVar[str] = ""

    period = forms.ChoiceField(required=False, choices=[("", ""), *PERIODS.items()])
    first = _date("From, UTC")
    last = _date("To, UTC")

    @property
    def asked_period(self) -> Period:
        given, today = self.cleaned_data, today_utc()
        first, last = given.get("first"), given.get("last")
        if first or last:
            return period_between(first, last, today=today)
        named = period_named(given.get("period") or USUAL, today=today)
        assert named is not None  # the choices are its names
        return named

    @property
    def period_name(self) -> str:
        """Empty for one of the person's own."""
        given = self.cleaned_data
        return "" if given.get("first") or given.get("last") else str(given.get("period") or USUAL)

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
        return [
            (label, self._shown(name), f"?{self.query(**{name: ''})}")
            for name, label in self.narrowing.items()
            if self.data.get(name) and name not in self.errors
        ]

    @property
    def finer(self) -> list[forms.BoundField]:
        return [field for field in self if field.name != "period"]

    def _shown(self, name: str) -> str:
        value = str(self.data[name])
        choices: Any = getattr(self.fields[name].widget, "choices", ())
        return str(dict(choices).get(value, value))

    def choose(self, name: str, none: str, found: Mapping[str, str]) -> None:
        """What is deleted can be asked for, too."""
        asked = self.data.get(name, "")
        gone = [(asked, f"Deleted: {asked}")] if asked and asked not in found and asked != NONE else []
        named = sorted(found.items(), key=lambda each: each[1].lower())
        self.fields[name].widget.choices = [ANY, (NONE, none), *named, *gone]
