from decimal import Decimal

from django import forms

_MICRO = 1_000_000


class DollarsField(forms.DecimalField):
    """Dollars on the page, micro-dollars in the code."""

    def __init__(self, *, least_micro: int, most_micro: int, **kwargs: object) -> None:
        super().__init__(
            min_value=Decimal(least_micro) / _MICRO,
            max_value=Decimal(most_micro) / _MICRO,
            decimal_places=2,
            max_digits=12,
            **kwargs,  # type: ignore[arg-type]
        )

    def prepare_value(self, value: object) -> object:
        return f"{value / _MICRO:.2f}" if isinstance(value, int) else value

    def clean(self, value: object) -> object:
        found = super().clean(value)
        return None if found is None else int(found * _MICRO)
