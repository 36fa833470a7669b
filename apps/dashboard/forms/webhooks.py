import uuid
from collections.abc import Iterable
from typing import Any

from django import forms

from apps.webhooks.models import DeliveryState, Endpoint
from apps.webhooks.types import TYPES

_TYPES = [(name, f"{name} – {event_type.label}") for name, event_type in TYPES.items()]


class EndpointForm(forms.Form):
    url = forms.CharField(
        label="Address",
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/webhooks"}),
        help_text="Each event is one POST to it. It must be on the public internet, over https.",
    )
    description = forms.CharField(
        max_length=200, required=False, help_text="What is done with it, so that others know."
    )
    events = forms.MultipleChoiceField(
        label="Events",
        required=False,
        choices=_TYPES,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: all of them, also those that there will be.",
    )


class EndpointTestForm(forms.Form):
    type = forms.ChoiceField(label="Event", choices=_TYPES)


class DeliveryFilter(forms.Form):
    """What of the deliveries is shown. What can't be read filters nothing."""

    endpoint = forms.ChoiceField(required=False)
    type = forms.ChoiceField(label="Event", required=False, choices=[("", "All events"), *_TYPES])
    state = forms.ChoiceField(required=False, choices=[("", "In any state"), *DeliveryState.choices])
    session = forms.CharField(required=False, max_length=64)

    def __init__(self, data: Any, *, endpoints: Iterable[Endpoint]) -> None:
        super().__init__(data)
        choices = [("", "All endpoints"), *((str(row.id), row.url) for row in endpoints)]
        self.fields["endpoint"].choices = choices  # type: ignore[attr-defined]

    def wanted(self) -> dict[str, Any]:
        """As `delivery_list` takes it."""
        self.is_valid()
        given = self.cleaned_data
        wanted: dict[str, Any] = {}
        if given.get("endpoint"):
            wanted["endpoint_id"] = uuid.UUID(given["endpoint"])
        if given.get("type"):
            wanted["types"] = [given["type"]]
        if given.get("state"):
            wanted["states"] = [given["state"]]
        if given.get("session"):
            wanted["session_id"] = given["session"]
        return wanted
