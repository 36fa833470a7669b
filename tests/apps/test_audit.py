"""The audit log: what was changed, by whom, from where; never altered."""

from functools import partial

import pytest
from django.db import ProgrammingError, transaction
from django.test import RequestFactory
from django.test.utils import override_settings

from apps.audit.acting import SYSTEM, Actor, acting, client_address
from apps.audit.selectors import audit_list
from apps.audit.services import differences, record
from apps.core.tenancy import tenant_context
from tests.cast import Person


def test_it_notes_who_did_what_from_where(alice: Person) -> None:
    with tenant_context(alice.tenant.id), acting(Actor.person(alice.user, address="192.0.2.7")):
        record(
            action="tenant.renamed", target=alice.tenant, before={"name": "Acme"}, after={"name": "Acme Ltd"}
        )
        event = audit_list().first()
    assert event is not None
    assert (event.actor_kind, event.actor_label, event.address) == (
        "person",
        "alice@example.com",
        "192.0.2.7",
    )
    assert (event.action, event.target_kind, event.target_label) == ("tenant.renamed", "tenant", "Acme")
    assert (event.before, event.after) == ({"name": "Acme"}, {"name": "Acme Ltd"})


def test_what_nobody_in_particular_does_is_the_platforms(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        assert record(action="tenant.checked", target=alice.tenant).actor_label == SYSTEM.label


def test_only_what_differs_is_kept() -> None:
    assert differences({"a": 1, "b": 2, "gone": 3}, {"a": 1, "b": 4, "new": 5}) == (
        {"b": 2, "gone": 3},
        {"b": 4, "new": 5},
    )


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_refuses_to_change_it(alice: Person, change: str) -> None:
    with tenant_context(alice.tenant.id):
        record(action="tenant.checked", target=alice.tenant)
        events = audit_list()
        attempt = partial(events.update, action="nothing") if change == "update" else events.delete
        with pytest.raises(ProgrammingError, match="never changed"), transaction.atomic():
            attempt()


@override_settings(TRUSTED_PROXIES=0)
def test_without_a_trusted_proxy_nobody_can_claim_an_address() -> None:
    request = RequestFactory().get("/", headers={"x-forwarded-for": "198.51.100.1"}, REMOTE_ADDR="192.0.2.7")
    assert client_address(request) == "192.0.2.7"


@override_settings(TRUSTED_PROXIES=1)
def test_behind_one_proxy_it_is_the_address_that_the_proxy_saw() -> None:
    forged_and_seen = {"x-forwarded-for": "203.0.113.9, 198.51.100.1"}
    request = RequestFactory().get("/", headers=forged_and_seen, REMOTE_ADDR="10.0.0.1")
    assert client_address(request) == "198.51.100.1"
