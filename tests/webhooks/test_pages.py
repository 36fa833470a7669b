"""The pages of webhooks: endpoints, their secrets, tests, and deliveries with what was answered."""

import re

import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from apps.core.tenancy import tenant_context
from apps.tenants.models import Role
from apps.webhooks.endpoints import endpoint_disable, endpoint_secret_reveal
from apps.webhooks.models import Delivery, Endpoint
from tests.cast import PASSWORD, Person, member_of
from tests.webhooks.receiver import Receiver, status
from tests.webhooks.things import deliveries_of, make_endpoint, publish

URL = "https://hooks.example.com/in"


def of(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


@pytest.fixture
def client(alice: Person) -> Client:
    return of(alice)


def page(client: Client, path: str = "") -> str:
    response = client.get(f"/acme/webhooks/{path}")
    assert response.status_code == 200, response.content
    return str(response.content.decode())


def post(client: Client, path: str, **data: object) -> str:
    """The page that it leads to."""
    response = client.post(f"/acme/webhooks/{path}", data, follow=True)
    assert response.status_code == 200, response.content
    return str(response.content.decode())


def test_it_works(client: Client, alice: Person) -> None:
    assert "No endpoints yet" in page(client)
    shown = post(client, "new/", url=URL, description="Billing", events=["session.ended"])
    assert URL in shown
    with tenant_context(alice.tenant.id):
        endpoint = Endpoint.objects.get()
        assert endpoint_secret_reveal(endpoint=endpoint) not in shown
    assert (endpoint.events, endpoint.created_by_id) == (["session.ended"], alice.membership.id)
    shown = page(client)
    assert "Billing" in shown
    assert "Nothing sent" in shown


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://hooks.example.com/in", "only be reached over https"),
        ("https://127.0.0.1/in", "not on the public internet"),
        ("https://169.254.169.254/latest/meta-data", "not on the public internet"),
        ("hooks", "names no host"),
        ("", "required"),
    ],
)
def test_an_address_that_may_not_be_reached_is_refused(client: Client, url: str, problem: str) -> None:
    response = client.post("/acme/webhooks/new/", {"url": url})
    assert response.status_code == 422
    assert problem in response.content.decode()


def test_the_secret_is_shown_to_who_asks_for_it_and_that_is_noted(client: Client, alice: Person) -> None:
    endpoint = make_endpoint(alice, URL)
    shown = post(client, f"{endpoint.id}/reveal/")
    secret = re.search(r"whsec_[\w+/=]{40,}", shown)
    assert secret
    assert secret[0] not in page(client, f"{endpoint.id}/")

    rotated = post(client, f"{endpoint.id}/rotate/")
    assert secret[0] not in rotated
    assert "signs too until" in rotated
    with tenant_context(alice.tenant.id):
        actions = list(AuditEvent.objects.order_by("at").values_list("action", flat=True))
    assert actions[-2:] == ["webhook.secret_revealed", "webhook.secret_rotated"]


def test_a_test_shows_what_was_answered(client: Client, alice: Person, receiver: Receiver) -> None:
    receiver.usual = status(503, "<b>we are moving</b>")
    endpoint = make_endpoint(alice, receiver.url)
    shown = post(client, f"{endpoint.id}/test/", type="tool.failed")
    assert "&lt;b&gt;we are moving" in shown
    assert "answered with the status 503" in shown
    assert "webhook-signature: v1," in shown
    assert "get_weather" in shown
    assert "Send again" not in shown


def test_deliveries_are_filtered_and_paged(client: Client, alice: Person) -> None:
    one, other = make_endpoint(alice, URL), make_endpoint(alice, "https://other.example.com/")
    for number in range(20):
        publish(alice, session_id=f"sess_{number}")
    shown = page(client, "deliveries/")
    assert shown.count("report.ready</a>") == 25
    assert "Older" in shown
    assert page(client, f"deliveries/?endpoint={one.id}").count("report.ready</a>") == 20
    assert page(client, f"deliveries/?endpoint={other.id}&session=sess_7").count("report.ready</a>") == 1
    assert "Nothing fits" in page(client, "deliveries/?state=failed")
    assert "Nothing fits" in page(client, "deliveries/?type=session.ended")
    assert page(client, "deliveries/?endpoint=nonsense&cursor=nonsense").count("report.ready</a>") == 25


def test_one_that_failed_is_sent_again(client: Client, alice: Person) -> None:
    make_endpoint(alice, URL)
    publish(alice)
    (delivery,) = deliveries_of(alice)
    with tenant_context(alice.tenant.id):
        Delivery.objects.update(state="failed", failures=12, attempts=12)
    assert "Send again" in page(client, f"deliveries/{delivery.id}/")
    assert "It is sent again" in post(client, f"deliveries/{delivery.id}/resend/")
    (delivery,) = deliveries_of(alice)
    assert (delivery.state, delivery.failures) == ("waiting", 0)


def test_a_disabled_one_is_told_on_every_page_and_can_be_enabled(client: Client, alice: Person) -> None:
    endpoint = make_endpoint(alice, URL)
    with tenant_context(alice.tenant.id):
        endpoint_disable(endpoint=endpoint, reason="Every delivery to it failed for three days.")
    viewer = of(member_of(alice.tenant, "eve", Role.VIEWER))
    assert "A webhook was disabled" in client.get("/acme/").content.decode()
    assert "A webhook was disabled" not in viewer.get("/acme/").content.decode()
    assert "failed for three days" in page(client, f"{endpoint.id}/")

    post(client, f"{endpoint.id}/switch/", enabled="yes")
    assert "A webhook was disabled" not in client.get("/acme/").content.decode()
    post(client, f"{endpoint.id}/switch/")
    with tenant_context(alice.tenant.id):
        assert not Endpoint.objects.get().is_enabled
    assert "A webhook was disabled" not in client.get("/acme/").content.decode()  # a member wants that


def test_a_deleted_one_takes_its_deliveries_along(client: Client, alice: Person) -> None:
    endpoint = make_endpoint(alice, URL)
    publish(alice)
    assert "No endpoints yet" in post(client, f"{endpoint.id}/delete/")
    assert not deliveries_of(alice)
