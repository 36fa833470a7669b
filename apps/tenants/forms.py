from django import forms
from django.urls import reverse_lazy

from apps.tenants.models import Tenant


class WorkspaceForm(forms.ModelForm):
    """Whatever name is typed, its address is proposed."""

    class Meta:
        model = Tenant
        fields = ["name", "slug"]
        labels = {"name": "Name of the workspace", "slug": "Address"}
        help_texts = {
            "name": "Your company's or your team's.",
            "slug": "Part of its endpoint: lower-case letters, digits and hyphens.",
        }
        widgets = {
            "name": forms.TextInput(
                attrs={
                    "autocomplete": "organization",
                    "hx-get": reverse_lazy("workspace-address"),
                    "hx-trigger": "input changed delay:300ms",
                    "hx-target": "#address",
                }
            ),
            "slug": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        }
