"""Every component with an example, for who makes pages. There only in debug mode."""

from datetime import timedelta
from types import SimpleNamespace

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe


class ExampleForm(forms.Form):
    name = forms.CharField(help_text="What your team calls it.")
    model = forms.ChoiceField(choices=[("a", "local/chat"), ("b", "groq/gpt-oss-120b")])
    prompt = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    record = forms.BooleanField(required=False, help_text="Kept for 30 days.")
    scopes = forms.MultipleChoiceField(
        choices=[("talk", "Talk"), ("read", "Read")], widget=forms.CheckboxSelectMultiple
    )

    def clean(self) -> None:
        raise forms.ValidationError("Two agents can't share a telephone number: choose another one.")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    if not settings.DEBUG:
        raise Http404
    request.membership = SimpleNamespace(  # type: ignore[attr-defined]
        tenant_slug="acme", tenant_name="Acme Telephone", role="owner", may={"view": True}
    )
    messages.success(request, "The agent was published.")
    now = timezone.now()
    context = {
        "form": ExampleForm({"record": "on", "model": "a"}),
        "values": [3, 5, 4, 8, 6, 9, 12, 10, 14, 13],
        "moments": [now - timedelta(minutes=4), now - timedelta(days=3), now + timedelta(days=2)],
    }
    return render(request, "dashboard/styleguide.html", context)
