from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms

from apps.customers.selectors import customer_names
from apps.reports.models import Every, Format, ReportKind, ReportSchedule, Rule
from apps.reports.parameters import FILTERS, GROUPS, Wanted
from apps.reports.services import MOST_RECIPIENTS
from apps.usage.breakdowns import names_of
from apps.usage.filtering import NONE
from apps.usage.models import Kind
from apps.usage.periods import PERIODS, Period, period_between, period_named, today_utc

_ANY = ("", "Any")
_PERIODS = (
    ("last-month", "Last month"),
    ("last-week", "Last week"),
    *PERIODS.items(),
    ("own", "The days below"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DATE = forms.DateInput(attrs={"type": "date"})


class _NarrowedForm(forms.Form):
    """What each report can be told apart by and narrowed to: of the fields, a kind has those that make sense."""

    group = forms.ChoiceField(label="Told apart by", required=False)
    kind = forms.ChoiceField(label="Only the kind", required=False, choices=[_ANY, *Kind.choices])
    model = forms.CharField(label="Only the model", required=False, max_length=200)
    agent = forms.ChoiceField(label="Only the agent", required=False)
    api_key_id = forms.ChoiceField(label="Only the API key", required=False)
    customer_id = forms.ChoiceField(label="Only the customer", required=False)

    def __init__(self, report: ReportKind, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.report = report
        names, agents = names_of(), {}
        for slug, name, _ in names.agents.values():
            agents[slug] = name
        self._choose("agent", "No agent", agents)
        self._choose("api_key_id", "No key", {str(id): name for id, name in names.keys.items()})
        self._choose("customer_id", "No customer", {str(id): name for id, name in customer_names().items()})
        for name in ("kind", "model", "agent", "api_key_id", "customer_id"):
            if name not in FILTERS[report]:
                del self.fields[name]
        if report in GROUPS:
            self.fields["group"].choices = list(GROUPS[report].items())  # type: ignore[attr-defined]
        else:
            del self.fields["group"]

    def _wanted(self, period: Period | None) -> Wanted:
        given = self.cleaned_data
        only = {
            name: given.get(name) or None for name in ("kind", "model", "agent", "api_key_id", "customer_id")
        }
        told = {name: value for name, value in only.items() if value}
        wanted = Wanted.of_json(self.report, {**told, "group": given.get("group", "")})
        if period is None:
            return wanted
        return Wanted(self.report, period.first, period.last, wanted.group, wanted.only)

    def _choose(self, name: str, none: str, found: Mapping[str, str]) -> None:
        named = sorted(found.items(), key=lambda each: each[1].lower())
        asked = str(self.initial.get(name) or "")
        gone = [(asked, f"Deleted: {asked}")] if asked and asked != NONE and asked not in found else []
        self.fields[name].choices = [_ANY, (NONE, none), *named, *gone]  # type: ignore[attr-defined]


class ReportForm(_NarrowedForm):
    period = forms.ChoiceField(choices=_PERIODS, help_text="Days are those of UTC.")
    first = forms.DateField(label="From", required=False, widget=_DATE)
    last = forms.DateField(label="To", required=False, widget=_DATE)
    format = forms.ChoiceField(choices=Format.choices, widget=forms.RadioSelect, initial=Format.CSV)
    mail = forms.BooleanField(label="Mail me a link when it is ready", required=False)

    field_order = ["period", "first", "last", "group", "kind", "model", "agent"]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("period"):
            try:
                given["days"] = _days(given)
            except ValueError as error:
                self.add_error("first", str(error))
        return given

    @property
    def wanted(self) -> Wanted:
        return self._wanted(self.cleaned_data["days"])


class ScheduleForm(_NarrowedForm):
    name = forms.CharField(max_length=ReportSchedule._meta.get_field("name").max_length)
    rule = forms.ChoiceField(label="Of", choices=Rule.choices, initial=Rule.WEEK)
    formats = forms.MultipleChoiceField(
        choices=Format.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Format.PDF],
        help_text="Each is a report of its own.",
    )
    every = forms.ChoiceField(label="Made", choices=Every.choices, initial=Every.WEEK)
    weekday = forms.TypedChoiceField(
        label="On the day of the week",
        choices=list(enumerate(_WEEKDAYS, 1)),
        coerce=int,
        required=False,
        help_text="If it is made every week.",
    )
    month_day = forms.IntegerField(
        label="On the day of the month",
        min_value=1,
        max_value=28,
        initial=1,
        required=False,
        help_text="If it is made every month.",
    )
    hour = forms.TypedChoiceField(
        label="At", choices=[(hour, f"{hour}:00") for hour in range(24)], coerce=int, initial=6
    )
    zone = forms.ChoiceField(label="Time zone", initial="UTC")
    recipients = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=f"E-mail addresses, one on each line, {MOST_RECIPIENTS} at most. They get a link that works for "
        "7 days, for whoever has it.",
    )

    field_order = ["name", "group", "kind", "model", "agent", "api_key_id", "customer_id", "rule", "formats"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
        self.fields["zone"].choices = [("UTC", "UTC"), *((name, name) for name in zones)]  # type: ignore[attr-defined]

    @property
    def changes(self) -> dict[str, Any]:
        given = self.cleaned_data
        day = {Every.WEEK: given.get("weekday"), Every.MONTH: given.get("month_day")}.get(
            Every(given["every"])
        )
        return {
            "name": given["name"],
            "kind": self.report,
            "parameters": self._wanted(None).as_json,
            "rule": given["rule"],
            "formats": given["formats"],
            "every": given["every"],
            "day": day or 1,
            "hour": given["hour"],
            "zone": given["zone"],
            "recipients": given["recipients"].split(),
        }

    @classmethod
    def showing(cls, schedule: ReportSchedule) -> "ScheduleForm":
        day = {"weekday": schedule.day, "month_day": schedule.day}
        told = {
            name: getattr(schedule, name) for name in ("name", "rule", "formats", "every", "hour", "zone")
        }
        recipients = "\n".join(schedule.recipients)
        initial = {**schedule.parameters, **told, **day, "recipients": recipients}
        return cls(ReportKind(schedule.kind), initial=initial)


def _days(given: Mapping[str, Any]) -> Period:
    """Raises ValueError, with what to do."""
    today = today_utc()
    if given["period"] == "own":
        if not given.get("first"):
            raise ValueError("Choose the first day.")
        return period_between(given["first"], given.get("last"), today=today)
    if given["period"] == "last-month":
        last = today.replace(day=1) - timedelta(days=1)
        return Period(last.replace(day=1), last)
    if given["period"] == "last-week":
        monday = today - timedelta(days=today.weekday() + 7)
        return Period(monday, monday + timedelta(days=6))
    found = period_named(given["period"], today=today)
    if found is None:
        raise ValueError("Choose one of the periods.")
    return found
