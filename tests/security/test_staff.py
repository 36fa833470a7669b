"""The staff admin, and acting as a member."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.core.tenancy import tenant_context
from tests.accounts.walking import sign_in
from tests.cast import PASSWORD, Person
from tests.tenants.signed_in import signed_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])


@pytest.fixture
def root() -> Client:
    User.objects.create_superuser("root@example.com", PASSWORD)
    client = Client()
    sign_in(client, "root@example.com")
    return client


def act_as(root: Client, person: Person, reason: str = "Ticket 12") -> str:
    response = root.post(f"/staff/tenants/membership/{person.membership.id}/act-as/", {"reason": reason})
    return str(response.get("location", ""))


def events(person: Person) -> list[AuditEvent]:
    with tenant_context(person.tenant.id):
        return list(AuditEvent.objects.order_by("at"))


def test_a_superuser_sees_all_tenants(root: Client, alice: Person, mallory: Person) -> None:
    page = root.get("/staff/tenants/tenant/").content.decode()
    assert "acme" in page
    assert "mallory-inc" in page


def test_every_list_opens_and_nothing_of_a_tenant_can_be_changed_there(root: Client, alice: Person) -> None:
    alice.make_key()
    for model in admin.site._registry:
        path = f"/staff/{model._meta.app_label}/{model._meta.model_name}/"
        response = root.get(path)
        assert response.status_code == 200, path
        assert "'unsafe-eval'" in response["content-security-policy"]
        assert root.get(f"{path}add/").status_code == 403, path
    assert root.post(f"/staff/tenants/tenant/{alice.tenant.id}/change/", {"name": "x"}).status_code == 403


def test_nobody_else_gets_in(alice: Person) -> None:
    alice.user.is_staff = True
    alice.user.save()
    assert Client().get("/staff/")["location"].startswith("/staff/login/")
    assert Client().get("/staff/login/?next=/staff/")["location"] == "/accounts/login/?next=%2Fstaff%2F"
    assert signed_in(alice).get("/staff/", follow=True).status_code == 403
    member = f"/staff/tenants/membership/{alice.membership.id}/act-as/"
    assert signed_in(alice).post(member, {"reason": "x"}).status_code == 302


def test_acting_as_a_member_is_told_on_every_page_and_in_the_log(root: Client, bob: Person) -> None:
    assert root.get("/acme/").status_code == 404
    assert act_as(root, bob) == "/acme/"
    page = root.get("/acme/team/").content.decode()
    assert "You act as <strong>bob@example.com</strong> in Acme" in page
    event = events(bob)[-1]
    assert (event.action, event.actor_kind) == ("staff.entered", "staff")
    assert (event.actor_label, event.on_behalf_of) == ("root@example.com", "bob@example.com")
    assert event.after["reason"] == "Ticket 12"


def test_what_is_done_is_the_staffs_on_behalf_of_the_member(root: Client, alice: Person) -> None:
    act_as(root, alice)
    root.post("/acme/settings/", {"name": "Renamed"})
    event = events(alice)[-1]
    assert (event.action, event.actor_kind) == ("tenant.updated", "staff")
    assert (event.actor_label, event.on_behalf_of) == ("root@example.com", "alice@example.com")


def test_without_a_reason_nothing_begins(root: Client, bob: Person) -> None:
    response = root.post(f"/staff/tenants/membership/{bob.membership.id}/act-as/", {"reason": " "})
    assert response.status_code == 422
    assert "Say why" in response.content.decode()
    assert root.get("/acme/").status_code == 404


def test_secrets_and_ownership_stay_with_the_members(root: Client, alice: Person) -> None:
    act_as(root, alice)
    for path in ("keys/new/", "providers/keys/", "settings/delete/", "team/transfer/"):
        response = root.post(f"/acme/{path}", {"name": "x", "confirmation": "acme"})
        assert response.status_code == 403
        assert "You act as alice@example.com" in response.content.decode()


def test_the_members_account_is_not_in_reach(root: Client, alice: Person) -> None:
    act_as(root, alice)
    page = root.get("/accounts/").content.decode()
    assert "root@example.com" in page
    assert "alice@example.com" not in page


def test_it_reaches_one_tenant_only(root: Client, alice: Person, mallory: Person) -> None:
    act_as(root, alice)
    assert root.get("/mallory-inc/").status_code == 404


def test_it_ends_when_stopped(root: Client, alice: Person) -> None:
    act_as(root, alice)
    root.post("/dashboard/stop-acting/")
    assert root.get("/acme/").status_code == 404
    assert events(alice)[-1].action == "staff.left"


def test_it_ends_by_itself_after_an_hour(
    root: Client, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(root, alice)
    later = timezone.now() + timedelta(minutes=61)
    monkeypatch.setattr("apps.tenants.impersonation.timezone.now", lambda: later)
    assert root.get("/acme/").status_code == 404


def test_it_ends_with_the_right_to_it(root: Client, alice: Person) -> None:
    act_as(root, alice)
    User.objects.filter(email="root@example.com").update(is_superuser=False)
    assert root.get("/acme/").status_code == 404


def test_it_does_not_count_as_the_members_activity(root: Client, bob: Person) -> None:
    act_as(root, bob)
    root.get("/acme/team/")
    with tenant_context(bob.tenant.id):
        bob.membership.refresh_from_db()
    assert bob.membership.last_active_at is None
