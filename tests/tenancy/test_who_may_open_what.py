"""Every page of a tenant, with each role and method: who gets in is what this table says, no more and no less."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse

from apps.tenants.models import Role
from apps.tenants.roles import ALLOWED, May
from tests.cast import Person, member_of, owner_of
from tests.tenancy.test_urls_hide_other_tenants import arguments_of, patterns

# What each page demands, by the name of its URL. A page that answers no other method answers 405.
EXPECTED: dict[str, dict[str, May]] = {
    "tenant": {"GET": May.VIEW},
    "keys": {"GET": May.VIEW},
    "key-create": {"GET": May.CONNECT, "POST": May.CONNECT},
    "key-edit": {"GET": May.CONNECT, "POST": May.CONNECT},
    "key-rotate": {"POST": May.CONNECT},
    "key-revoke": {"POST": May.CONNECT},
    "providers": {"GET": May.VIEW},
    "credential-set": {"POST": May.CONNECT},
    "provider-put": {"POST": May.CONNECT},
    "provider-check": {"POST": May.CONNECT},
    "provider-delete": {"POST": May.CONNECT},
    "team": {"GET": May.VIEW},
    "invitation-create": {"POST": May.MANAGE_TEAM},
    "invitation-resend": {"POST": May.MANAGE_TEAM},
    "invitation-revoke": {"POST": May.MANAGE_TEAM},
    "member-role": {"POST": May.MANAGE_TEAM},
    "member-remove": {"POST": May.MANAGE_TEAM},
    "member-leave": {"POST": May.VIEW},
    "tenant-transfer": {"POST": May.OWN},
    "settings": {"GET": May.MANAGE_SETTINGS, "POST": May.MANAGE_SETTINGS},
    "tenant-address": {"POST": May.MANAGE_SETTINGS},
    "tenant-delete": {"POST": May.OWN},
    "limits": {"GET": May.VIEW},
    "limits-ask": {"POST": May.MANAGE_SETTINGS},
    "billing": {"GET": May.VIEW},
    "plans": {"GET": May.VIEW},
    "plan-change": {"POST": May.MANAGE_BILLING},
    "subscription-cancel": {"POST": May.MANAGE_BILLING},
    "subscription-resume": {"POST": May.MANAGE_BILLING},
    "billing-portal": {"POST": May.MANAGE_BILLING},
    "top-up": {"POST": May.MANAGE_BILLING},
    "recharge": {"POST": May.MANAGE_BILLING},
    "billing-details": {"POST": May.MANAGE_BILLING},
    "statement": {"GET": May.VIEW},
    "statement-export": {"GET": May.VIEW},
    "statement-entry": {"GET": May.VIEW},
    "invoice": {"GET": May.VIEW},
    "invoice-export": {"GET": May.VIEW},
    "invoice-line": {"GET": May.VIEW},
    "privacy": {"GET": May.DELETE_SESSIONS},
    "privacy-erase": {"POST": May.DELETE_SESSIONS},
    "privacy-retry": {"POST": May.DELETE_SESSIONS},
    "privacy-manifest": {"GET": May.DELETE_SESSIONS},
    "privacy-export": {"POST": May.OWN},
    "privacy-download": {"GET": May.OWN},
    "privacy-cancel": {"POST": May.OWN},
    "audit": {"GET": May.READ_AUDIT},
    "audit-export": {"GET": May.READ_AUDIT},
    "agents": {"GET": May.VIEW, "POST": May.BUILD},
    "agent": {"GET": May.VIEW},
    "agent-draft": {"POST": May.BUILD},
    "agent-details": {"POST": May.BUILD},
    "agent-publish": {"GET": May.BUILD, "POST": May.BUILD},
    "agent-versions": {"GET": May.VIEW},
    "agent-traffic": {"POST": May.BUILD},
    "agent-compare": {"GET": May.VIEW},
    "agent-restore": {"POST": May.BUILD},
    "agent-code": {"GET": May.VIEW},
    "agent-duplicate": {"POST": May.BUILD},
    "agent-archive": {"POST": May.BUILD},
    "agent-unarchive": {"POST": May.BUILD},
    "tools": {"GET": May.VIEW},
    "tool-new": {"GET": May.BUILD, "POST": May.BUILD},
    "tool": {"GET": May.BUILD, "POST": May.BUILD},
    "tool-try": {"POST": May.BUILD},
    "tool-rotate": {"POST": May.BUILD},
    "tool-archive": {"POST": May.BUILD},
    "tool-restore": {"POST": May.BUILD},
    "playground": {"GET": May.TALK},
    "playground-secret": {"POST": May.TALK},
    "sessions": {"GET": May.VIEW},
    "sessions-running": {"GET": May.VIEW},
    "sessions-columns": {"POST": May.VIEW},
    "sessions-export": {"GET": May.VIEW},
    "session": {"GET": May.VIEW},
    "session-transcript": {"GET": May.VIEW},
    "transcript-text": {"GET": May.VIEW},
    "transcript-json": {"GET": May.VIEW},
    "session-recording": {"GET": May.VIEW},
    "recording-play": {"POST": May.LISTEN_IN},
    "recording-download": {"GET": May.LISTEN_IN},
    "recording-delete": {"POST": May.DELETE_SESSIONS},
    "session-insights": {"GET": May.VIEW},
    "session-again": {"POST": May.TALK},
    "session-latency": {"GET": May.VIEW},
    "session-cost": {"GET": May.VIEW},
    "session-events": {"GET": May.VIEW},
    "session-raw": {"GET": May.VIEW},
    "session-download": {"GET": May.VIEW},
    "session-delete": {"POST": May.DELETE_SESSIONS},
    "session-end": {"POST": May.END_SESSIONS},
    "budgets": {"GET": May.VIEW},
    "budget-create": {"GET": May.MANAGE_BILLING, "POST": May.MANAGE_BILLING},
    "budget": {"GET": May.MANAGE_BILLING, "POST": May.MANAGE_BILLING},
    "budget-delete": {"POST": May.MANAGE_BILLING},
    "live": {"GET": May.VIEW},
    "logs": {"GET": May.VIEW},
    "analytics": {"GET": May.VIEW},
    "analytics-export": {"GET": May.VIEW},
    "analytics-views": {"GET": May.VIEW, "POST": May.VIEW},
    "analytics-view": {"GET": May.VIEW, "POST": May.VIEW},
    "analytics-view-delete": {"POST": May.VIEW},
    "analytics-view-begin": {"POST": May.VIEW},
    "usage": {"GET": May.VIEW},
    "usage-export": {"GET": May.VIEW},
    "usage-records": {"GET": May.VIEW},
    "usage-records-export": {"GET": May.VIEW},
    "session-sheet": {"POST": May.VIEW},
    "reports": {"GET": May.VIEW},
    "report-new": {"GET": May.VIEW, "POST": May.VIEW},
    "report-download": {"GET": May.VIEW},
    "report-cancel": {"POST": May.VIEW},
    "report-retry": {"POST": May.VIEW},
    "report-delete": {"POST": May.BUILD},
    "report-schedules": {"GET": May.VIEW},
    "report-schedule-new": {"GET": May.CONNECT, "POST": May.CONNECT},
    "report-schedule": {"GET": May.CONNECT, "POST": May.CONNECT},
    "report-schedule-pause": {"POST": May.CONNECT},
    "report-schedule-delete": {"POST": May.CONNECT},
    "customers": {"GET": May.VIEW},
    "customer-new": {"GET": May.MANAGE_BILLING, "POST": May.MANAGE_BILLING},
    "customer": {"GET": May.VIEW},
    "customer-edit": {"GET": May.MANAGE_BILLING, "POST": May.MANAGE_BILLING},
    "customer-markup": {"POST": May.MANAGE_BILLING},
    "customer-records": {"GET": May.VIEW},
    "customer-statement-issue": {"POST": May.MANAGE_BILLING},
    "customer-statement": {"GET": May.VIEW},
    "customer-statement-print": {"GET": May.VIEW},
    "customer-statement-csv": {"GET": May.VIEW},
    "webhooks": {"GET": May.CONNECT},
    "webhook-new": {"GET": May.CONNECT, "POST": May.CONNECT},
    "webhook-deliveries": {"GET": May.CONNECT},
    "webhook-delivery": {"GET": May.CONNECT},
    "webhook-resend": {"POST": May.CONNECT},
    "webhook": {"GET": May.CONNECT, "POST": May.CONNECT},
    "webhook-reveal": {"POST": May.CONNECT},
    "webhook-rotate": {"POST": May.CONNECT},
    "webhook-test": {"POST": May.CONNECT},
    "webhook-switch": {"POST": May.CONNECT},
    "webhook-delete": {"POST": May.CONNECT},
    "routers": {"GET": May.VIEW},
    "router-new": {"GET": May.BUILD, "POST": May.BUILD},
    "router": {"GET": May.VIEW, "POST": May.BUILD},
    "router-test": {"GET": May.VIEW},
    "router-delete": {"POST": May.BUILD},
    "voices": {"GET": May.VIEW},
    "voice-sample": {"GET": May.TALK},
}
ROUTES = {
    pattern.name: sorted(pattern.pattern.converters)
    for pattern in patterns(get_resolver())
    if "slug" in pattern.pattern.converters
}


def test_every_page_of_a_tenant_has_its_row() -> None:
    assert set(EXPECTED) == set(ROUTES)


@dataclass(frozen=True)
class House:
    """A tenant with a person of each role, and what may stand in its addresses."""

    people: Mapping[Role, Person]
    arguments: Mapping[str, object]

    def url(self, name: str) -> str:
        return reverse(name, kwargs={key: self.arguments[key] for key in ROUTES[name]})


@pytest.fixture(scope="module")
def house(lasting: Callable[[], AbstractContextManager[None]]) -> House:
    with lasting():
        alice = owner_of("acme", "alice")
        others = {role: member_of(alice.tenant, role, role) for role in Role if role != Role.OWNER}
        return House({**others, Role.OWNER: alice}, arguments_of(alice))


@contextmanager
def undone() -> Iterator[None]:
    """Who may delete something leaves it to the next."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.parametrize("name", EXPECTED)
def test_it_opens_for_who_may_and_nobody_else(name: str, house: House) -> None:
    url = house.url(name)
    for role, person in house.people.items():
        client = Client()
        client.force_login(person.user)
        for method in ("GET", "POST"):
            demanded = EXPECTED[name].get(method)
            with undone():
                status = client.generic(method, url).status_code
            if demanded is None:
                assert status == 405
            else:
                assert (status != 403) == (demanded in ALLOWED[role]), f"{role} got {status} for {method}"
                assert status < 500


@pytest.mark.django_db
def test_an_anonymous_visitor_is_asked_to_sign_in(house: House) -> None:
    for name in ROUTES:
        response = Client().generic(next(iter(EXPECTED[name])), house.url(name))
        assert response["location"].startswith("/accounts/login/"), name
