from django.test import Client

from apps.keys.models import Scope
from tests.cast import Person


def client_of(person: Person, *scopes: str) -> Client:
    """With a key that has these scopes, or all."""
    key = person.make_key(scopes=scopes or Scope.values).text
    return Client(headers={"authorization": f"Bearer {key}"}, raise_request_exception=False)
