import uuid
from typing import Any, Literal

from django import forms
from django.core.exceptions import ValidationError

from apps.customers.selectors import customer_names
from apps.dashboard.forms.periods import ANY, PeriodForm
from apps.usage.breakdowns import Names, names_of
from apps.usage.filtering import NONE, UsageFilter
from apps.usage.models import Kind


class _IdField(forms.CharField):
    """A UUID, or NONE."""

    def clean(self, value: Any) -> uuid.UUID | Literal["-"] | None:
        text = super().clean(value)
        try:
            return text if text == NONE else uuid.UUID(text) if text else None
        except ValueError:
            raise ValidationError("This is no id: choose one of the list.") from None


class UsageForm(PeriodForm):
    """Which usage is shown; it is the query of the page's address. What is in error asks for nothing."""

    narrowing = {"kind": "Kind", "model": "Model", "agent": "Agent", "key": "API key", "customer": "Customer"}
    kind = forms.ChoiceField(label="Kind", required=False, choices=[ANY, *Kind.choices])
    model = forms.CharField(required=False, max_length=200)
    agent = forms.CharField(required=False, max_length=63, widget=forms.Select)
    key = _IdField(label="API key", required=False, widget=forms.Select)
    customer = _IdField(label="Customer", required=False, widget=forms.Select)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names: Names = names_of()
        agents = {slug: name for slug, name, _ in self.names.agents.values()}
        self.choose("agent", "No agent", agents)
        self.choose("key", "No key", {str(id): name for id, name in self.names.keys.items()})
        self.customers = customer_names()
        if self.customers or self.data.get("customer"):  # which may be of one that is deleted
            self.choose("customer", "No customer", {str(id): name for id, name in self.customers.items()})
        else:
            del self.fields["customer"]
        self.is_valid()

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
