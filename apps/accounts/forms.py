from typing import Any

from allauth.account import forms as allauth_forms
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts

from apps.accounts.models import User


class Labelled:
    """Fields have labels, which a placeholder would only repeat."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class SignUpForm(Labelled, allauth_forms.SignupForm):
    """Who comes by an invitation finds its address filled in."""

    name = forms.CharField(
        label="Your name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ["name", "email", "password1"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail address"
        self.fields["password1"].help_text = " ".join(password_validators_help_texts()[1:2])


class SignInForm(Labelled, allauth_forms.LoginForm):
    pass


class ChangeAddressForm(Labelled, allauth_forms.AddEmailForm):
    pass


class ChangePasswordForm(Labelled, allauth_forms.ChangePasswordForm):
    pass


class SetPasswordForm(Labelled, allauth_forms.SetPasswordForm):
    pass


class ForgottenPasswordForm(Labelled, allauth_forms.ResetPasswordForm):
    pass


class NewPasswordForm(Labelled, allauth_forms.ResetPasswordKeyForm):
    pass


class ConfirmPasswordForm(Labelled, allauth_forms.ReauthenticateForm):
    pass


class CodeForm(Labelled, allauth_forms.ConfirmEmailVerificationCodeForm):
    pass


class SecondFactorForm(Labelled, AuthenticateForm):
    pass


class ConfirmSecondFactorForm(Labelled, ReauthenticateForm):
    pass


class AuthenticatorAppForm(Labelled, ActivateTOTPForm):
    pass


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["name"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}
