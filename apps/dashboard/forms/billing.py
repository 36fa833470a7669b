from django import forms

from apps.billing.models import BillingAccount
from apps.billing.stripe.top_ups import LEAST_MICRO, MOST_MICRO
from apps.dashboard.forms.money import DollarsField


class TopUpForm(forms.Form):
    amount_micro = DollarsField(
        least_micro=LEAST_MICRO, most_micro=MOST_MICRO, label="Amount, $", initial=20_000_000
    )


class RechargeForm(forms.Form):
    auto_recharge = forms.BooleanField(
        required=False,
        label="Pay in by itself when the balance is low",
        help_text="With the card of the last payment.",
    )
    recharge_below_micro = DollarsField(least_micro=1_000_000, most_micro=MOST_MICRO, label="Below, $")
    recharge_micro = DollarsField(least_micro=LEAST_MICRO, most_micro=MOST_MICRO, label="Pay in, $")
    recharge_month_max_micro = DollarsField(
        least_micro=LEAST_MICRO, most_micro=10 * MOST_MICRO, label="A month at most, $"
    )


class DetailsForm(forms.ModelForm):
    class Meta:
        model = BillingAccount
        fields = ["legal_name", "billing_email", "country", "postal_code"]
        labels = {"legal_name": "Name on invoices", "billing_email": "Mail for bills"}
        help_texts = {
            "billing_email": "Gets what owners and admins get.",
            "country": "Two letters, like DE. It decides about tax.",
        }
