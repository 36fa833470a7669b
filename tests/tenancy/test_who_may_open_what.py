"""Every page of a tenant, with each role and method: who gets in is what this table says, no more and no less."""

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from apps.core.tenancy import tenant_context
from apps.tenants.models import Role
from apps.tenants.roles import ALLOWED, May
from tests.cast import Person, member_of
from tests.tenancy.test_urls_hide_other_tenants import arguments_of, patterns

# What each page demands, by the name of its URL. A page that answers no other method answers 405.
EXPECTED: dict[str, dict[str, May]] = {
    "tenant": {"GET": May.VIEW},
    "key-create": {"POST": May.CONNECT},
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
    "audit": {"GET": May.READ_AUDIT},
    "audit-export": {"GET": May.READ_AUDIT},
}
ROUTES = {
    pattern.name: sorted(pattern.pattern.converters)
    for pattern in patterns(get_resolver())
    if "slug" in pattern.pattern.converters
}


def test_every_page_of_a_tenant_has_its_row() -> None:
    assert set(EXPECTED) == set(ROUTES)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", EXPECTED)
def test_it_opens_for_who_may_and_nobody_else(name: str, method: str, alice: Person) -> None:
    demanded = EXPECTED[name].get(method)
    people = {role: member_of(alice.tenant, role, role) for role in (Role.VIEWER, Role.DEVELOPER, Role.ADMIN)}
    for role, person in {**people, Role.OWNER: alice}.items():
        arguments = {key: value for key, value in arguments_of(alice).items() if key in ROUTES[name]}
        client = Client()
        client.force_login(person.user)
        status = client.generic(method, reverse(name, kwargs=arguments)).status_code
        if demanded is None:
            assert status == 405
        else:
            assert (status != 403) == (demanded in ALLOWED[role]), f"{role} got {status}"
            assert status != 404, "The row's arguments are those of another tenant."
        _forget(alice)


def _forget(alice: Person) -> None:
    """What `arguments_of` made, so that it can be made again."""
    from apps.tenants.selectors import invitation_list

    with tenant_context(alice.tenant.id):
        invitation_list().delete()


def test_an_anonymous_visitor_is_asked_to_sign_in(alice: Person) -> None:
    for name, wanted in ROUTES.items():
        method = next(iter(EXPECTED[name]))
        arguments = {key: value for key, value in arguments_of(alice).items() if key in wanted}
        response = Client().generic(method, reverse(name, kwargs=arguments))
        assert response["location"].startswith("/accounts/login/"), name
        _forget(alice)
