from django import forms
from django.conf import settings

from apps.tenants.models import Tenant


class SettingsForm(forms.ModelForm):
    class Meta:
        model = Tenant
        fields = [
            "name",
            "default_model",
            "default_transcription_model",
            "default_speech_model",
            "default_voice",
            "log_days",
        ]
        labels = {
            "default_model": "Model",
            "default_transcription_model": "Transcription",
            "default_speech_model": "Speech",
            "default_voice": "Voice",
            "log_days": "Days that sessions are kept",
        }
        help_texts = {
            "default_model": "Where a client names a model that is not known here, like gpt-realtime.",
            "default_voice": "A voice of the speech model.",
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        days = settings.SESSION_LOG_DAYS
        self.fields["log_days"].help_text = (
            f"After their end, with their transcripts and events. Empty: {days}, as the platform has it. "
            "What is older goes within the hour."
        )
        for name in ("default_model", "default_transcription_model", "default_speech_model"):
            self.fields[name].widget.attrs["placeholder"] = "the platform's"


class AddressForm(forms.ModelForm):
    class Meta:
        model = Tenant
        fields = ["slug"]
        labels = {"slug": "Address"}
        widgets = {"slug": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})}
