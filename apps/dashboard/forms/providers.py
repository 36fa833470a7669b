from typing import Any

from django import forms

from antiphon.providers.vendors import SERVER_KINDS, VENDORS
from apps.credentials.models import ProviderCredential, TenantProvider

_VENDORS = sorted(((vendor.slug, vendor.title) for vendor in VENDORS.values()), key=lambda v: v[1].lower())


def _key_field(*, required: bool) -> forms.CharField:
    """Never filled in again: what was typed is on no page."""
    widget = forms.PasswordInput(attrs={"autocomplete": "off"})
    return forms.CharField(label="API key", required=required, widget=widget)


class CredentialForm(forms.Form):
    provider = forms.ChoiceField(label="Vendor", choices=_VENDORS)
    key = _key_field(required=True)
    base_url = forms.CharField(
        label="Base URL",
        max_length=ProviderCredential._meta.get_field("base_url").max_length,
        required=False,
        help_text="Only where every customer has an address: Azure OpenAI.",
    )
    label = forms.CharField(
        label="Note", max_length=ProviderCredential._meta.get_field("label").max_length, required=False
    )


class ServerForm(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "server_%s")  # it stands beside a CredentialForm, with the same names
        super().__init__(*args, **kwargs)

    slug = forms.CharField(
        label="Name",
        max_length=TenantProvider._meta.get_field("slug").max_length,
        help_text="The first part of the names of its models: acme, as in acme/my-model.",
    )
    dialect = forms.ChoiceField(choices=[(dialect, dialect) for dialect in SERVER_KINDS])
    base_url = forms.CharField(
        label="Base URL",
        max_length=TenantProvider._meta.get_field("base_url").max_length,
        help_text="Such as https://models.example.com/v1.",
    )
    key = _key_field(required=False)
