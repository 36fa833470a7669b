from django import forms

COUNTRIES = [
    ("AU", "Australia"), ("AT", "Austria"), ("BE", "Belgium"), ("DK", "Denmark"), ("FI", "Finland"),
    ("FR", "France"), ("DE", "Germany"), ("IN", "India"),
    ("IE", "Ireland"), ("IT", "Italy"), ("JP", "Japan"), ("NL", "Netherlands"),
    ("PL", "Poland"), ("PT", "Portugal"), ("ES", "Spain"), ("SE", "Sweden"), ("CH", "Switzerland"),
    ("GB", "United Kingdom"), ("US", "United States"),
]  # fmt: skip
DECLINED = "4000000000000002"
CARDS = [
    ("4242424242424242", "A card that works"),
    (DECLINED, "A card that is declined"),
    ("4000000000000341", "A card that is kept, but fails when it is charged"),
    ("4000002760003184", "A card whose bank asks you to confirm"),
]


class CardForm(forms.Form):
    card = forms.ChoiceField(label="Card", choices=CARDS, initial=CARDS[0][0], widget=forms.RadioSelect)


class CheckoutForm(CardForm):
    country = forms.ChoiceField(
        label="Country", choices=[("", "Choose a country"), *COUNTRIES], required=False
    )

    def __init__(self, *args: object, taxed: bool, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if taxed:
            self.fields["country"].required = True
            self.fields["country"].help_text = "Tax is worked out from it."
        else:
            del self.fields["country"]
