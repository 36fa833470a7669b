from decimal import Decimal
from typing import Any

from django import forms

from apps.customers.models import LEAST_BP, MOST_BP, Customer

_MOST = 2**31 - 1


class PercentField(forms.DecimalField):
    """Percent with two decimals; the value is in 1/100 %."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=LEAST_BP // 100, max_value=MOST_BP // 100, decimal_places=2, **kwargs)

    def clean(self, value: Any) -> int | None:
        percent = super().clean(value)
        return None if percent is None else int(percent * 100)

    def prepare_value(self, value: Any) -> Any:
        return Decimal(value) / 100 if isinstance(value, int) else value


class CustomerForm(forms.Form):
    name = forms.CharField(max_length=Customer._meta.get_field("name").max_length)
    sessions_limit = forms.IntegerField(
        label="Sessions at the same time",
        required=False,
        min_value=1,
        max_value=_MOST,
        help_text="On their account, by whatever key. Empty: as many as the workspace may have.",
    )
    events_per_second_limit = forms.IntegerField(
        label="Client events a second",
        required=False,
        min_value=1,
        max_value=_MOST,
        help_text="Of all their sessions together. Empty: as many as the workspace may send.",
    )
    notes = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For the members of this workspace.",
    )


class NewCustomerForm(CustomerForm):
    external_id = forms.CharField(
        label="External id",
        max_length=Customer._meta.get_field("external_id").max_length,
        help_text="What your apps call them, for good: letters, digits and . _ : @ -",
    )
    markup_bp = PercentField(
        label="Markup in percent",
        initial=0,
        help_text="Added to the price of everything they use. Negative: a discount.",
    )

    field_order = ["name", "external_id", "markup_bp"]


class CustomerChangesForm(CustomerForm):
    is_active = forms.BooleanField(
        label="Active",
        required=False,
        help_text="Otherwise they open no sessions, whatever the key; those that run go on.",
    )


class MarkupForm(forms.Form):
    markup_bp = PercentField(label="Markup in percent")
    valid_from = forms.DateTimeField(
        label="From, UTC",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: from now on. What was used before keeps its own.",
    )
