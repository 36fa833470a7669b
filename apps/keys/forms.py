from datetime import datetime, timedelta

from django import forms
from django.utils import timezone

from apps.keys.models import ApiKey, Scope


class ApiKeyForm(forms.Form):
    name = forms.CharField(max_length=ApiKey._meta.get_field("name").max_length)
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=Scope.values, widget=forms.CheckboxSelectMultiple, label="May"
    )
    days = forms.TypedChoiceField(
        choices=[("", "never"), (30, "after 30 days"), (90, "after 90 days"), (365, "after a year")],
        coerce=int,
        empty_value=None,
        required=False,
        label="Expires",
    )

    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return None if days is None else timezone.now() + timedelta(days=days)
