import pytest
from django.test import Client

from tests.api.clients import client_of
from tests.cast import Person


@pytest.fixture
def api(alice: Person) -> Client:
    """Alice's, with a key that may do everything."""
    return client_of(alice)
