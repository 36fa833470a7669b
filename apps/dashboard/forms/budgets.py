from typing import Any

from django import forms

from apps.agents.models import Agent
from apps.billing.models import Action, Budget, Period
from apps.customers.models import Customer
from apps.dashboard.forms.money import DollarsField
from apps.keys.models import ApiKey


class BudgetChangesForm(forms.Form):
    amount = DollarsField(least_micro=10_000, most_micro=1_000_000_000_000_000, label="At most, in dollars")
    period = forms.ChoiceField(
        choices=Period.choices, initial=Period.MONTH, label="In", help_text="Days and months of UTC."
    )
    action = forms.ChoiceField(
        choices=Action.choices,
        initial=Action.STOP,
        widget=forms.RadioSelect,
        label="When it is used up",
        help_text="Members who manage billing get a mail at 50, 80 and 100 % either way.",
    )

    def changes(self) -> dict[str, Any]:
        return {
            "amount_micro": self.cleaned_data["amount"],
            "period": self.cleaned_data["period"],
            "action": self.cleaned_data["action"],
        }

    @classmethod
    def showing(cls, budget: Budget) -> "BudgetChangesForm":
        return cls(initial={"amount": budget.amount_micro, "period": budget.period, "action": budget.action})


class NewBudgetForm(BudgetChangesForm):
    whose = forms.ChoiceField(label="For")

    field_order = ["whose", "amount", "period", "action"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._keys = {f"key:{key.id}": key for key in ApiKey.objects.filter(revoked_at=None)}
        self._agents = {f"agent:{agent.id}": agent for agent in Agent.objects.filter(archived_at=None)}
        choices: list[Any] = [("workspace", "The whole workspace")]
        if self._agents:
            choices.append(("Agents", [(value, agent.name) for value, agent in self._agents.items()]))
        if self._keys:
            choices.append(("API keys", [(value, key.name) for value, key in self._keys.items()]))
        self._customers = {f"customer:{each.pk}": each for each in Customer.objects.all()}
        if self._customers:
            choices.append(("Customers", [(value, each.name) for value, each in self._customers.items()]))
        self.fields["whose"].choices = choices  # type: ignore[attr-defined]

    def whom(self) -> dict[str, Any]:
        whose = self.cleaned_data["whose"]
        return {
            "api_key": self._keys.get(whose),
            "agent": self._agents.get(whose),
            "customer": self._customers.get(whose),
        }
