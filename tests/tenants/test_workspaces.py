"""Several workspaces for each person: the first, another, the switcher."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from apps.accounts.models import User
from apps.core.tenancy import tenant_context
from apps.tenants.models import Membership, Tenant
from apps.tenants.selectors import slug_proposal
from apps.tenants.services import tenant_create, tenant_update
from tests.accounts.walking import code_in_mail, sign_up
from tests.cast import Person, make_user
from tests.tenants.signed_in import signed_in

pytestmark = pytest.mark.django_db


def test_who_has_signed_up_names_their_workspace() -> None:
    client = Client()
    sign_up(client, "carol@example.com")
    page = client.post("/accounts/confirm-email/", {"code": code_in_mail()}, follow=True)
    assert "Name your workspace" in page.content.decode()
    response = client.post("/dashboard/new/", {"name": "Carol & Sons", "slug": "carol-sons"})
    assert response["location"] == "/carol-sons/"
    tenant = Tenant.objects.get()
    with tenant_context(tenant.id):
        assert Membership.objects.get().user == User.objects.get()
        assert Membership.objects.get().role == "owner"


@pytest.mark.parametrize(
    ("slug", "problem"),
    [
        ("acme", "Another tenant has this name already"),
        ("staff", "is taken by the platform"),
        ("Bad Slug", "lower-case letters"),
        ("", "This field is required"),
    ],
)
def test_an_address_that_can_not_be_is_explained_and_the_name_kept(
    alice: Person, slug: str, problem: str
) -> None:
    response = signed_in(alice).post("/dashboard/new/", {"name": "Second Try", "slug": slug})
    assert response.status_code == 422
    assert problem in response.content.decode()
    assert "Second Try" in response.content.decode()


@pytest.mark.parametrize(
    ("name", "proposal"),
    [("Carol & Sons", "carol-sons"), ("Acme", "acme-2"), ("Staff", "staff-2"), ("Ünï", "uni"), ("東京", "")],
)
def test_a_free_address_is_proposed(alice: Person, name: str, proposal: str) -> None:
    assert slug_proposal(name) == proposal
    page = signed_in(alice).get("/dashboard/new/address/", {"name": name}).content.decode()
    assert (f'value="{proposal}"' in page) == bool(proposal)


def test_the_switcher_lists_ones_own_workspaces_only(alice: Person, mallory: Person) -> None:
    tenant_create(slug="second", name="Second", owner=alice.user)
    page = signed_in(alice).get("/dashboard/switcher/").content.decode()
    assert "/acme/" in page
    assert "/second/" in page
    assert "mallory" not in page
    assert "/dashboard/new/" in page


def test_home_is_the_workspace_used_last(alice: Person) -> None:
    tenant_create(slug="second", name="Second", owner=alice.user)
    client = signed_in(alice)
    client.get("/second/team/")
    assert client.get("/dashboard/")["location"] == "/second/"


def test_settings_change_and_are_noted(alice: Person) -> None:
    client = signed_in(alice)
    fields = {"name": "Acme Ltd", "default_model": "groq/x", "log_days": "7"}
    assert client.post("/acme/settings/", fields).status_code == 302
    tenant = Tenant.objects.get()
    assert (tenant.name, tenant.default_model, tenant.log_days) == ("Acme Ltd", "groq/x", 7)
    page = client.get("/acme/audit/").content.decode()
    assert "tenant.updated" in page
    assert "Acme Ltd" in page


def test_a_setting_that_can_not_be_is_refused_and_kept_on_the_page(alice: Person) -> None:
    response = signed_in(alice).post("/acme/settings/", {"name": "Other", "log_days": "0"})
    assert response.status_code == 422
    assert "greater than or equal to 1" in response.content.decode()
    assert "Other" in response.content.decode()
    assert Tenant.objects.get().name == "Acme"


def test_under_a_new_address_the_old_one_is_gone(alice: Person) -> None:
    client = signed_in(alice)
    response = client.post("/acme/settings/address/", {"slug": "acme-two"})
    assert response["location"] == "/acme-two/settings/"
    assert client.get("/acme/").status_code == 404
    taken = client.post("/acme-two/settings/address/", {"slug": "staff"})
    assert taken.status_code == 422
    assert "taken by the platform" in taken.content.decode()


def test_an_unknown_setting_is_refused(alice: Person) -> None:
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError, match="no setting 'deleted_at'"):
        tenant_update(tenant=alice.tenant, changes={"deleted_at": None})


def test_a_person_without_a_workspace_is_asked_for_one() -> None:
    make_user("carol")
    client = Client()
    client.force_login(User.objects.get())
    assert client.get("/dashboard/")["location"] == "/dashboard/new/"
