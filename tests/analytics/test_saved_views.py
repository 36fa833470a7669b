"""Views of the analytics page: saved, shared, changed, begun with."""

import pytest
from django.test import Client

from apps.analytics.models import DefaultView, SavedView
from apps.analytics.selectors import saved_view_list
from apps.audit.models import AuditEvent
from apps.core.tenancy import tenant_context
from apps.tenants.models import Membership, Role
from tests.cast import PASSWORD, Person, member_of

pytestmark = pytest.mark.django_db
PAGE = "/acme/analytics/"
VIEWS = f"{PAGE}views/"


def signed_in(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


def save(person: Person, name: str, query: str = "period=7&by=model", **fields: str) -> str:
    """Where it leads to."""
    return str(signed_in(person).post(VIEWS, {"name": name, "query": query, **fields})["location"])


def view_of(person: Person, name: str) -> SavedView:
    with tenant_context(person.tenant.id):
        return SavedView.objects.get(name=name)


def names_for(person: Person) -> list[str]:
    with tenant_context(person.tenant.id):
        return [view.name for view in saved_view_list(member_id=person.membership.id)]


def test_it_works(alice: Person) -> None:
    assert save(alice, "By model") == f"{PAGE}?period=7&by=model"
    answer = signed_in(alice).get(VIEWS)
    assert f'href="{PAGE}?period=7&amp;by=model"' in answer.content.decode()
    assert names_for(alice) == ["By model"]
    with tenant_context(alice.tenant.id):
        event = AuditEvent.objects.get(action="saved_view.created")
    assert (event.target_label, event.after and event.after["query"]) == ("By model", "period=7&by=model")


def test_only_what_the_page_knows_is_saved(alice: Person) -> None:
    save(alice, "Mine", query="next=//evil.example&by=model&period=7")
    save(alice, "Nothing chosen", query="")
    assert view_of(alice, "Mine").query == "period=7&by=model"
    assert view_of(alice, "Nothing chosen").query == "period=30"


def test_ones_own_is_seen_by_nobody_else_and_a_shared_one_by_all(alice: Person, bob: Person) -> None:
    save(alice, "Mine")
    save(alice, "Ours", is_shared="on")
    assert names_for(bob) == ["Ours"]
    mine = view_of(alice, "Mine")
    for path in ("", "delete", "begin"):
        assert signed_in(bob).post(f"{VIEWS}{mine.id}/{path}").status_code == 404
    save(bob, "Mine")
    assert names_for(bob) == ["Mine", "Ours"]


def test_the_page_begins_with_the_one_that_was_chosen(alice: Person, bob: Person) -> None:
    save(alice, "Ours", is_shared="on")
    view, client = view_of(alice, "Ours"), signed_in(alice)
    client.post(f"{VIEWS}{view.id}/begin", {"begins": "yes"})
    assert client.get(PAGE)["location"] == f"{PAGE}?{view.query}"
    assert client.get(f"{PAGE}?period=30").status_code == 200
    assert signed_in(bob).get(PAGE).status_code == 200
    client.post(f"{VIEWS}{view.id}/begin", {"begins": "no"})
    assert client.get(PAGE).status_code == 200


def test_it_is_renamed_and_shared_and_taken_back(alice: Person, bob: Person) -> None:
    save(alice, "Mine")
    view = view_of(alice, "Mine")
    address = f"{VIEWS}{view.id}/"
    client = signed_in(alice)
    assert client.post(address, {"name": "Ours", "is_shared": "on"}).status_code == 302
    assert names_for(bob) == ["Ours"]
    signed_in(bob).post(f"{address}begin", {"begins": "yes"})
    assert client.post(address, {"name": "Ours"}).status_code == 302
    assert names_for(bob) == []
    with tenant_context(alice.tenant.id):
        assert not DefaultView.objects.exists()


def test_a_deleted_one_is_begun_with_no_more(alice: Person) -> None:
    save(alice, "Mine")
    view, client = view_of(alice, "Mine"), signed_in(alice)
    client.post(f"{VIEWS}{view.id}/begin", {"begins": "yes"})
    client.post(f"{VIEWS}{view.id}/delete")
    assert client.get(PAGE).status_code == 200
    assert names_for(alice) == []


def test_a_shared_one_is_changed_by_its_maker_and_by_admins_only(alice: Person, bob: Person) -> None:
    carol = member_of(alice.tenant, "carol", Role.DEVELOPER)
    save(bob, "Ours", is_shared="on")
    address = f"{VIEWS}{view_of(bob, 'Ours').id}/"
    refused = signed_in(carol).post(address, {"name": "Hers", "is_shared": "on"})
    assert refused.status_code == 422
    assert "ask who made it, or an admin" in refused.content.decode()
    signed_in(carol).post(f"{address}delete")
    assert names_for(carol) == ["Ours"]
    signed_in(alice).post(address, {"name": "Of the workspace", "is_shared": "on"})
    assert names_for(carol) == ["Of the workspace"]


def test_a_viewer_shares_none(alice: Person) -> None:
    dave = member_of(alice.tenant, "dave", Role.VIEWER)
    save(dave, "Mine")
    save(dave, "Ours", is_shared="on")
    assert (names_for(dave), names_for(alice)) == (["Mine"], [])


@pytest.mark.parametrize("name", ["", "Ours", "x" * 81])
def test_a_name_that_is_taken_missing_or_too_long_is_refused(alice: Person, name: str) -> None:
    save(alice, "Ours", is_shared="on")
    client = signed_in(alice)
    client.post(VIEWS, {"name": name, "query": "", "is_shared": "on"})
    assert names_for(alice) == ["Ours"]


def test_ones_own_goes_with_its_member_and_a_shared_one_stays(alice: Person, bob: Person) -> None:
    save(bob, "Mine")
    save(bob, "Ours", is_shared="on")
    with tenant_context(alice.tenant.id):
        Membership.objects.get(id=bob.membership.id).delete()
        assert [view.name for view in SavedView.objects.all()] == ["Ours"]


def test_there_are_not_too_many(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.analytics.services.MOST_VIEWS", 1)
    save(alice, "One")
    save(alice, "Two")
    assert names_for(alice) == ["One"]
