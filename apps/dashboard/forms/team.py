from typing import Any

from django import forms

from apps.tenants.models import Role
from apps.tenants.roles import RANK, may_grant


def roles_granted_by(granter: Role) -> list[tuple[str, str]]:
    return [(role.value, role.label) for role in reversed(RANK) if may_grant(granter, role)]


class InviteForm(forms.Form):
    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.TypedChoiceField(coerce=Role, initial=Role.DEVELOPER)

    def __init__(self, *args: Any, granter: Role, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = roles_granted_by(granter)  # type: ignore[attr-defined]
