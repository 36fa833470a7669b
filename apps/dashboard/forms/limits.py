from django import forms

from apps.limits.models import Limit, LimitRequest


class LimitRequestForm(forms.Form):
    limit = forms.ChoiceField(label="What you need more of", choices=Limit.choices)
    wanted = forms.IntegerField(label="How much", min_value=1, max_value=2**31 - 1)
    reason = forms.CharField(
        label="What for",
        max_length=LimitRequest._meta.get_field("reason").max_length,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="How many people talk at the same time, and from when on.",
    )
