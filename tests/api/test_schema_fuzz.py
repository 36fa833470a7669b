"""The management API against its own schema: whatever fits it, and much that does not, gets an answer that it
describes, and never an error of ours.

`make soak` sends many more requests, others each time, and every boundary that the schema has.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi import checks

from apps.keys.models import Scope
from tests.api.things import make_things
from tests.cast import Person, owner_of

pytestmark = pytest.mark.django_db

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
EXAMPLES = 120 if LONG else 4
CHECKS: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
CONFIG = {"phases": {"coverage": {"enabled": LONG}, "stateful": {"enabled": False}}}


schema = schemathesis.openapi.from_wsgi(
    "/api/v1/openapi.json", get_wsgi_application(), config=schemathesis.Config.from_dict(CONFIG)
)


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Whoever closed the test's connection after a request would end the transaction that is to be undone."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def alice(lasting: Callable[[], AbstractContextManager[None]]) -> Person:
    with lasting():
        return owner_of("acme", "alice")


@pytest.fixture(scope="module")
def key(alice: Person, lasting: Callable[[], AbstractContextManager[None]]) -> str:
    with lasting():
        return alice.make_key(scopes=Scope.values).text


@pytest.fixture(scope="module")
def things(alice: Person, lasting: Callable[[], AbstractContextManager[None]]) -> dict[str, object]:
    with lasting():
        return make_things(alice)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=not LONG,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_it_answers_as_its_schema_says(case: schemathesis.Case, key: str, things: dict[str, object]) -> None:
    """Half of the requests are about things that there are. Each is undone, so that the next finds them, too."""
    if len(str(case.query)) % 2:
        case.path_parameters.update(
            {name: str(things[name]) for name in case.path_parameters if name in things}
        )
    with transaction.atomic():
        case.call_and_validate(checks=CHECKS, headers={"authorization": f"Bearer {key}"})
        transaction.set_rollback(True)
