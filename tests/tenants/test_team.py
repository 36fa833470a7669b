"""Members: who changes whom, who goes, who owns."""

import pytest
from django.core.exceptions import ValidationError

from apps.audit.selectors import audit_list
from apps.core.tenancy import tenant_context
from apps.tenants.models import Membership, Role
from apps.tenants.services import membership_remove, membership_set_role
from tests.cast import Person, member_of
from tests.tenants.signed_in import signed_in

pytestmark = pytest.mark.django_db


def role_of(person: Person) -> str | None:
    with tenant_context(person.tenant.id):
        found = Membership.objects.filter(user=person.user).first()
    return found and found.role


def test_a_role_is_changed_and_noted(alice: Person, bob: Person) -> None:
    signed_in(alice).post(f"/acme/team/{bob.membership.id}/role/", {"role": "admin"})
    assert role_of(bob) == "admin"
    with tenant_context(alice.tenant.id):
        event = audit_list()[0]
    assert (event.action, event.target_label, event.actor_label) == (
        "member.role_changed",
        "bob@example.com",
        "alice@example.com",
    )
    assert (event.before, event.after) == ({"role": "developer"}, {"role": "admin"})


def test_the_page_tells_who_protects_their_account_and_was_here_last(alice: Person, bob: Person) -> None:
    page = signed_in(alice).get("/acme/team/").content.decode()
    assert "bob@example.com" in page
    assert "just now" in page
    assert "Off" in page


@pytest.mark.parametrize(
    ("granter", "target", "role", "problem"),
    [
        (Role.ADMIN, Role.OWNER, Role.VIEWER, "above their own"),
        (Role.OWNER, Role.OWNER, Role.VIEWER, "handed over"),
        (Role.ADMIN, Role.VIEWER, Role.OWNER, "can't give the role owner"),
        (Role.OWNER, Role.VIEWER, Role.OWNER, "can't give the role owner"),
        (Role.DEVELOPER, Role.VIEWER, Role.VIEWER, "can't give"),
    ],
)
def test_nobody_changes_what_is_above_them(
    alice: Person, granter: Role, target: Role, role: Role, problem: str
) -> None:
    person = alice if target == Role.OWNER else member_of(alice.tenant, "victor", target)
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError, match=problem):
        membership_set_role(membership=person.membership, role=role, granter=granter)
    assert role_of(person) == target


def test_who_is_removed_is_out_at_once(alice: Person, bob: Person) -> None:
    client = signed_in(bob)
    signed_in(alice).post(f"/acme/team/{bob.membership.id}/remove/")
    assert client.get("/acme/").status_code == 404


def test_an_admin_does_not_remove_the_owner(alice: Person) -> None:
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError, match="above their own"):
        membership_remove(membership=alice.membership, granter=Role.ADMIN)


def test_a_member_leaves_and_the_last_owner_can_not(alice: Person, bob: Person) -> None:
    assert signed_in(bob).post("/acme/team/leave/")["location"] == "/dashboard/"
    assert role_of(bob) is None
    page = signed_in(alice).post("/acme/team/leave/", follow=True).content.decode()
    assert "The last owner can&#x27;t leave" in page
    assert role_of(alice) == "owner"


def test_the_workspace_is_handed_over_to_a_member(alice: Person, bob: Person) -> None:
    client = signed_in(alice)
    client.post("/acme/team/transfer/", {"successor": "bob@example.com", "confirmation": "acme"})
    assert (role_of(alice), role_of(bob)) == ("admin", "owner")
    assert client.post("/acme/team/transfer/", {"successor": "x", "confirmation": "acme"}).status_code == 403


@pytest.mark.parametrize(
    ("successor", "confirmation"),
    [
        ("bob@example.com", "wrong"),
        ("mallory@example.com", "acme"),
        ("", "acme"),
        ("alice@example.com", "acme"),
    ],
)
def test_it_is_not_handed_over_by_mistake_or_to_a_stranger(
    alice: Person, bob: Person, mallory: Person, successor: str, confirmation: str
) -> None:
    signed_in(alice).post("/acme/team/transfer/", {"successor": successor, "confirmation": confirmation})
    assert role_of(alice) == "owner"
