"""Customers of a tenant: who they are, their keys, and where they end."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.billing.budgets import budget_create, budget_states
from apps.billing.spending import BudgetLeft, Spender, Wish
from apps.core.tenancy import CrossTenant, tenant_context
from apps.customers.models import Customer
from apps.customers.selectors import customer_get, customer_list, customer_names
from apps.customers.services import customer_update
from apps.keys.authentication import KeyRefused, api_key_authenticate
from apps.keys.models import ApiKey
from apps.keys.services import api_key_create, api_key_rotate, api_key_update
from tests.api.clients import client_of
from tests.cast import Person
from tests.customers.used import customer_of, use


@pytest.fixture
def as_alice(alice: Person) -> Iterator[None]:
    with tenant_context(alice.tenant.id):
        yield


@pytest.fixture
def globex(alice: Person) -> Customer:
    return customer_of(alice, "globex", markup_bp=100, sessions_limit=2, events_per_second_limit=50)


@pytest.mark.usefixtures("as_alice")
class TestCustomers:
    def test_it_works(self, globex: Customer) -> None:
        assert customer_get("globex") == globex
        assert [(each.name, each.markup_bp) for each in customer_list()] == [("Globex", 100)]
        customer_update(customer=globex, changes={"name": "Globex Inc", "sessions_limit": None})
        assert customer_names() == {globex.pk: "Globex Inc"}
        event = AuditEvent.objects.get(action="customer.updated")
        assert event.before == {"name": "Globex", "sessions_limit": 2}
        assert event.after == {"name": "Globex Inc", "sessions_limit": None}

    @pytest.mark.parametrize("external_id", ["", "-a", "a b", "a/b", "a\n", "x" * 101])
    def test_an_external_id_that_does_not_fit_is_refused(self, alice: Person, external_id: str) -> None:
        with pytest.raises(ValidationError):
            customer_of(alice, external_id)

    def test_an_external_id_can_not_be_changed(self, globex: Customer) -> None:
        with pytest.raises(ValidationError, match="no field 'external_id' that can be changed"):
            customer_update(customer=globex, changes={"external_id": "other"})

    def test_two_tenants_may_call_their_customers_the_same(self, globex: Customer, mallory: Person) -> None:
        customer_of(mallory, "globex")
        assert customer_list().count() == 1


@pytest.mark.usefixtures("as_alice")
class TestKeys:
    def test_a_key_of_a_customer_says_whose_account_it_is(self, globex: Customer) -> None:
        grant = api_key_authenticate(api_key_create(name="x", customer=globex).text)
        assert grant.customer is not None
        assert (grant.customer.id, grant.customer.external_id) == (globex.pk, "globex")
        assert (grant.customer.sessions_limit, grant.customer.events_per_second_limit) == (2, 50)
        assert api_key_authenticate(api_key_create(name="x").text).customer is None

    def test_it_gets_no_scope_of_the_management_api(self, globex: Customer) -> None:
        with pytest.raises(ValidationError, match=r"it can't have usage\.read"):
            api_key_create(name="x", customer=globex, scopes=["realtime", "usage.read"])
        key = api_key_create(name="x", customer=globex).key
        with pytest.raises(ValidationError, match=r"it can't have customers\.read"):
            api_key_update(key=key, scopes=["customers.read"])

    def test_its_successor_is_the_same_customers(self, globex: Customer) -> None:
        key = api_key_create(name="x", customer=globex).key
        assert api_key_rotate(key=key, overlap=timedelta(0)).key.customer_id == globex.pk

    def test_it_opens_nothing_while_the_customer_is_not_active(self, globex: Customer) -> None:
        text = api_key_create(name="x", customer=globex).text
        customer_update(customer=globex, changes={"is_active": False})
        with pytest.raises(KeyRefused, match="'globex', who is not active"):
            api_key_authenticate(text)

    def test_another_tenants_customer_gets_none(self, mallory: Person) -> None:
        theirs = customer_of(mallory, "theirs")
        with pytest.raises(CrossTenant):
            api_key_create(name="x", customer=theirs)
        key = api_key_create(name="x").key
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiKey.objects.filter(id=key.pk).update(customer_id=theirs.pk)


@pytest.mark.usefixtures("as_alice")
class TestBudgets:
    def test_a_customers_counts_what_the_tenant_is_billed_for_them(
        self, alice: Person, globex: Customer
    ) -> None:
        use(alice, globex, timezone.now(), 700)
        use(alice, None, timezone.now(), 9000)
        budget_create(amount_micro=10_000, customer=globex)
        budget_create(amount_micro=20_000)
        assert [(state.name, state.spent_micro) for state in budget_states()] == [
            ("Customer Globex", 700),
            ("Whole workspace", 9700),
        ]

    def test_a_budget_is_for_one_thing(self, globex: Customer) -> None:
        key = api_key_create(name="x").key
        with pytest.raises(ValidationError, match="a key, an agent or a customer"):
            budget_create(amount_micro=10_000, customer=globex, api_key=key)

    def test_it_binds_the_sessions_of_the_customer_alone(self, globex: Customer) -> None:
        budget = BudgetLeft(uuid.uuid4(), None, None, 5, globex.pk)
        for customer_id, binds in ((globex.pk, True), (uuid.uuid4(), False), (None, False)):
            spender = Spender(globex.tenant_id, "sess_1", customer_id=customer_id)
            assert budget.binds(Wish(spender, None, 0, 10)) is binds


class TestApi:
    def test_it_works(self, alice: Person) -> None:
        api = client_of(alice)
        post = {"content_type": "application/json"}
        made = api.post("/api/v1/customers", {"external_id": "a:1", "name": "A", "markup_bp": 5}, **post)
        assert (made.status_code, made.json()["markup_bp"]) == (201, 5)
        changed = api.patch("/api/v1/customers/a:1", {"sessions_limit": 4, "notes": None}, **post).json()
        assert (changed["sessions_limit"], changed["notes"], changed["name"]) == (4, "", "A")
        api.post("/api/v1/customers/a:1/markups", {"markup_bp": 7}, **post)
        assert [each["markup_bp"] for each in api.get("/api/v1/customers/a:1/markups").json()["data"]] == [
            7,
            5,
        ]
        key = {"name": "x", "scopes": ["realtime"], "customer": "a:1"}
        key = api.post("/api/v1/keys", key, **post).json()["key"]
        assert (key["customer"], api.get(f"/api/v1/keys/{key['id']}").json()["customer"]) == ("a:1", "a:1")
        issued = api.post("/api/v1/customers/a:1/statements", {"month": "2026-06"}, **post)
        assert (issued.status_code, issued.json()["resale_micro"]) == (201, 0)
        shown = api.get("/api/v1/customers/a:1/statements/2026-06").json()
        assert (shown["month"], shown["lines"]) == ("2026-06", [])

    def test_what_is_wrong_is_told_by_its_field(self, alice: Person) -> None:
        api, post = client_of(alice), {"content_type": "application/json"}
        api.post("/api/v1/customers", {"external_id": "a", "name": "A"}, **post)
        for path, body, field in (
            ("customers", {"external_id": "a b", "name": "A"}, "external_id"),
            ("customers", {"external_id": "b", "name": "A", "markup_bp": -10_001}, "markup_bp"),
            ("customers/a/statements", {"month": "2026-13"}, "month"),
            ("keys", {"name": "x", "scopes": ["realtime"], "customer": "nobody"}, "customer"),
        ):
            response = api.post(f"/api/v1/{path}", body, **post)
            assert response.status_code == 422
            assert [error["field"] for error in response.json()["errors"]] == [field]
        assert api.get("/api/v1/customers/a/statements/2026-1").status_code == 404

    def test_a_key_without_the_scope_changes_nothing(self, alice: Person, globex: Customer) -> None:
        reads = client_of(alice, "customers.read")
        assert reads.get("/api/v1/customers/globex").status_code == 200
        for path in ("customers", "customers/globex/markups", "customers/globex/statements"):
            assert reads.post(f"/api/v1/{path}", {}, content_type="application/json").status_code == 403

    def test_mallory_finds_nothing(self, mallory: Person, globex: Customer) -> None:
        api: Client = client_of(mallory)
        for path in ("customers/globex", "customers/globex/markups", "customers/globex/statements"):
            assert api.get(f"/api/v1/{path}").status_code == 404
        assert api.get("/api/v1/customers").json()["data"] == []
