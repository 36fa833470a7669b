from django import forms

from apps.privacy.retention import days_of
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
            "transcript_days",
            "recording_days",
        ]
        labels = {
            "default_model": "Model",
            "default_transcription_model": "Transcription",
            "default_speech_model": "Speech",
            "default_voice": "Voice",
            "log_days": "Events (days)",
            "transcript_days": "Transcripts (days)",
            "recording_days": "Recordings (days)",
        }
        help_texts = {
            "default_model": "Where a client names a model that is not known here, like gpt-realtime.",
            "default_voice": "A voice of the speech model.",
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        usual = days_of(Tenant())
        self.fields["log_days"].help_text = f"Empty: {usual.log}. Never longer than transcripts."
        self.fields["transcript_days"].help_text = f"With summaries. Empty: {usual.transcript}."
        self.fields["recording_days"].help_text = f"Empty: {usual.recording}."
        for name in ("default_model", "default_transcription_model", "default_speech_model"):
            self.fields[name].widget.attrs["placeholder"] = "the platform's"


class AddressForm(forms.ModelForm):
    class Meta:
        model = Tenant
        fields = ["slug"]
        labels = {"slug": "Address"}
        widgets = {"slug": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})}
