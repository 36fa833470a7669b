"""A deleted tenant is unusable at once, and soon nothing is left of it."""

import pytest
from django.apps import apps

from apps.core.models import TenantModel
from apps.core.tenancy import across_tenants, tenant_context
from apps.keys.authentication import api_key_find
from apps.tenants.deletion import tenant_delete
from apps.tenants.models import Tenant
from tests.cast import Person
from tests.tenancy.rows import MAKERS
from tests.tenants.signed_in import signed_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "across"])


def rows_of(tenant: Tenant) -> dict[str, int]:
    with across_tenants(reason="test"):
        return {
            model._meta.label: count
            for model in apps.get_models()
            if issubclass(model, TenantModel) and (count := model.objects.filter(tenant_id=tenant.id).count())
        }


def test_all_rows_go_and_those_of_others_stay(alice: Person, mallory: Person) -> None:
    for person in (alice, mallory):
        with tenant_context(person.tenant.id):
            for label, make in MAKERS.items():
                make(f"{person.tenant.slug}-{label.split('.')[1].lower()}")
    theirs = rows_of(mallory.tenant)
    assert set(rows_of(alice.tenant)) == set(theirs) == set(MAKERS)
    response = signed_in(alice).post("/acme/settings/delete/", {"confirmation": "acme"})
    assert response["location"] == "/dashboard/"
    assert rows_of(alice.tenant) == {}
    assert list(Tenant.objects.values_list("slug", flat=True)) == ["mallory-inc"]
    assert rows_of(mallory.tenant) == theirs


def test_before_its_rows_are_gone_nobody_gets_in(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.tenants.tasks.purge_deleted_tenants.delay", lambda: None)
    key = alice.make_key()
    clients = [signed_in(alice), signed_in(bob)]
    with tenant_context(alice.tenant.id):
        tenant_delete(tenant=alice.tenant)
    assert api_key_find(key.text) is None
    assert [client.get("/acme/").status_code for client in clients] == [404, 404]
    assert Tenant.objects.filter(slug="acme").exists()


def test_the_name_must_be_typed(alice: Person) -> None:
    page = signed_in(alice).post("/acme/settings/delete/", {"confirmation": "Acme"}, follow=True)
    assert "type acme to confirm" in page.content.decode()
    assert Tenant.objects.get().deleted_at is None
