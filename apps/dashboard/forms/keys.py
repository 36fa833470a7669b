from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from apps.customers.models import Customer
from apps.keys.models import ApiKey, Environment, Scope
from apps.keys.scopes import FOR_APPS

_MOST = 2**31 - 1
_OVERLAPS = [(0, "now"), (1, "in an hour"), (24, "in a day"), (168, "in a week")]


class _Lines(forms.CharField):
    """A list, one on each line."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})
        super().__init__(widget=widget, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


class KeyChangesForm(forms.Form):
    name = forms.CharField(
        max_length=ApiKey._meta.get_field("name").max_length,
        help_text="Where it is used, so that you know it again.",
    )
    scopes = forms.MultipleChoiceField(label="It may", widget=forms.CheckboxSelectMultiple, initial=FOR_APPS)
    allowed_addresses = _Lines(
        label="Only from these addresses",
        help_text="IP addresses or networks like 203.0.113.0/24, one on each line. Empty: from anywhere.",
    )
    allowed_origins = _Lines(
        label="Only for pages of these origins",
        help_text="Like https://app.example.com, one on each line. Holds for client secrets made with it, too.",
    )

    sessions_limit = forms.IntegerField(
        label="Sessions at the same time",
        required=False,
        min_value=1,
        max_value=_MOST,
        help_text="Of this key and of client secrets made with it. Empty: as many as the workspace may have.",
    )
    events_per_second_limit = forms.IntegerField(
        label="Client events a second",
        required=False,
        min_value=1,
        max_value=_MOST,
        help_text="Of all its sessions together. Empty: as many as the workspace may send.",
    )

    def __init__(self, *args: Any, grantable: Collection[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = [scope for scope in Scope if scope in grantable]
        self.fields["scopes"].choices = [  # type: ignore[attr-defined]
            ("As an app", [(scope.value, scope.label) for scope in given if scope in FOR_APPS]),
            (
                "By the management API",
                [(scope.value, scope.label) for scope in given if scope not in FOR_APPS],
            ),
        ]


class NewKeyForm(KeyChangesForm):
    environment = forms.ChoiceField(
        choices=Environment.choices,
        initial=Environment.LIVE,
        widget=forms.RadioSelect,
        help_text="A word in the key by which you tell keys apart. It changes nothing else.",
    )
    realtime_only = forms.BooleanField(
        label="Realtime only, for good",
        required=False,
        help_text="It opens sessions and never does anything else, whatever is ticked below.",
    )
    days = forms.TypedChoiceField(
        choices=[("", "Never"), (30, "After 30 days"), (90, "After 90 days"), (365, "After a year")],
        coerce=int,
        empty_value=None,
        required=False,
        label="Expires",
    )

    customer: "forms.ModelChoiceField[Customer]" = forms.ModelChoiceField(
        queryset=None,
        required=False,
        empty_label="Of none: it is this workspace's own",
        help_text="On whose account its sessions are, for good. A customer's key can do nothing but what apps do.",
    )

    field_order = ["name", "environment", "customer", "realtime_only", "scopes", "days"]

    def __init__(self, *args: Any, customers: QuerySet[Customer], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["customer"].queryset = customers  # type: ignore[attr-defined]
        if not customers:
            del self.fields["customer"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("realtime_only"):
            cleaned["scopes"] = [Scope.REALTIME.value]
        cleaned["expires_at"] = self._expires_at(cleaned.pop("days", None))
        return cleaned

    @staticmethod
    def _expires_at(days: int | None) -> datetime | None:
        return None if days is None else timezone.now() + timedelta(days=days)


class RotationForm(forms.Form):
    overlap = forms.TypedChoiceField(
        label="The old key stops working",
        choices=_OVERLAPS,
        coerce=lambda hours: timedelta(hours=int(hours)),
        initial=24,
    )
