from typing import Any

from allauth.account.forms import SignupForm
from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts

from apps.accounts.models import User


class SignUpForm(SignupForm):
    """Who comes by an invitation finds its address filled in."""

    name = forms.CharField(
        label="Your name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ["name", "email", "password1"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail address"
        self.fields["email"].widget.attrs.pop("placeholder", None)
        password = self.fields["password1"]
        password.widget.attrs.pop("placeholder", None)
        password.help_text = " ".join(password_validators_help_texts()[1:2])


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["name"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}
