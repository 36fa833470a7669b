from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone


class AuditFilter(forms.Form):
    """What of the log is shown. Nothing is required; a day that can't be read is told."""

    actor = forms.CharField(label="Who", required=False)
    action = forms.CharField(
        label="Action", required=False, widget=forms.TextInput(attrs={"placeholder": "agent.published"})
    )
    target = forms.CharField(label="What", required=False)
    first = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def wanted(self) -> dict[str, Any]:
        """As `audit_list` takes it. Days are UTC's."""
        if not self.is_valid():
            return {}
        given = self.cleaned_data
        wanted = {name: given[name] for name in ("actor", "action", "target")}
        if first := given["first"]:
            wanted["since"] = _midnight(first)
        if last := given["last"]:
            wanted["before"] = _midnight(last) + timedelta(days=1)
        return wanted


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
