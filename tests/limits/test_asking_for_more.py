"""The page of limits, asking for more there and by the API, and staff's answer."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts.models import User
from apps.audit.selectors import audit_list
from apps.core.tenancy import tenant_context
from apps.keys.services import api_key_rotate
from apps.limits import selectors
from apps.limits.models import LimitRequest
from apps.limits.resolving import PlanLimits
from apps.limits.selectors import limits_of
from apps.limits.services import limit_request_answer, limit_request_create, tenant_limits_set
from tests.accounts.walking import sign_in
from tests.api.clients import client_of
from tests.cast import PASSWORD, Person
from tests.tenants.signed_in import signed_in

ASKED = {"limit": "sessions", "wanted": 100, "reason": "A campaign on Monday."}


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("root@example.com", PASSWORD)


def ask(person: Person, **given: object) -> LimitRequest:
    with tenant_context(person.tenant.id):
        return limit_request_create(**{**ASKED, "created_by": person.membership, **given})


def actions(person: Person) -> list[str]:
    with tenant_context(person.tenant.id):
        return [event.action for event in audit_list()]


@pytest.mark.django_db
def test_it_works_the_page_shows_what_holds_and_where_it_comes_from(
    alice: Person, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    monkeypatch.setattr(selectors, "plan_limits", lambda tenant_id: PlanLimits(events_per_second=5000))
    with tenant_context(alice.tenant.id):
        tenant_limits_set(changes={"sessions": 77})
    page = " ".join(signed_in(alice).get("/acme/limits/").content.decode().split())
    for words in ("77", "Granted to you", "5,000", "Your plan", "600", "The platform", "not known just now"):
        assert words in page
    assert "Request more" in page
    limits = limits_of(alice.tenant.id)
    assert (limits.sessions, limits.events_per_second, limits.requests_per_minute) == (77, 5000, 600)


@pytest.mark.django_db
def test_what_is_used_right_now_is_on_the_page(alice: Person, redis_url: str) -> None:
    rows = {row["limit"]: row for row in client_of(alice).get("/api/v1/limits").json()["data"]}
    assert rows["sessions"] == {"limit": "sessions", "value": 20, "source": "platform", "used": 0}
    assert rows["events_per_second"]["used"] == 0
    assert rows["sessions_per_key"]["used"] is None


@pytest.mark.django_db
def test_who_may_not_manage_settings_sees_limits_and_asks_for_nothing(bob: Person) -> None:
    client = signed_in(bob)
    assert "Request more" not in client.get("/acme/limits/").content.decode()
    assert client.post("/acme/limits/ask/", ASKED).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_request_is_kept_and_mailed_to_staff(alice: Person, staff: User) -> None:
    client = signed_in(alice)
    assert client.post("/acme/limits/ask/", ASKED)["location"] == "/acme/limits/"
    page = client.get("/acme/limits/").content.decode()
    assert "A campaign on Monday." in page
    assert "Waits for an answer" in page
    [sent] = mail.outbox
    assert sent.to == ["root@example.com"]
    assert sent.subject == "Acme asks for a higher limit"
    for words in ("Sessions at the same time: 100, in place of 20", "alice@example.com", "/staff/limits/"):
        assert words in sent.body
    assert actions(alice)[0] == "limit_request.created"


@pytest.mark.django_db(transaction=True)
def test_programs_ask_as_well(alice: Person, staff: User) -> None:
    api = client_of(alice)
    made = api.post("/api/v1/limit-requests", ASKED, content_type="application/json")
    assert made.status_code == 201
    assert made.json()["state"] == "open"
    assert [request["wanted"] for request in api.get("/api/v1/limit-requests").json()["data"]] == [100]
    assert "An API key wrote" in mail.outbox[0].body


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"wanted": 20}, "You have 20 already"),
        ({"reason": " "}, "blank"),
        ({"limit": "wishes"}, "not a valid choice"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    given: dict[str, object], words: str, alice: Person
) -> None:
    with pytest.raises(ValidationError, match=words):
        ask(alice, **given)
    assert signed_in(alice).post("/acme/limits/ask/", {**ASKED, **given}).status_code == 422


@pytest.mark.django_db
def test_nobody_asks_twice_before_there_is_an_answer(alice: Person) -> None:
    ask(alice)
    with pytest.raises(ValidationError, match="wait for the answer"):
        ask(alice, wanted=200)
    ask(alice, limit="events_per_second", wanted=5000)


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_staff_grants_it_and_it_holds_from_then_on(alice: Person, staff: User) -> None:
    request = ask(alice)
    mail.outbox.clear()
    root = Client()
    sign_in(root, staff.email)
    path = f"/staff/limits/limitrequest/{request.pk}/answer/"
    assert "A campaign on Monday." in root.get(path).content.decode()
    assert root.post(path, {"grant": "", "granted": 80, "answer": "80 for now."}).status_code == 302
    assert limits_of(alice.tenant.id).sessions == 80
    page = signed_in(alice).get("/acme/limits/").content.decode()
    assert "80 for now." in page
    assert "Granted" in page
    assert [sent.to for sent in mail.outbox] == [["alice@example.com"]]
    assert "It was granted" in mail.outbox[0].body
    assert actions(alice)[:2] == ["limit_request.granted", "limits.changed"]
    again = root.post(path, {"grant": "", "granted": 90, "answer": ""})
    assert (again.status_code, "answered before" in again.content.decode()) == (422, True)


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_staff_declines_it_with_a_reason(alice: Person, staff: User) -> None:
    request = ask(alice)
    root = Client()
    sign_in(root, staff.email)
    path = f"/staff/limits/limitrequest/{request.pk}/answer/"
    assert root.post(path, {"decline": "", "granted": 100, "answer": ""}).status_code == 422
    assert root.post(path, {"decline": "", "granted": 100, "answer": "Not yet."}).status_code == 302
    assert limits_of(alice.tenant.id).sessions == 20
    assert actions(alice)[0] == "limit_request.declined"


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_staff_sets_limits_without_being_asked(alice: Person, staff: User) -> None:
    root = Client()
    sign_in(root, staff.email)
    path = "/staff/limits/tenantlimits/of/"
    assert root.get(path).status_code == 200
    saved = root.post(f"{path}?tenant=acme", {"sessions": 50, "requests_per_minute": ""})
    assert saved.status_code == 302
    assert limits_of(alice.tenant.id).sessions == 50
    assert actions(alice)[0] == "limits.changed"
    with tenant_context(alice.tenant.id):
        row = selectors.TenantLimits.objects.get()
    page = f"/staff/limits/tenantlimits/{row.pk}/set/"
    assert 'value="50"' in root.get(page).content.decode()
    assert root.post(page, {"sessions": 0}).status_code == 422
    root.post(page, {"sessions": ""})
    assert limits_of(alice.tenant.id).sessions == 20


@pytest.mark.django_db
def test_an_answer_needs_an_open_request(alice: Person) -> None:
    request = ask(alice)
    with tenant_context(alice.tenant.id):
        limit_request_answer(request_id=request.pk, granted=30)
        with pytest.raises(ValidationError, match="answered before"):
            limit_request_answer(request_id=request.pk, granted=None, answer="No.")


@pytest.mark.django_db
def test_a_key_gets_limits_of_its_own_and_loses_them_again(alice: Person) -> None:
    api, key = client_of(alice), alice.make_key("phone", sessions_limit=2)
    path = f"/api/v1/keys/{key.key.pk}"
    assert api.get(path).json()["sessions_limit"] == 2
    changed = api.patch(path, {"events_per_second_limit": 50}, content_type="application/json").json()
    assert (changed["sessions_limit"], changed["events_per_second_limit"]) == (2, 50)
    changed = api.patch(path, {"sessions_limit": None}, content_type="application/json").json()
    assert (changed["sessions_limit"], changed["events_per_second_limit"]) == (None, 50)
    assert api.patch(path, {"sessions_limit": 0}, content_type="application/json").status_code == 422


@pytest.mark.django_db
def test_a_keys_limits_are_on_its_page(alice: Person) -> None:
    client, key = signed_in(alice), alice.make_key("phone", sessions_limit=2)
    page = f"/acme/keys/{key.key.pk}/"
    assert "2 sessions at most" in client.get("/acme/keys/").content.decode()
    form = {"name": "phone", "scopes": ["realtime"], "sessions_limit": "", "events_per_second_limit": "9"}
    assert client.post(page, form).status_code == 302
    shown = client.get("/acme/keys/").content.decode()
    assert "sessions at most" not in shown
    assert "9 events a second at most" in shown
    assert client.post(page, {**form, "sessions_limit": "0"}).status_code == 422


@pytest.mark.django_db
def test_a_rotated_key_keeps_its_limits(alice: Person) -> None:
    key = alice.make_key("phone", sessions_limit=2, events_per_second_limit=9).key
    with tenant_context(alice.tenant.id):
        successor = api_key_rotate(key=key, overlap=timedelta(0)).key
    assert (successor.sessions_limit, successor.events_per_second_limit) == (2, 9)
