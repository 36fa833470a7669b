from django import forms

from apps.privacy.erasing import LONGEST_IDENTIFIER


class EraseForm(forms.Form):
    identifier = forms.CharField(
        max_length=LONGEST_IDENTIFIER,
        label="Safety identifier",
        help_text="As your apps name the person: in the header OpenAI-Safety-Identifier, or with a client secret.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    confirmation = forms.CharField(
        max_length=LONGEST_IDENTIFIER,
        label="The same once more",
        help_text="Nobody can bring back what is erased.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_confirmation(self) -> str:
        again: str = self.cleaned_data["confirmation"]
        if again != self.cleaned_data.get("identifier"):
            raise forms.ValidationError("This is not the same: nothing was erased.")
        return again
