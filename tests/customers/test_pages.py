"""The pages of customers and their statements."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.core.tenancy import tenant_context
from apps.customers.models import Customer, Statement
from apps.keys.models import ApiKey
from tests.cast import PASSWORD, Person
from tests.customers.used import customer_of, use

LAST_MONTH = timezone.now().astimezone(UTC).replace(day=1, hour=12) - timedelta(days=3)
MONTH = f"{LAST_MONTH:%Y-%m}"


@pytest.fixture
def client(alice: Person) -> Client:
    return of(alice)


def of(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


@pytest.fixture
def globex(alice: Person) -> Customer:
    return customer_of(alice, "globex", markup_bp=2500)


@pytest.fixture
def as_alice(alice: Person) -> Iterator[None]:
    with tenant_context(alice.tenant.id):
        yield


def page(client: Client, path: str) -> str:
    response = client.get(f"/acme/customers/{path}")
    assert response.status_code == 200, response.content
    return str(response.content.decode())


def test_it_works(client: Client, alice: Person) -> None:
    assert "No customers yet" in page(client, "")
    given = {"name": "Globex", "external_id": "globex", "markup_bp": "12.5", "sessions_limit": "3"}
    response = client.post("/acme/customers/_new/", given)
    assert response.headers["location"] == "/acme/customers/globex/"
    assert "12.5 %" in page(client, "")
    shown = page(client, "globex/")
    assert "3 at the same time" in shown
    given = {"name": "Globex Corporation", "is_active": "", "sessions_limit": "", "notes": "Ask for Hank."}
    assert client.post("/acme/customers/globex/edit/", given).status_code == 302
    shown = page(client, "globex/")
    assert "Not active" in shown
    assert "Ask for Hank." in shown
    with tenant_context(alice.tenant.id):
        actions = list(AuditEvent.objects.order_by("at").values_list("action", flat=True))
        assert actions[-2:] == ["customer.created", "customer.updated"]


def test_what_is_wrong_is_told_at_its_field(client: Client, globex: Customer) -> None:
    for given, sentence in (
        ({"name": "x", "external_id": "globex", "markup_bp": 0}, "There is a customer with this external id"),
        ({"name": "x", "external_id": "a b", "markup_bp": 0}, "use letters, digits"),
        ({"name": "x", "external_id": "x", "markup_bp": -101}, "greater than or equal to -100"),
    ):
        response = client.post("/acme/customers/_new/", given)
        assert response.status_code == 422
        assert sentence in response.content.decode()


def test_a_markup_is_set_from_now_on_or_later(client: Client, globex: Customer) -> None:
    assert client.post("/acme/customers/globex/markup/", {"markup_bp": "30"}).status_code == 302
    assert "30 %" in page(client, "")
    later = f"{timezone.now() + timedelta(days=9):%Y-%m-%dT%H:%M}"
    client.post("/acme/customers/globex/markup/", {"markup_bp": "40", "valid_from": later})
    assert "To come" in page(client, "globex/")
    assert "40 %" not in page(client, "")
    response = client.post(
        "/acme/customers/globex/markup/", {"markup_bp": "1", "valid_from": "2020-01-01T00:00"}
    )
    assert response.status_code == 422
    assert "Choose a moment in the future" in response.content.decode()


def test_a_statement_opens_down_to_its_records(client: Client, alice: Person, globex: Customer) -> None:
    use(alice, globex, LAST_MONTH, 1, 2, 3)
    assert f'value="{MONTH}"' in page(client, "globex/")
    response = client.post("/acme/customers/globex/statements/", {"month": MONTH})
    assert response.headers["location"] == f"/acme/customers/globex/statements/{MONTH}/"
    shown = page(client, f"globex/statements/{MONTH}/")
    assert "$0.000008" in shown
    assert "$0.000002" in shown  # what is left
    path = shown.split("globex/records/?")[1].split('"')[0].replace("&amp;", "&")
    records = page(client, f"globex/records/?{path}")
    assert [records.count(f"${amount}") for amount in ("0.000001", "0.000003", "0.000004")] == [2, 2, 1]


def test_what_the_customer_sees_has_no_price_and_no_markup(
    client: Client, alice: Person, globex: Customer
) -> None:
    use(alice, globex, LAST_MONTH, 800_000)
    client.post("/acme/customers/globex/statements/", {"month": MONTH})
    printed = page(client, f"globex/statements/{MONTH}/print/")
    file = page(client, f"globex/statements/{MONTH}/statement.csv")
    assert "$1.00" in printed
    assert file.splitlines()[1].endswith(",local/dialogue,output_token,3,1,1000000,1.00")
    for text in (printed, file):
        assert "25 %" not in text
        assert "800000" not in text
        assert "0.8" not in text


def test_a_month_that_lasts_gets_no_statement(client: Client, alice: Person, globex: Customer) -> None:
    response = client.post(
        "/acme/customers/globex/statements/", {"month": f"{timezone.now():%Y-%m}"}, follow=True
    )
    assert "is not over yet" in response.content.decode()
    with tenant_context(alice.tenant.id):
        assert not Statement.objects.exists()


def test_a_key_is_made_for_a_customer(client: Client, alice: Person, globex: Customer) -> None:
    shown = client.get("/acme/keys/new/?customer=globex").content.decode()
    assert f'<option value="{globex.pk}" selected>' in shown
    given = {"name": "Theirs", "environment": "live", "scopes": ["realtime"], "customer": str(globex.pk)}
    assert client.post("/acme/keys/new/", given).status_code == 200
    assert "Theirs" in page(client, "globex/")
    given = {"name": "More", "environment": "live", "scopes": ["sessions.read"], "customer": str(globex.pk)}
    response = client.post("/acme/keys/new/", given)
    assert "opens sessions and lists models" in response.content.decode()
    with tenant_context(alice.tenant.id):
        assert list(ApiKey.objects.values_list("name", "customer__external_id")) == [("Theirs", "globex")]


def test_usage_is_told_by_customer(client: Client, alice: Person, globex: Customer) -> None:
    use(alice, globex, datetime.now(UTC), 1000)
    assert "Globex" in client.get("/acme/usage/").content.decode()
    shown = client.get(f"/acme/usage/?customer={globex.pk}").content.decode()
    assert "Globex" in shown


def test_mallory_finds_none_of_it(mallory: Person, alice: Person, globex: Customer) -> None:
    theirs = of(mallory)
    assert theirs.get("/acme/customers/globex/").status_code == 404
    assert theirs.get("/mallory-inc/customers/globex/").status_code == 404
    key = {"name": "x", "environment": "live", "scopes": ["realtime"], "customer": str(globex.pk)}
    customer_of(mallory, "other")
    assert theirs.post("/mallory-inc/keys/new/", key).status_code == 422
