"""The table of roles, spelled out: what it allows is what this says, and nothing else."""

import pytest

from apps.tenants.models import Role
from apps.tenants.roles import ALLOWED, May, least_role, may_grant

DEVELOPER = "view talk build connect end_sessions"
ADMIN = f"{DEVELOPER} listen_in delete_sessions manage_team manage_settings manage_billing read_audit"
EXPECTED = {"viewer": "view", "developer": DEVELOPER, "admin": ADMIN, "owner": f"{ADMIN} own"}


@pytest.mark.parametrize("role", Role)
def test_a_role_allows_what_the_table_says(role: Role) -> None:
    assert ALLOWED[role] == set(map(May, EXPECTED[role].split()))


@pytest.mark.parametrize(
    ("permission", "role"),
    [("view", "viewer"), ("build", "developer"), ("listen_in", "admin"), ("own", "owner")],
)
def test_who_is_refused_is_told_the_least_role(permission: str, role: str) -> None:
    assert least_role(May(permission)) == role


@pytest.mark.parametrize("granter", Role)
@pytest.mark.parametrize("role", Role)
def test_only_owners_and_admins_give_roles_and_none_above_their_own(granter: Role, role: Role) -> None:
    assert may_grant(granter, role) == (granter in ("owner", "admin") and role != "owner")
