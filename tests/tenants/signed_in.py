from django.test import Client

from apps.tenants.models import Role
from tests.cast import PASSWORD, Person, member_of


def signed_in(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


def colleague(person: Person, role: Role) -> Person:
    return member_of(person.tenant, f"{role}-colleague", role)
